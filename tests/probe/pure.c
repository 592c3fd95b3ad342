/* Properties of the shim's pure parts, on random input that lies in exactly sized blocks, for a build with
 * AddressSanitizer and UndefinedBehaviorSanitizer. usage: pure SEED ROUNDS. Ends with 1 at the first failure. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "config.h"
#include "known.h"
#include "name.h"
#include "pure.h"
#include "scope.h"
#include "text.h"

struct nlinkshim_state state;

static uint64_t seed;

unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(1);
}

/* Random pieces joined; the block is as long as the text, so that one byte too far is seen. */
char *random_text(const char *const *pieces, unsigned count, unsigned most)
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

static int is_range(const char *name)
{
    unsigned long start, end;
    int length = 0;
    return sscanf(name, "%lx-%lx%n", &start, &end, &length) == 2 && length && !name[length] && end % 0x1000 == 0 &&
           name[strspn(name, "0123456789abcdef-")] == '\0';
}

/* Whether the end of a path without dots and double slashes is that of a link to an open object, wherever /proc and
 * /dev are mounted. */
static int is_link(const char *plain)
{
    char copy[256], *last, *folder;
    snprintf(copy, sizeof copy, "%s", plain);
    if (!(last = strrchr(copy, '/')))
        return 0;
    *last++ = '\0';
    folder = strrchr(copy, '/');
    folder = folder ? folder + 1 : copy;
#define IS(text, other) (strcmp(text, other) == 0)
    if (!*last || !*folder)
        return 0;
    if (last[strspn(last, "0123456789")] == '\0')
        return IS(folder, "fd");
    if (IS(last, "stdin") || IS(last, "stdout") || IS(last, "stderr"))
        return IS(folder, "dev");
    if (IS(last, "cwd") || IS(last, "root") || IS(last, "exe"))
        return IS(folder, "self") || IS(folder, "thread-self") || folder[strspn(folder, "0123456789")] == '\0';
    return is_range(last) && IS(folder, "map_files");
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
    if (!*last || last[0] == '.' || last[strspn(last, "0123456789")] == '\0' || is_range(last))
        return 0;
    for (unsigned i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(last, special[i]) == 0)
            return 0;
    return path[0] != '/' || (path[1] != '/' && path[1] != '.' && !lies_in(path, "/proc") && !lies_in(path, "/dev"));
}

/* However the text lies in its block, whatever stands around it, and if no memory follows its end. */
static void length_property(void)
{
    enum { BEFORE = 20, LONGEST = 100 };
    static char *page;
    long size = sysconf(_SC_PAGESIZE);
    if (!page) {
        page = mmap(NULL, 2 * (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED || mprotect(page + size, (size_t)size, PROT_NONE) != 0)
            fail("no page to end a text at: %m");
    }
    size_t before = 1 + below(BEFORE), length = below(LONGEST), reach = before + length + 1;
    char *own = malloc(reach), *block = below(3) ? own : page + size - reach - (below(2) ? 0 : below(BEFORE));
    memset(block, below(2) ? 'x' : '\0', before);
    memset(block + before, 'x', length);
    block[before + length] = '\0';
    if (text_length(block + before) != length)
        fail("a length of %zu at %p is told as %zu", length, (void *)block, text_length(block + before));
    free(own);
}

static void name_property(void)
{
    static const char *const pieces[] = {
        "/",      "/",           "/",     ".",        "..",     "proc",     "dev",  "fd",         "self",
        "5",      "a",           "stdin", "procs",    "root",   "cwd",      "x.e",  "12",         "out",
        "stderr", "exe",         "std",   "\xff",     "/proc/", "/dev/fd/", "/fd/", "map_files/", "7f2000-7f3000",
        "5000",   "thread-self", "dev/",  "7000-8000"};
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
    if (path[0] == '/' && !climbs_later && (lies_in(plain, "/proc") || lies_in(plain, "/dev/fd")) &&
        kind != NAME_DESCRIPTOR)
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
    if (!dots && !climbs_later && !strstr(path, "..") && is_link(plain) && kind == NAME_ORDINARY)
        fail("'%s' is called ordinary", path);
    if (path[0] == '/' && !dots && !strstr(path, "/proc") && !strstr(path, "/dev") && !strstr(path, "..") &&
        (kind != NAME_ORDINARY) != is_link(plain))
        fail("'%s' is %scalled ordinary", path, kind == NAME_ORDINARY ? "" : "not ");
    if (name_is_plain(path) && kind != NAME_ORDINARY && !(dots && !directory))
        fail("'%s' is plain and yet not ordinary", path);
    if (is_everyday(path) && !name_is_plain(path))
        fail("'%s' is not plain", path);
    if (kind == NAME_RELATIVE && !climbs_later && path[0] != '.') {
        static const char *const bases[] = {"/proc/self", "/proc", "/dev", "/proc/12/fd"};
        for (unsigned i = 0; i < 4; i++)
            if (name_kind_from(bases[i], path) != NAME_DESCRIPTOR)
                fail("'%s' from %s is called ordinary", path, bases[i]);
        static const char *const others[] = {"/host/proc/1", "/host/proc/1/fd", "/host/proc/1/map_files", "/host/dev"};
        for (unsigned i = 0; i < 4; i++) {
            char whole[256];
            snprintf(whole, sizeof whole, "%s/%.*s", others[i], (int)(end - start), path + start);
            if ((name_kind_from(others[i], path) != NAME_ORDINARY) != is_link(whole))
                fail("'%s' from %s", path, others[i]);
        }
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
        uint64_t stamp;
        enum verdict verdict;
    } known[DEVICES] = {{0}};
    uint64_t stamp = below(3);
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

/* What was shown stays until it is taken back; of a mount that is not known nothing is kept. */
static void known_property(void)
{
    enum { FACTS = 150 }; /* some want the same slot, but none displaces another */
    struct fact facts[FACTS];
    int holds[FACTS] = {0};
    for (unsigned i = 0; i < FACTS; i++)
        facts[i] = (struct fact){40 + i % 2, i % 10 ? 7 + i % 3 : 0, i / 4};
    for (unsigned step = 0; step < 200; step++) {
        unsigned one = below(FACTS);
        holds[one] = facts[one].mount && below(2);
        (holds[one] ? known_add : known_remove)(&facts[one]);
        if (!facts[one].mount)
            known_add(&facts[one]);
        for (unsigned i = 0; step % 20 == 0 && i < FACTS; i++)
            if (known_lie(&facts[i]) != holds[i])
                fail("the lie %u is %sknown", i, holds[i] ? "not " : "");
    }
    for (unsigned i = 0; i < FACTS; i++)
        known_remove(&facts[i]);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 10000;
    for (unsigned round = 0; round < rounds; round++) {
        scope_property();
        environment_property();
        name_property();
        length_property();
        cache_property();
        known_property();
        mountinfo_property();
        mountinfo_noise();
        walk_property();
        if (round % 10 == 0)
            stack_property();
    }
    if (directory_nlink_parse("1") != 1 || directory_nlink_parse("2") != 2 || directory_nlink_parse("12") ||
        directory_nlink_parse("") || directory_nlink_parse("3"))
        fail("directory_nlink_parse");
    images_in_memory(rounds);
    printf("passed\n");
    return 0;
}
