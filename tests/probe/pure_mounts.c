/* Mount tables and what the shim reads from them, held against the same worked out from the table itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fstype.h"
#include "mountinfo.h"
#include "pure.h"

/* A mount table as the kernel keeps it, with what a lookup finds worked out step by step. */
enum { MOUNTS = 12 };

struct mount_line {
    unsigned id, parent, minor;
    const char *point, *type, *root;
};

static int type_is(const char *type, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(type, *list) == 0)
            return 1;
    return 0;
}

static size_t write_line(char *out, const struct mount_line *mount)
{
    char escaped[128], *end = escaped;
    for (const char *c = mount->point; *c; c++)
        end += strchr(" \t\n\\#", *c) ? sprintf(end, "\\%03o", *c) : sprintf(end, "%c", *c);
    static const char *const optional[] = {"", " shared:1", " shared:1 master:2", " -x", " unbindable"};
    return (size_t)sprintf(out, "%u %u 0:%u %s %.*s rw,nosuid%s - %s source%s rw,a=b\n", mount->id, mount->parent,
                           mount->minor, mount->root, (int)(end - escaped), escaped, optional[below(5)], mount->type,
                           below(4) ? "" : "\\040-\\040fuse");
}

/* In pieces of any size, each in a block of its own. */
static void feed_text(struct survey *survey, const char *text, size_t size)
{
    struct mountinfo info = {.survey = survey};
    survey_start(survey);
    mountinfo_begin(&info);
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + below(64);
        piece = piece < size - at ? piece : size - at;
        char *copy = memcpy(malloc(piece), text + at, piece);
        mountinfo_feed(&info, copy, piece);
        free(copy);
        at += piece;
    }
}

/* A lookup as the kernel makes it: from the mount at /, into what is mounted on each folder of the mount that it is in.
 * `route` gets the mounts in their order; returns how many. */
static unsigned resolve(const struct mount_line *table, unsigned count, const char *path, unsigned *route)
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

/* There the kernel would stack another mount. */
static int has_child_at(const struct mount_line *table, unsigned count, unsigned parent, const char *point)
{
    for (unsigned i = 0; i < count; i++)
        if (table[i].parent == parent && strcmp(table[i].point, point) == 0)
            return 1;
    return 0;
}

/* Mounts made one after the other at any of the places: where a lookup leads to, or, some of them, where none does. */
static void make_table(struct mount_line *table, unsigned count, const char *const *places, unsigned place_count,
                       const char *const *kinds, unsigned kind_count)
{
    unsigned route[MOUNTS + 1];
    for (unsigned i = 0; i < count; i++) {
        const char *point = i ? places[below(place_count)] : "/";
        unsigned passed = resolve(table, i, point, route);
        unsigned parent = passed ? table[route[passed - 1]].id : 1;
        const struct mount_line *hidden = &table[i / 2];
        size_t length = strlen(hidden->point);
        if (i && !below(4) && !has_child_at(table, i, hidden->id, point) &&
            strncmp(point, hidden->point, length) == 0 && (length == 1 || !point[length] || point[length] == '/'))
            parent = hidden->id; /* it is hidden, or was moved there */
        static const char *const roots[] = {"/", "/", "/", "/part", "/gone//deleted", "/a//deleted/b"};
        table[i] = (struct mount_line){40 + i * 7 % 13,          parent,         20 + below(4), point,
                                       kinds[below(kind_count)], roots[below(6)]};
    }
}

/* The text of a table, its lines in any order. */
static char *table_text(const struct mount_line *table, unsigned count, size_t *size)
{
    unsigned order[MOUNTS];
    char *text = malloc(count * 512);
    for (unsigned i = 0; i < count; i++) {
        unsigned other = below(i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    *size = 0;
    for (unsigned i = 0; i < count; i++)
        *size += write_line(text + *size, &table[order[i]]);
    return realloc(text, *size);
}

static const char *const fuse_types[] = {"fuse", "fuse.lying", "fuseblk", "fuseblk.ntfs", NULL};
static const char *const uncounted[] = {"ext4", "tmpfs", "zfs", NULL};

/* What is told of a device and of the paths of a scope, wherever they stand among the others. */
void mountinfo_property(void)
{
    static const char *const places[] = {"/m", "/m/with space", "/m/with space/a", "/m/new\nline\\", "/", "/m/ab",
                                         "/n"};
    static const char *const types[] = {"fuse",  "fuse.lying", "fuseblk", "fuseblk.ntfs", "fusectl", "ext4",
                                        "tmpfs", "overlay",    "fuse3",   "fuseblkx",     "zfs"};
    enum { PLACES = sizeof places / sizeof *places };
    struct mount_line table[MOUNTS];
    unsigned count = 1 + below(MOUNTS), route[MOUNTS + 1];
    make_table(table, count, places, PLACES, types, sizeof types / sizeof *types);
    size_t size;
    char *text = table_text(table, count, &size);

    struct survey survey = {.device = 20 + below(4)};
    const char *chosen[3];
    for (unsigned i = 0; i < 3; i++) {
        chosen[i] = places[below(PLACES)];
        survey_path(&survey, chosen[i], strlen(chosen[i]));
    }
    feed_text(&survey, text, size);

    int seen = 0, fuse = 0, parts = 0, removed = 0;
    for (unsigned i = 0; i < count; i++) {
        if (table[i].minor != survey.device)
            continue;
        seen = 1;
        fuse |= type_is(table[i].type, fuse_types);
        parts |= strcmp(table[i].root, "/") != 0;
        removed |= strcmp(table[i].root, "/gone//deleted") == 0;
    }
    const struct survey_findings *found = &survey.found;
    if (found->device_seen != seen || found->device_is_fuse != fuse || found->device_in_parts != parts ||
        found->device_has_removed != removed)
        fail("device 0:%lu in\n%.*s", survey.device, (int)size, text);
    for (unsigned i = 0; i < 3; i++) {
        unsigned passed = resolve(table, count, chosen[i], route);
        const struct mount_line *last = passed ? &table[route[passed - 1]] : NULL;
        const struct step *step = survey_visible(&survey, i);
        if (last && strcmp(last->point, chosen[i]) != 0)
            last = NULL;
        if ((last ? last->id : 0) != (step ? step->id : 0))
            fail("%u is mounted at %s, not %u, in\n%.*s", last ? last->id : 0, chosen[i], step ? step->id : 0,
                 (int)size, text);
        if (step && (step->device != last->minor ||
                     (step->traits & FSTYPE_COUNTS) == (type_is(last->type, uncounted) ? FSTYPE_COUNTS : 0)))
            fail("what is mounted at %s in\n%.*s", chosen[i], (int)size, text);
    }
    free(text);
}

/* The mount on top of more than are kept, however their lines are ordered. */
void stack_property(void)
{
    enum { DEEP = 3 * SURVEY_STEPS };
    char text[64 + DEEP * 64];
    unsigned deep = 1 + below(DEEP), size = 0, first = below(deep), turned = below(2);
    size += (unsigned)sprintf(text, "1 0 0:1 / / rw - ext4 x rw\n");
    for (unsigned n = 0; n < deep; n++) {
        unsigned i = turned ? (first + n) % deep : n;
        size += (unsigned)sprintf(text + size, "%u %u 0:%u / /m rw - fuse.x x rw\n", 2 + i, 1 + i, 2 + i);
    }
    struct survey survey = {.device = 1 + deep, .id = 1 + deep};
    survey_path(&survey, "/m", 2);
    feed_text(&survey, text, size);
    const struct step *step = survey_visible(&survey, 0);
    if (!step || step->id != 1 + deep || !survey_reaches(&survey, 0, 1 + deep) ||
        (deep > 1 && survey_reaches(&survey, 0, deep)))
        fail("the top of %u mounts", deep);
}

/* No meaning, but no bad access either. */
void mountinfo_noise(void)
{
    static const char *const pieces[] = {
        "1 ",  "0:44 ", "/ ", "/mnt ", "- ", "-", "fuse", "\n", "\\", "\\04", "\\777", " ", "99999999999999999999999 ",
        "\xff"};
    char *text = RANDOM_TEXT(pieces, 40), elsewhere[4];
    struct survey survey = {.device = 44, .id = 1, .elsewhere = elsewhere, .elsewhere_room = sizeof elsewhere};
    survey_path(&survey, "/mnt", 4);
    survey_path(&survey, "/", 1);
    survey_path(&survey, "/mnt/a", 6);
    feed_text(&survey, text, strlen(text));
    survey_visible(&survey, below(3));
    survey_reaches(&survey, 2, 1);
    survey_stays(&survey, 2, 1);
    free(text);
}

/* A walk that is allowed ends in the mount asked for, and looks nothing up in one that could wait. One that is plain
 * is allowed. */
void walk_property(void)
{
    static const char *const places[] = {"/", "/m", "/m/a", "/m/a/b", "/m/a/b/c", "/m/ab", "/mm", "/m/a/b/cd"};
    static const char *const kinds[] = {"ext4", "tmpfs", "fuse.x", "nfs4", "autofs", "overlay"};
    static const char path[] = "/m/a/b/c/d";
    enum { MOST = 8 };
    struct mount_line table[MOUNTS];
    unsigned count = 1 + below(MOST), route[MOUNTS + 1];
    make_table(table, count, places, 8, kinds, 6);
    size_t size;
    char *text = table_text(table, count, &size);

    const struct mount_line *asked = &table[below(count)];
    char elsewhere[64];
    struct survey survey = {
        .device = asked->minor, .id = asked->id, .elsewhere = elsewhere, .elsewhere_room = sizeof elsewhere};
    survey_path(&survey, path, strlen(path));
    feed_text(&survey, text, size);

    unsigned passed = resolve(table, count, path, route);
    int plain = passed && &table[route[passed - 1]] == asked, waits = 0;
    for (unsigned i = 0; i < passed; i++) {
        const struct mount_line *mount = &table[route[i]];
        int local = strcmp(mount->type, "ext4") == 0 || strcmp(mount->type, "tmpfs") == 0;
        int looked_up_in = mount != asked && strcmp(mount->point, asked->point) != 0 && strcmp(mount->point, "/") != 0;
        waits |= (looked_up_in && !local) || (mount != asked && strcmp(mount->type, "autofs") == 0);
    }
    int allowed = survey_reaches(&survey, 0, asked->id) && survey_stays(&survey, 0, asked->id);
    if (allowed && (!plain || waits))
        fail("mount %u on %s may be walked to in\n%.*s", asked->id, asked->point, (int)size, text);
    if (!allowed && plain && !waits)
        fail("mount %u on %s may not be walked to in\n%.*s", asked->id, asked->point, (int)size, text);

    unsigned others = 0, whole = 0;
    int children = 0;
    for (unsigned i = 0; i < count; i++) {
        int shows = table[i].minor == asked->minor && strcmp(table[i].root, "/") == 0;
        whole += shows;
        others += shows && &table[i] != asked;
        children |= table[i].parent == asked->id;
    }
    const struct survey_findings *found = &survey.found;
    if (!found->listed || found->id_device != asked->minor || found->whole != (strcmp(asked->root, "/") == 0) ||
        found->has_children != children || found->device_elsewhere != (others > 0))
        fail("of mount %u in\n%.*s", asked->id, (int)size, text);
    if (found->elsewhere_count > whole || (whole && !found->elsewhere_count))
        fail("%u mounts show 0:%u, found %u in\n%.*s", whole, asked->minor, found->elsewhere_count, (int)size, text);
    const char *place = elsewhere;
    for (unsigned i = 0; i < found->elsewhere_count; i++, place += strlen(place) + 1) {
        const struct mount_line *mount = table;
        while (mount->id != found->elsewhere_id[i])
            mount++;
        if (mount->minor != asked->minor || strcmp(mount->point, place) != 0)
            fail("0:%u is not at %s in\n%.*s", asked->minor, place, (int)size, text);
    }
    free(text);
}
