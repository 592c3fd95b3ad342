#include "proof.h"

#include "config.h"
#include "known.h"
#include "mounts.h"
#include "name.h"
#include "place.h"
#include "text.h"

/* What a proof comes to. One that could not be made changes nothing. */
enum proof { UNDECIDED, LIE, TRUTH };

/* What stands under a name. */
enum found {
    ZERO,    /* the entry, and its count is 0 */
    COUNTED, /* the entry, and its count is not 0 */
    ANOTHER, /* nothing, or another entry */
    BARRED,  /* that was not told */
};

/* Where an open entry is looked for again. None of these leaves its mount. */
enum route {
    BY_PATH,   /* by its whole path, where that is judged to stay in the mount */
    BY_PARENT, /* a folder: by its own name from its `..` */
    BY_CWD,    /* from the working directory, if that is in the mount, up to the root and down */
};

/* A path may be renamed between two looks, and a name be found missing meanwhile. */
enum { LOOKS = 8, LOOKS_TO_REFUTE = 2 };

static enum found compared(const struct place *place, const char *answer, long result)
{
    if (result != 0)
        return result == -K_ENOENT || result == -K_ENOTDIR ? ANOTHER : BARRED;
    if (FIELD(answer, STAT_DEV, field64) != place->device || FIELD(answer, STAT_INO, field64) != place->inode)
        return ANOTHER;
    return FIELD(answer, STAT_NLINK, stat_nlink_t) == 0 ? ZERO : COUNTED;
}

static enum found look_at_path(struct place *place)
{
    char answer[STAT_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    if (!place_judge(place))
        return BARRED;
    /* The host may have mounted over its own folder since that was judged. */
    uint64_t now = place->directory ? mounts_identity(K_AT_FDCWD, place->path, K_AT_SYMLINK_NOFOLLOW) : 0;
    if (now && now != place->mount)
        return BARRED;
    return compared(place, answer, kernel_stat(K_AT_FDCWD, place->path, answer));
}

static enum found look_inside(const struct place *place, int base, const char *path)
{
    char answer[STAT_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    int fd = kernel_open_inside(base, path);
    if (fd < 0)
        return fd == -K_ENOENT ? ANOTHER : BARRED;
    long result = kernel_stat(fd, "", answer);
    kernel_close(fd);
    return compared(place, answer, result);
}

/* Put `../` in front of `path`, where there is room, `depth` times. */
static char *climbing(char *path, unsigned depth)
{
    while (depth--) {
        *--path = '/';
        *--path = '.';
        *--path = '.';
    }
    return path;
}

/* How many times `..` leads from the folder `base` to the root of its mount; -1 if that is not found. */
static int depth_of(int base)
{
    char room[FRONT_SIZE + 1];
    room[FRONT_SIZE] = '\0';
    for (unsigned depth = 1; depth <= CLIMB_DEPTH; depth++) {
        int fd = kernel_open_inside(base, climbing(room + FRONT_SIZE, depth));
        if (fd == -K_EXDEV)
            return (int)depth - 1;
        if (fd < 0)
            return -1;
        kernel_close(fd);
    }
    return -1;
}

/* Whether the working directory is in the same mount. (Where that stands at /, nothing ends the climb.) */
static bool cwd_is_inside(const struct place *place)
{
    return place->facts & MOUNT_LISTED && place->point && mounts_identity(K_AT_FDCWD, NULL, 0) == place->mount;
}

static enum found look_from_cwd(struct place *place, int depth)
{
    char *below = place->path + place->point;
    if (place->point >= place->length || *below != '/')
        return BARRED;
    return look_inside(place, K_AT_FDCWD, climbing(below + 1, (unsigned)depth));
}

static enum found look_from_parent(struct place *place)
{
    char *name = place->path + place->length;
    while (name[-1] != '/')
        name--;
    return *name ? look_inside(place, place->fd, climbing(name, 1)) : BARRED;
}

/* Takes " (deleted)" off. FUSE drops cached names of files that live on, and then it is false. */
static bool cut_deleted(struct place *place)
{
    static const char suffix[] = " (deleted)";
    long end = place->length - (long)(sizeof suffix - 1);
    if (end <= 0 || !text_ends_with(place->path, (size_t)place->length, suffix))
        return false;
    place->path[end] = '\0';
    place->length = end;
    return true;
}

static enum found look(struct place *place, enum route route, int depth)
{
    if (route == BY_PARENT)
        return look_from_parent(place);
    return route == BY_PATH ? look_at_path(place) : look_from_cwd(place, depth);
}

/* The open entry, found again by its name, still reports 0: a lie. That its name leads elsewhere tells nothing while
 * it may be on its way to another; but where the kernel says that it was deleted, and it is not there, it is true. */
static enum proof search(struct place *place, enum route route)
{
    int depth = route == BY_CWD ? depth_of(K_AT_FDCWD) : 0;
    unsigned refuted = 0;
    for (unsigned i = 0; depth >= 0 && i < LOOKS && refuted < LOOKS_TO_REFUTE; i++) {
        if (!place->fresh && place_path(place) < 0)
            return UNDECIDED;
        enum found found = look(place, route, depth);
        place->fresh = false;
        if (found == ANOTHER && cut_deleted(place)) {
            found = look(place, route, depth);
            refuted += found == ANOTHER;
        }
        if (found != ANOTHER)
            return found == ZERO ? LIE : found == COUNTED ? TRUTH : UNDECIDED;
    }
    return refuted == LOOKS_TO_REFUTE ? TRUTH : UNDECIDED;
}

static enum proof prove_entry(struct place *place)
{
    enum proof proof;
    if (!place->inode || !place->mount)
        return UNDECIDED;
    proof = search(place, BY_PATH);
    if (proof == UNDECIDED && place->directory)
        proof = search(place, BY_PARENT);
    if (proof == UNDECIDED && cwd_is_inside(place))
        proof = search(place, BY_CWD);
    return proof;
}

/* A root cannot be unlinked: if it reports 0, the file system does not count. */
static enum proof ask_root(const struct place *place, int base, const char *path)
{
    char answer[STAT_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    if (kernel_stat(base, path, answer) != 0 || FIELD(answer, STAT_DEV, field64) != place->device)
        return UNDECIDED;
    return FIELD(answer, STAT_NLINK, stat_nlink_t) == 0 ? LIE : TRUTH;
}

/* From a folder in the mount: the entry itself, or else the working directory. */
static enum proof ask_root_from_inside(const struct place *place)
{
    char room[FRONT_SIZE + 1];
    room[FRONT_SIZE] = '\0';
    int base = place->directory ? place->fd : K_AT_FDCWD;
    int depth = base == place->fd || cwd_is_inside(place) ? depth_of(base) : -1;
    return depth < 0 ? UNDECIDED : ask_root(place, base, climbing(room + FRONT_SIZE, (unsigned)depth));
}

static enum proof ask_root_by_mount_point(struct place *place)
{
    char *end = place->path + place->point, kept = *end;
    if (!place->point)
        return ask_root(place, K_AT_FDCWD, "/");
    *end = '\0';
    enum proof proof = ask_root(place, K_AT_FDCWD, place->path);
    *end = kept;
    return proof;
}

static enum proof ask_root_anywhere(struct place *place)
{
    const char *roots[SURVEY_ELSEWHERE];
    enum proof proof = UNDECIDED;
    unsigned count = place_roots(place, roots);
    for (unsigned i = 0; proof == UNDECIDED && i < count; i++)
        proof = ask_root(place, K_AT_FDCWD, roots[i]);
    return proof;
}

static enum proof prove_root(struct place *place)
{
    enum proof proof = UNDECIDED;
    if (place->mount && place_path(place) > 0) {
        place_know(place);
        if (place->facts & MOUNT_WHOLE && place->facts & MOUNT_LISTED) {
            if (place_is_mount_root(place) && mounts_starts_at(place->fd, "", place->mount))
                return LIE; /* it is the entry, and shows 0 */
            if (place->facts & MOUNT_REACHED)
                proof = ask_root_by_mount_point(place);
            if (proof == UNDECIDED)
                proof = ask_root_from_inside(place);
        }
    }
    bool nowhere_else = place->facts & MOUNT_ALONE || (place->facts & MOUNT_LISTED && !(place->facts & MOUNT_OTHERS));
    return proof == UNDECIDED && !nowhere_else ? ask_root_anywhere(place) : proof;
}

/* What a proof says, or else what an earlier one said. */
static bool concluded(enum proof proof, const struct fact *fact)
{
    if (proof == LIE)
        known_add(fact);
    else if (proof == TRUTH)
        known_remove(fact);
    return proof == LIE || (proof == UNDECIDED && known_lie(fact));
}

/* From the mounts, which are asked about the place at the same time. */
static __attribute__((noinline)) enum verdict revalidate(const struct lookup *lookup, struct place *place)
{
    struct survey survey = {.device = 0};
    place_ask(place, &survey);
    enum verdict verdict = scope_revalidate(lookup, place->device, place->stamp, &survey);
    place_learn(place, &survey);
    return verdict;
}

/* Where the caller's structure has its inode somewhere else, the kernel tells it. */
static uint64_t inode_of(int fd, const struct entry *entry)
{
    char answer[STAT_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    if (!STAT_HAS_OTHERS || entry->inode)
        return entry->inode;
    bool same = kernel_stat(fd, "", answer) == 0 && FIELD(answer, STAT_DEV, field64) == entry->device;
    return same ? FIELD(answer, STAT_INO, field64) : 0;
}

/* What the open file shows decides this call alone: while an unlink is under way on an honest file system, it can be
 * found by its name with a count of 0 already. Where the mounts cannot be read (VERDICT_NONE), what was shown
 * before holds. */
static __attribute__((noinline)) bool open_entry_lies(const struct lookup *lookup, int fd, const struct entry *entry,
                                                      uint64_t stamp, enum verdict verdict)
{
    struct place place;
    place.fd = fd;
    place.directory = entry->directory;
    place.device = entry->device;
    place.inode = inode_of(fd, entry);
    place.stamp = stamp;
    place_begin(&place);
    if (verdict == VERDICT_NONE)
        verdict = revalidate(lookup, &place);
    struct fact of_entry = {entry->device, place.mount, place.inode}, of_root = {entry->device, place.mount, 0};

    bool told = verdict != VERDICT_NONE, lies = false;
    if (verdict != VERDICT_OUTSIDE)
        lies = place.inode && concluded(told ? prove_entry(&place) : UNDECIDED, &of_entry);
    if (verdict_is_open(verdict) || !told) {
        enum proof proof = told ? prove_root(&place) : UNDECIDED;
        bool root_lies = concluded(proof, &of_root);
        if (root_lies)
            scope_remember(entry->device, stamp, VERDICT_LIAR);
        else if (proof == TRUTH)
            scope_remember(entry->device, stamp, verdict == VERDICT_INSIDE ? VERDICT_COUNTS : VERDICT_COUNTS_REMOVED);
        lies |= root_lies;
    }
    place_end(&place);
    return lies;
}

/* Settle a relative name that could be one of /proc by the folder it starts from. */
static __attribute__((noinline)) bool starts_outside_proc(const struct lookup *lookup)
{
    char path[PATH_SIZE];
    long length = mounts_path(lookup->dirfd, path, sizeof path);
    return length > 0 && length < PATH_SIZE && name_kind_from(path, lookup->path) == NAME_ORDINARY;
}

/* Of an entry that was looked up by a name. */
static bool name_is_ordinary(const struct lookup *lookup, const struct entry *entry)
{
    enum name_kind kind = name_kind(lookup->path, entry->directory);
    return kind == NAME_ORDINARY || (kind == NAME_RELATIVE && starts_outside_proc(lookup));
}

static __attribute__((noinline)) enum verdict revalidate_name(const struct lookup *lookup, uint64_t device,
                                                              uint64_t stamp)
{
    struct survey survey = {.device = 0};
    return scope_revalidate(lookup, device, stamp, &survey);
}

bool is_lie(const struct lookup *lookup, const struct entry *entry)
{
    struct coarse_time now;
    uint64_t stamp = scope_stamp(&now);
    enum verdict verdict = scope_cached(entry->device, stamp);
    if (verdict == VERDICT_LIAR || verdict == VERDICT_OUTSIDE || scope.kind == SCOPE_OFF)
        return verdict == VERDICT_LIAR;
    if (!lookup->path || !*lookup->path)
        return open_entry_lies(lookup, lookup->dirfd, entry, stamp, verdict);

    if (name_is_ordinary(lookup, entry)) {
        if (verdict == VERDICT_NONE)
            verdict = revalidate_name(lookup, entry->device, stamp);
        bool removed = verdict == VERDICT_INSIDE_REMOVED || verdict == VERDICT_COUNTS_REMOVED;
        if (!removed || !mounts_may_start_at(lookup->dirfd, lookup->path, lookup->flags))
            return verdict != VERDICT_NONE && verdict != VERDICT_OUTSIDE;
    }
    int follow = lookup->flags & K_AT_SYMLINK_NOFOLLOW ? K_O_NOFOLLOW : 0;
    int fd = kernel_open(lookup->dirfd, lookup->path, K_O_PATH | follow);
    if (fd < 0)
        return false;
    bool lies = open_entry_lies(lookup, fd, entry, stamp, verdict);
    kernel_close(fd);
    return lies;
}
