/* Mount tables and what the shim reads from them, held against the same worked out from the table itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mountinfo.h"
#include "pure.h"

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

/* In pieces of any size, each in a block of its own. */
static void feed(struct mountinfo *info, const char *text, size_t size)
{
    mountinfo_begin(info);
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + below(64);
        piece = piece < size - at ? piece : size - at;
        char *copy = memcpy(malloc(piece), text + at, piece);
        mountinfo_feed(info, copy, piece);
        free(copy);
        at += piece;
    }
}

void mountinfo_property(void)
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
    struct top tops[SCOPE_MAX_PATHS] = {{0}};
    unsigned device = 20 + below(6), id = below(2) ? 100 + below(count) : 0;
    struct mountinfo info = {.scope = &in, .scope_text = wanted, .device = device, .top = tops};
    feed(&info, text, size);

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
    if (info.device_seen != seen)
        fail("device 0:%u in\n%.*s", device, (int)size, text);
    if (mountinfo_in_scope(&info, id) != expected && (!shuffled || highest <= 2))
        fail("device 0:%u mount %u scope '%s' in\n%.*s: not %d", device, id, wanted, (int)size, text, expected);
    free(text);
}

/* No meaning, but no bad access either. */
void mountinfo_noise(void)
{
    static const char *const pieces[] = {"1 ", "0:44 ", "/ ", "/mnt ", "- ", "-", "fuse", "\n", "\\", "\\04", "\\777", " ",
                                         "99999999999999999999999 ", "\xff"};
    char *text = RANDOM_TEXT(pieces, 40), elsewhere[4];
    struct scope in;
    scope_parse(&in, "/mnt:/");
    struct top tops[SCOPE_MAX_PATHS] = {{0}};
    struct mountinfo info = {.scope = &in, .scope_text = "/mnt:/", .device = 44, .top = tops};
    feed(&info, text, strlen(text));
    mountinfo_in_scope(&info, below(2));
    struct walk walk = {.id = 1, .path = "/mnt/a", .device = 44, .elsewhere = elsewhere, .elsewhere_size = sizeof elsewhere};
    info = (struct mountinfo){.walk = &walk};
    feed(&info, text, strlen(text));
    walk_reaches(&walk);
    walk_stays(&walk);
    free(text);
}

/* A lookup as the kernel makes it: from the mount at /, into what is mounted on each folder of the mount that it is in.
 * `route` gets the mounts in their order; returns how many. */
static unsigned resolve(const struct mount *table, unsigned count, const char *path, unsigned *route)
{
    unsigned passed = 0;
    for (const char *end = path + 1;; end = strchrnul(end + 1, '/')) {
        size_t length = end == path + 1 ? 1 : (size_t)(end - path);
        for (unsigned i = 0; i < count; i++)
            if (table[i].parent == (passed ? table[route[passed - 1]].id : 1) && strlen(table[i].point) == length &&
                strncmp(table[i].point, path, length) == 0) {
                route[passed++] = i;
                i = -1u; /* others may be stacked on it */
            }
        if (!*end)
            return passed;
    }
}

static int is_on_path(const char *point, const char *path)
{
    size_t length = strlen(point);
    return strcmp(point, "/") == 0 || (strncmp(path, point, length) == 0 && (!path[length] || path[length] == '/'));
}

/* There the kernel would stack another mount. */
static int has_child_at(const struct mount *table, unsigned count, unsigned parent, const char *point)
{
    for (unsigned i = 0; i < count; i++)
        if (table[i].parent == parent && strcmp(table[i].point, point) == 0)
            return 1;
    return 0;
}

/* A walk that is allowed ends in the mount asked for, and looks nothing up in one that could wait. One that is plain
 * is allowed. */
void walk_property(void)
{
    static const char *const places[] = {"/", "/m", "/m/a", "/m/a/b", "/m/a/b/c", "/m/ab", "/mm", "/m/a/b/cd"};
    static const char *const kinds[] = {"ext4", "tmpfs", "fuse.x", "nfs4", "autofs", "overlay"};
    static const char path[] = "/m/a/b/c/d";
    enum { MOST = 8 };
    struct mount table[MOST];
    unsigned count = 1 + below(MOST), route[MOST + 1];
    for (unsigned i = 0; i < count; i++) {
        const char *point = i ? places[below(8)] : "/";
        unsigned passed = resolve(table, i, point, route);
        unsigned parent = passed ? table[route[passed - 1]].id : 1;
        if (i && !below(4) && !has_child_at(table, i, table[i / 2].id, point))
            parent = table[i / 2].id; /* it is hidden, or was moved there */
        table[i] = (struct mount){40 + i * 7 % 11, parent, 20 + below(3), point, kinds[below(6)]};
    }
    char *text = malloc(count * 512);
    size_t size = 0;
    for (unsigned i = 0, first = below(count); i < count; i++)
        size += write_line(text + size, &table[(first + i) % count]);

    const struct mount *asked = &table[below(count)];
    char elsewhere[64];
    struct walk walk = {.id = asked->id, .path = path, .device = asked->minor, .elsewhere = elsewhere, .elsewhere_size = sizeof elsewhere};
    struct mountinfo info = {.walk = &walk};
    feed(&info, text, size);

    unsigned passed = resolve(table, count, path, route), on_path = 0;
    int plain = passed && &table[route[passed - 1]] == asked, waits = 0;
    for (unsigned i = 0; i < passed; i++) {
        const struct mount *mount = &table[route[i]];
        int local = strcmp(mount->type, "ext4") == 0 || strcmp(mount->type, "tmpfs") == 0;
        int looked_up_in = mount != asked && strcmp(mount->point, asked->point) != 0 && strcmp(mount->point, "/") != 0;
        waits |= (looked_up_in && !local) || (mount != asked && strcmp(mount->type, "autofs") == 0);
    }
    for (unsigned i = 0; i < count; i++)
        on_path += is_on_path(table[i].point, path);
    int allowed = walk_reaches(&walk) && walk_stays(&walk);
    if (allowed && (!plain || waits))
        fail("mount %u on %s may be walked to in\n%.*s", asked->id, asked->point, (int)size, text);
    if (!allowed && plain && !waits && on_path == passed)
        fail("mount %u on %s may not be walked to in\n%.*s", asked->id, asked->point, (int)size, text);
    if (!walk.listed || !walk.whole || !walk.elsewhere_found)
        fail("mount %u is not found in\n%.*s", asked->id, (int)size, text);
    free(text);
}
