/* Properties of the shim's pure parts, on random input that lies in exactly sized blocks, for a build with
 * AddressSanitizer and UndefinedBehaviorSanitizer. usage: pure SEED ROUNDS. Ends with 1 at the first failure. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "config.h"
#include "image.h"
#include "mountinfo.h"
#include "name.h"
#include "scope.h"

struct nlinkshim_state state;

static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(1);
}

/* Random pieces joined; the block is as long as the text, so that one byte too far is seen. */
static char *random_text(const char *const *pieces, unsigned count, unsigned most)
{
    size_t length = 0;
    char *text = calloc(1, 1);
    for (unsigned n = below(most + 1); n; n--) {
        const char *piece = pieces[below(count)];
        text = realloc(text, length + strlen(piece) + 1);
        strcpy(text + length, piece);
        length += strlen(piece);
    }
    return text;
}
#define RANDOM_TEXT(pieces, most) random_text(pieces, sizeof pieces / sizeof *pieces, most)

static void scope_property(void)
{
    static const char *const pieces[] = {"/", ":", "a", "fuse", "off", "/mnt", ":/x", "//", "\n", "\xff", " "};
    static const char *const long_pieces[] = {"/abcdefghijklmnopqrstuvwxyz", ":/"};
    char *text = below(20) ? RANDOM_TEXT(pieces, 8) : RANDOM_TEXT(long_pieces, 250);
    struct scope got;
    memset(&got, 0xa5, sizeof got);
    const char *problem = scope_parse(&got, text);

    unsigned parts = 1, relative = 0;
    for (const char *at = text; *at; at++)
        parts += *at == ':';
    const char *part = text;
    for (unsigned i = 0; i < parts; i++, part = strchrnul(part, ':') + 1)
        relative |= *part != '/';
    int word = strcmp(text, "fuse") == 0 || strcmp(text, "off") == 0;
    int good = word || (!relative && parts <= SCOPE_MAX_PATHS && strlen(text) < SCOPE_TEXT_SIZE);
    if (good != (problem == NULL))
        fail("scope '%s': %s", text, problem ? problem : "taken");
    if (problem && (got.kind != SCOPE_FUSE || got.count != 0))
        fail("scope '%s' is refused but kept", text);
    if (good && !word) {
        if (got.kind != SCOPE_PATHS || got.count != parts)
            fail("scope '%s': %u paths", text, got.count);
        part = text;
        for (unsigned i = 0; i < parts; i++, part = strchrnul(part, ':') + 1) {
            size_t length = (size_t)(strchrnul(part, ':') - part);
            while (length > 1 && part[length - 1] == '/')
                length--;
            if (got.path[i].start != part - text || got.path[i].length != length)
                fail("scope '%s': path %u is %u+%u", text, i, got.path[i].start, got.path[i].length);
        }
    }
    free(text);
}

static void environment_property(void)
{
    static const char *const pieces[] = {"A", "=", "B", "AB", "A=", ""};
    char *environment[6] = {NULL};
    unsigned count = below(6);
    for (unsigned i = 0; i < count; i++)
        environment[i] = RANDOM_TEXT(pieces, 4);
    static const char *const names[] = {"A=", "AB=", "B="};
    for (unsigned n = 0; n < 3; n++) {
        const char *expected = NULL;
        for (unsigned i = 0; i < count && !expected; i++)
            if (strncmp(environment[i], names[n], strlen(names[n])) == 0)
                expected = environment[i] + strlen(names[n]);
        if (environment_value(environment, names[n]) != expected)
            fail("environment_value %s", names[n]);
    }
    for (unsigned i = 0; i < count; i++)
        free(environment[i]);
}

/* The absolute path with `.`, `..` and double slashes taken out, as if there were no symlinks. */
static void normalise(const char *path, char *out)
{
    char *end = out;
    while (*path) {
        const char *stop = strchrnul(path, '/');
        size_t length = (size_t)(stop - path);
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            while (end > out && *--end != '/')
                ;
        } else if (length && !(length == 1 && *path == '.')) {
            *end++ = '/';
            memcpy(end, path, length);
            end += length;
        }
        path = *stop ? stop + 1 : stop;
    }
    *end = '\0';
}

static int lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (!path[length] || path[length] == '/');
}

/* One of those that take no close look: what is not hidden, no number and none of the links of /proc. */
static int is_everyday(const char *path)
{
    static const char *const special[] = {"cwd", "root", "exe", "stdin", "stdout", "stderr"};
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    for (size_t end = strlen(copy); end && copy[end - 1] == '/'; end--)
        copy[end - 1] = '\0';
    const char *slash = strrchr(copy, '/'), *last = slash ? slash + 1 : copy;
    if (!*last || last[0] == '.' || last[strspn(last, "0123456789")] == '\0')
        return 0;
    for (unsigned i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(last, special[i]) == 0)
            return 0;
    return path[0] != '/' || (path[1] != '/' && path[1] != '.' && !lies_in(path, "/proc") && !lies_in(path, "/dev"));
}

static void name_property(void)
{
    static const char *const pieces[] = {"/", "/", "/", ".", "..", "proc", "dev", "fd", "self", "5", "a", "stdin", "procs", "root", "cwd", "x.e", "12", "out", "stderr", "exe", "std", "\xff", "/proc/", "/dev/fd/"};
    char *path = RANDOM_TEXT(pieces, 9);
    int directory = (int)below(2);
    enum name_kind kind = name_kind(path, directory);
    size_t length = strlen(path);
    char plain[128];
    normalise(path, plain);

    if (!length && kind != NAME_DESCRIPTOR)
        fail("the empty path is ordinary");
    if (path[0] == '/' && kind == NAME_RELATIVE)
        fail("'%s' is called relative", path);
    /* `..` behind a name may lead anywhere: tests/shim/test_truth.py asks the kernel about those. */
    const char *first = path + strspn(path, "./");
    int climbs_later = first && strstr(first, "..") != NULL;
    if (path[0] == '/' && !climbs_later && (lies_in(plain, "/proc") || lies_in(plain, "/dev/fd")) && kind != NAME_DESCRIPTOR)
        fail("'%s' is called ordinary", path);
    size_t end = length;
    while (end && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start && path[start - 1] != '/')
        start--;
    int dots = end > start && end - start <= 2 && strspn(path + start, ".") >= end - start;
    if (dots && directory && kind != NAME_DESCRIPTOR)
        fail("'%s' ends in dots and is called ordinary", path);
    if (path[0] == '/' && !dots && !strstr(path, "proc") && !strstr(path, "dev") && !strstr(path, "..") &&
        kind != NAME_ORDINARY)
        fail("'%s' is not called ordinary", path);
    if (name_is_plain(path, length) && kind != NAME_ORDINARY && !(dots && !directory))
        fail("'%s' is plain and yet not ordinary", path);
    if (is_everyday(path) && !name_is_plain(path, length))
        fail("'%s' is not plain", path);
    if (kind == NAME_RELATIVE && !climbs_later && path[0] != '.') {
        static const char *const bases[] = {"/proc/self", "/proc", "/dev", "/proc/12/fd"};
        for (unsigned i = 0; i < 4; i++)
            if (name_kind_from(bases[i], path) != NAME_DESCRIPTOR)
                fail("'%s' from %s is called ordinary", path, bases[i]);
        if (name_kind_from("/mnt/dfs", path) != NAME_ORDINARY)
            fail("'%s' from /mnt/dfs is not called ordinary", path);
    }
    free(path);
}

/* Devices that want the same slots: each verdict stays for its own device and second, and for no other. */
static void cache_property(void)
{
    enum { DEVICES = 6 };
    struct {
        uint64_t device;
        uintptr_t stamp;
        enum verdict verdict;
    } known[DEVICES] = {{0}};
    uintptr_t stamp = below(3);
    memset(scope_slots, 0, sizeof scope_slots);
    for (unsigned i = 0; i < DEVICES; i++)
        known[i].device = 40 + i % 2 + i / 2 * SCOPE_SLOTS;
    for (unsigned step = 0; step < 30; step++) {
        unsigned one = below(DEVICES);
        known[one].stamp = stamp += below(5) == 0;
        known[one].verdict = 1 + below(VERDICT_END - 1);
        scope_remember(known[one].device, stamp, known[one].verdict);
        for (unsigned i = 0; i < DEVICES; i++) {
            enum verdict expected = known[i].stamp == stamp ? known[i].verdict : VERDICT_NONE;
            enum verdict got = scope_cached(known[i].device, stamp);
            if (got != expected)
                fail("device %lu in second %lu: %d, not %d", known[i].device, stamp, got, expected);
        }
    }
    unsigned major = below(1 << 12), minor = below(1 << 20);
    if (device_number(major, minor) != makedev(major, minor))
        fail("the number of device %u:%u", major, minor);
}

/* A mount table and what is in scope, worked out from the table itself. */
enum { MOUNTS = 12, POINTS = 5 };

struct mount {
    unsigned id, parent, minor;
    const char *point, *type;
};

static const char *const points[POINTS] = {"/mnt/a", "/mnt/with space", "/mnt/new\nline\\", "/", "/mnt/ab"};
static const char *const types[] = {"fuse", "fuse.lying", "fuseblk", "fusectl", "ext4", "tmpfs", "overlay", "fuse3", "zfs"};

static int fuse_type(const char *type)
{
    return strcmp(type, "fuse") == 0 || strncmp(type, "fuse.", 5) == 0 || strcmp(type, "fuseblk") == 0;
}

static int countable(const char *type)
{
    return strcmp(type, "ext4") != 0 && strcmp(type, "tmpfs") != 0 && strcmp(type, "zfs") != 0;
}

static size_t write_line(char *out, const struct mount *mount)
{
    char escaped[128], *end = escaped;
    for (const char *c = mount->point; *c; c++)
        end += strchr(" \t\n\\#", *c) ? sprintf(end, "\\%03o", *c) : sprintf(end, "%c", *c);
    static const char *const optional[] = {"", " shared:1", " shared:1 master:2", " -x", " unbindable"};
    return (size_t)sprintf(out, "%u %u 0:%u / %.*s rw,nosuid%s - %s source%s rw,a=b\n", mount->id, mount->parent,
                           mount->minor, (int)(end - escaped), escaped, optional[below(5)], mount->type,
                           below(4) ? "" : "\\040-\\040fuse");
}

static void mountinfo_property(void)
{
    struct mount table[MOUNTS];
    unsigned count = 1 + below(MOUNTS), top[POINTS] = {0}, stacked[POINTS] = {0}, highest = 0, order[MOUNTS];
    for (unsigned i = 0; i < count; i++) {
        unsigned point = below(POINTS);
        /* Stacked on what is there, if anything: then that is its parent. */
        table[i] = (struct mount){100 + i, top[point] ? top[point] : 1, 20 + below(6), points[point],
                                  types[below(sizeof types / sizeof *types)]};
        top[point] = table[i].id;
        highest = ++stacked[point] > highest ? stacked[point] : highest;
        order[i] = i;
    }
    for (unsigned i = count; i > 1; i--) {
        unsigned other = below(i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    int shuffled = (int)below(2);
    char *text = malloc(count * 512);
    size_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += write_line(text + size, &table[shuffled ? order[i] : i]);
    text = realloc(text, size);

    char wanted[256] = "";
    struct scope in = {.kind = SCOPE_FUSE};
    unsigned chosen[2] = {below(POINTS), below(POINTS)};
    if (below(3)) {
        sprintf(wanted, "%s:%s", points[chosen[0]], points[chosen[1]]);
        if (scope_parse(&in, wanted))
            fail("scope %s", wanted);
    }
    char root[64];
    unsigned device = 20 + below(6), id = below(2) ? 100 + below(count) : 0;
    struct mountinfo info = {.scope = &in, .scope_text = wanted, .device = device, .root = root, .root_size = sizeof root};
    mountinfo_begin(&info);
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + below(64);
        piece = piece < size - at ? piece : size - at;
        char *copy = memcpy(malloc(piece), text + at, piece);
        mountinfo_feed(&info, copy, piece);
        free(copy);
        at += piece;
    }

    int expected = 0, seen = 0;
    for (unsigned i = 0; i < count; i++) {
        seen |= table[i].minor == device;
        if (in.kind == SCOPE_FUSE)
            expected |= table[i].minor == device && fuse_type(table[i].type);
        else
            for (unsigned n = 0; n < 2; n++)
                expected |= table[i].id == top[chosen[n]] && countable(table[i].type) &&
                            (id ? table[i].id == id : table[i].minor == device);
    }
    /* The kernel writes the lines as the mounts were made. In any other order, parents tell stacks of two apart. */
    if (info.device_seen != seen || info.root_found != seen)
        fail("device 0:%u in\n%.*s", device, (int)size, text);
    if (mountinfo_in_scope(&info, id) != expected && (!shuffled || highest <= 2))
        fail("device 0:%u mount %u scope '%s' in\n%.*s: not %d", device, id, wanted, (int)size, text, expected);
    free(text);
}

/* No meaning, but no bad access either. */
static void mountinfo_noise(void)
{
    static const char *const pieces[] = {"1 ", "0:44 ", "/ ", "/mnt ", "- ", "-", "fuse", "\n", "\\", "\\04", "\\777", " ",
                                         "99999999999999999999999 ", "\xff"};
    char *text = RANDOM_TEXT(pieces, 40), root[4];
    struct scope in;
    scope_parse(&in, "/mnt:/");
    struct mountinfo info = {.scope = &in, .scope_text = "/mnt:/", .device = 44, .root = root, .root_size = sizeof root};
    mountinfo_begin(&info);
    mountinfo_feed(&info, text, strlen(text));
    mountinfo_in_scope(&info, below(2));
    free(text);
}

static int check_image(struct dl_phdr_info *object, size_t size, void *libc)
{
    struct image image;
    (void)size;
    if (!object->dlpi_name || !strstr(object->dlpi_name, "/libc.so"))
        return 0;
    if (!image_open(&image, object))
        fail("libc cannot be read");
    static const char *const names[] = {
#define ENTRY(name, shape, layout, relative) #name,
#include "symbols.def"
#undef ENTRY
        "gnu_get_libc_version", "__libc_start_main", "malloc", "no_such_function", "", "environ", "regexec"};
    for (unsigned both = 0; both < 2; both++) {
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            void *expected = strcmp(names[i], "environ") ? dlsym(libc, names[i]) : NULL; /* not a function */
            if (image_function(&image, names[i]) != expected)
                fail("%s is not where dlsym finds it", names[i]);
        }
        if (!image.sysv_hash)
            break;
        image.gnu_hash = NULL;
    }
    return 1;
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 10000;
    for (unsigned round = 0; round < rounds; round++) {
        scope_property();
        environment_property();
        name_property();
        cache_property();
        mountinfo_property();
        mountinfo_noise();
    }
    if (directory_nlink_parse("1") != 1 || directory_nlink_parse("2") != 2 || directory_nlink_parse("12") ||
        directory_nlink_parse("") || directory_nlink_parse("3"))
        fail("directory_nlink_parse");
    if (!dl_iterate_phdr(check_image, dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD)))
        fail("libc was not found");
    printf("passed\n");
    return 0;
}
