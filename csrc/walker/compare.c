#include "compare.h"

#include <errno.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/stat.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <fts.h>
#endif

#if __SIZEOF_POINTER__ != 8
#error "the kernel's struct stat is libc's on 64-bit machines only"
#endif

#ifndef AT_STATX_FORCE_SYNC
#define AT_STATX_FORCE_SYNC 0x2000
#endif

enum { TRIES = 3 };

int raw_fstatat(int dirfd, const char *name, struct stat *st, int flags)
{
    return (int)syscall(SYS_newfstatat, dirfd, name, st, flags);
}

/* errno, never 0: what follows a failed call. */
static int failure(void)
{
    return errno ? errno : EIO;
}

static int result_or_errno(int result)
{
    return result == 0 ? 0 : failure();
}

static uint64_t expected_count(const struct stat *raw, uint32_t directory_nlink)
{
    if (raw->st_nlink != 0)
        return raw->st_nlink;
    return S_ISDIR(raw->st_mode) ? directory_nlink : 1;
}

/* The fields that a changed one is named by; st_nlink is judged apart. */
#define FIELD(name) {#name, offsetof(struct stat, name), sizeof(((struct stat *)0)->name)}
static const struct {
    char name[12];
    size_t offset, size;
} fields[] = {
    FIELD(st_dev),  FIELD(st_ino),     FIELD(st_mode),   FIELD(st_uid),  FIELD(st_gid),  FIELD(st_rdev),
    FIELD(st_size), FIELD(st_blksize), FIELD(st_blocks), FIELD(st_atim), FIELD(st_mtim), FIELD(st_ctim),
};

static const char *changed_field(const struct stat *a, const struct stat *b)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (memcmp((const char *)a + fields[i].offset, (const char *)b + fields[i].offset, fields[i].size) != 0)
            return fields[i].name;
    return NULL;
}

/* Equal bytes are the usual case; what lies between the fields may differ. */
static bool same(const struct stat *a, const struct stat *b)
{
    return memcmp(a, b, sizeof *a) == 0 || (a->st_nlink == b->st_nlink && !changed_field(a, b));
}

/* What `patched`, got by `entry_point`, says of an entry whose raw answers around it agree on `raw`. */
static bool judge(const struct stat *raw, const struct stat *patched, int error, const char *entry_point,
                  uint32_t directory_nlink, struct finding *finding)
{
    uint64_t expected = expected_count(raw, directory_nlink);
    *finding = (struct finding){.entry_point = entry_point, .raw = raw->st_nlink, .error = error};
    if (error) {
        finding->problem = PROBLEM_FAILED;
        return false;
    }
    finding->patched = patched->st_nlink;
    finding->field = changed_field(raw, patched);
    if (finding->field)
        finding->problem = PROBLEM_FIELD_CHANGED;
    else if (patched->st_nlink != expected)
        finding->problem = patched->st_nlink ? PROBLEM_WRONG_COUNT : PROBLEM_LEFT_ZERO;
    return finding->problem == PROBLEM_NONE;
}

/* A way to ask: fills `st`, returns 0 or errno. */
struct asker {
    const char *name;
    int (*ask)(const struct asker *asker, const struct place *place, struct stat *st);
    void *function; /* the entry point, as the loader resolved it */
    int flags;
};

/* Ask raw, patched, raw; the patched answer counts only between two raw ones that agree. */
static enum outcome look(const struct asker *raw_asker, const struct asker *asker, const struct place *place,
                         uint32_t directory_nlink, struct stat *raw, struct finding *finding)
{
    for (int try = 0; try < TRIES; try++) {
        struct stat patched = {0};
        *raw = patched;
        __atomic_store_n(place->ticks, *place->ticks + 1, __ATOMIC_RELAXED);
        int error = raw_asker->ask(raw_asker, place, raw);
        if (error) {
            *finding = (struct finding){.error = error};
            return OUTCOME_FAILED;
        }
        error = asker->ask(asker, place, &patched);
        if (!error && raw->st_nlink != 0 && same(raw, &patched))
            return OUTCOME_HONEST;
        struct stat again = {0};
        int again_error = raw_asker->ask(raw_asker, place, &again);
        if (again_error) {
            *finding = (struct finding){.error = again_error};
            return OUTCOME_FAILED;
        }
        if (!same(raw, &again))
            continue;
        if (!judge(raw, &patched, error, asker->name, directory_nlink, finding))
            return OUTCOME_WRONG;
        return raw->st_nlink ? OUTCOME_HONEST : OUTCOME_CORRECTED;
    }
    return OUTCOME_CHANGING;
}

static int flags_of(const struct place *place)
{
    return place->follow ? 0 : AT_SYMLINK_NOFOLLOW;
}


static int ask_raw(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(raw_fstatat(place->dirfd, place->name, st, flags_of(place)));
}

static int ask_fstatat(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(fstatat(place->dirfd, place->name, st, flags_of(place)));
}

static const struct asker RAW = {.name = "newfstatat", .ask = ask_raw};
static const struct asker FSTATAT = {.name = "fstatat", .ask = ask_fstatat};

/* statx's answer in the terms of struct stat, so that it is compared by the same code. */
static void from_statx(const struct statx *stx, struct stat *st)
{
    memset(st, 0, sizeof *st);
    st->st_dev = (dev_t)stx->stx_dev_major << 32 | stx->stx_dev_minor; /* only ever compared with its like */
    st->st_ino = stx->stx_ino;
    st->st_nlink = stx->stx_nlink;
    st->st_mode = stx->stx_mode;
    st->st_uid = stx->stx_uid;
    st->st_gid = stx->stx_gid;
    st->st_rdev = (dev_t)stx->stx_rdev_major << 32 | stx->stx_rdev_minor;
    st->st_size = (off_t)stx->stx_size;
    st->st_blksize = stx->stx_blksize;
    st->st_blocks = (blkcnt_t)stx->stx_blocks;
    st->st_atim = (struct timespec){stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec};
    st->st_mtim = (struct timespec){stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec};
    st->st_ctim = (struct timespec){stx->stx_ctime.tv_sec, stx->stx_ctime.tv_nsec};
}

typedef int (*statx_function)(int, const char *, int, unsigned, struct statx *);

static int ask_raw_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    struct statx stx;
    long result = syscall(SYS_statx, place->dirfd, place->name, flags_of(place) | asker->flags, STATX_BASIC_STATS, &stx);
    if (result != 0)
        return failure();
    from_statx(&stx, st);
    return 0;
}

static int ask_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    struct statx stx;
    if (((statx_function)asker->function)(place->dirfd, place->name, flags_of(place) | asker->flags,
                                          STATX_BASIC_STATS, &stx) != 0)
        return failure();
    from_statx(&stx, st);
    return 0;
}

/* The shapes of symbols.def. Those by path serve non-links with either of the pair, links with the one that
 * does not follow. */
static int ask_path(const struct asker *asker, const struct place *place, struct stat *st)
{
    return result_or_errno(((int (*)(const char *, struct stat *))asker->function)(place->path, st));
}

static int ask_xpath(const struct asker *asker, const struct place *place, struct stat *st)
{
    return result_or_errno(((int (*)(int, const char *, struct stat *))asker->function)(1, place->path, st));
}

static int open_place(const struct place *place)
{
    return openat(place->dirfd, place->name, O_PATH | O_CLOEXEC | (place->follow ? 0 : O_NOFOLLOW));
}

static int ask_fd(const struct asker *asker, const struct place *place, struct stat *st)
{
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    int error = result_or_errno(((int (*)(int, struct stat *))asker->function)(fd, st));
    close(fd);
    return error;
}

static int ask_xfd(const struct asker *asker, const struct place *place, struct stat *st)
{
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    int error = result_or_errno(((int (*)(int, int, struct stat *))asker->function)(1, fd, st));
    close(fd);
    return error;
}

static int ask_at(const struct asker *asker, const struct place *place, struct stat *st)
{
    return result_or_errno(((int (*)(int, const char *, struct stat *, int))asker->function)(
        place->dirfd, place->name, st, flags_of(place)));
}

static int ask_xat(const struct asker *asker, const struct place *place, struct stat *st)
{
    return result_or_errno(((int (*)(int, int, const char *, struct stat *, int))asker->function)(
        1, place->dirfd, place->name, st, flags_of(place)));
}

#ifdef __GLIBC__
static int ask_fts(const struct place *place, struct stat *st, FTSENT *(*next)(FTS *))
{
    char *const paths[] = {(char *)place->path, NULL};
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!fts)
        return failure();
    FTSENT *entry = next(fts);
    int error = !entry ? failure() : entry->fts_info == FTS_NS ? entry->fts_errno : 0;
    if (entry && !error)
        *st = *entry->fts_statp;
    fts_close(fts);
    return error;
}

static int ask_fts_read(const struct asker *asker, const struct place *place, struct stat *st)
{
    return ask_fts(place, st, (FTSENT * (*)(FTS *)) asker->function);
}

/* Before the first fts_read this is the list of what fts_open was given. */
static __thread void *fts_children_function;

static FTSENT *first_child(FTS *fts)
{
    return ((FTSENT * (*)(FTS *, int)) fts_children_function)(fts, 0);
}

static int ask_fts_children(const struct asker *asker, const struct place *place, struct stat *st)
{
    fts_children_function = asker->function;
    return ask_fts(place, st, first_child);
}
#else
#define ask_fts_read NULL
#define ask_fts_children NULL
#endif

static __thread struct stat *walked;

static int keep_first(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)path, (void)flag, (void)ftw;
    *walked = *st;
    return 1;
}

static int keep_first_of_ftw(const char *path, const struct stat *st, int flag)
{
    return keep_first(path, st, flag, NULL);
}

static int ask_ftw(const struct asker *asker, const struct place *place, struct stat *st)
{
    walked = st;
    int (*ftw)(const char *, int (*)(const char *, const struct stat *, int), int) = asker->function;
    return ftw(place->path, keep_first_of_ftw, 4) == 1 ? 0 : failure();
}

static int ask_nftw(const struct asker *asker, const struct place *place, struct stat *st)
{
    walked = st;
    int (*nftw)(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int) = asker->function;
    return nftw(place->path, keep_first, 4, FTW_PHYS) == 1 ? 0 : failure();
}

/* How each shape asks, and whether it asks about what a symbolic link leads to, and needs the path. */
#define SHAPE_PATH ask_path, true, true
#define SHAPE_LINK ask_path, false, true
#define SHAPE_FD ask_fd, false, false
#define SHAPE_AT ask_at, false, false
#define SHAPE_XPATH ask_xpath, true, true
#define SHAPE_XLINK ask_xpath, false, true
#define SHAPE_XFD ask_xfd, false, false
#define SHAPE_XAT ask_xat, false, false
#define SHAPE_STATX ask_statx, false, false
#define SHAPE_FTS_READ ask_fts_read, false, true
#define SHAPE_FTS_CHILDREN ask_fts_children, false, true
#define SHAPE_FTW ask_ftw, true, true
#define SHAPE_NFTW ask_nftw, false, true

static const struct {
    char name[24];
    int (*ask)(const struct asker *, const struct place *, struct stat *);
    bool follows, by_path;
} entry_points[] = {
#define ENTRY(name, shape, layout, relative) {#name, SHAPE_##shape},
#include "../shim/symbols.def"
#undef ENTRY
};

static const struct asker RAW_STATX = {.name = "statx", .ask = ask_raw_statx};

static enum outcome look_by_all(const struct place *place, const struct stat *first, uint32_t directory_nlink,
                                struct finding *finding)
{
    for (size_t i = 0; i < sizeof entry_points / sizeof *entry_points; i++) {
        struct asker asker = {.name = entry_points[i].name, .ask = entry_points[i].ask};
        bool unfit = (entry_points[i].by_path && !place->path) ||
                     (entry_points[i].follows && S_ISLNK(first->st_mode)) ||
                     (entry_points[i].by_path && !entry_points[i].follows && place->follow);
        asker.function = asker.ask && !unfit ? dlsym(RTLD_DEFAULT, asker.name) : NULL;
        if (!asker.function)
            continue;
        struct stat raw;
        enum outcome outcome = look(asker.ask == ask_statx ? &RAW_STATX : &RAW, &asker, place, directory_nlink, &raw, finding);
        if (outcome != OUTCOME_HONEST && outcome != OUTCOME_CORRECTED)
            return outcome;
    }
    return OUTCOME_HONEST;
}

static bool is_right(enum outcome outcome)
{
    return outcome == OUTCOME_HONEST || outcome == OUTCOME_CORRECTED;
}

enum outcome compare_entry(const struct place *place, struct depth depth, struct stat *raw, struct finding *finding)
{
    struct finding further = {0};
    enum outcome first = look(&RAW, &FSTATAT, place, depth.directory_nlink, raw, finding), outcome = first;
    if (!is_right(first))
        return first;

    if (depth.fresh) {
        const struct asker raw_fresh = {.name = "statx", .ask = ask_raw_statx, .flags = AT_STATX_FORCE_SYNC};
        struct asker fresh = {.name = "statx", .ask = ask_statx, .flags = AT_STATX_FORCE_SYNC};
        struct stat answer;
        fresh.function = dlsym(RTLD_DEFAULT, fresh.name);
        if (fresh.function)
            outcome = look(&raw_fresh, &fresh, place, depth.directory_nlink, &answer, &further);
        if (outcome == OUTCOME_CORRECTED && first == OUTCOME_HONEST) {
            first = outcome;
            *finding = further;
        }
    }
    if (depth.entry_points && is_right(outcome))
        outcome = look_by_all(place, raw, depth.directory_nlink, &further);
    if (is_right(outcome))
        return first;
    *finding = further;
    return outcome;
}
