#include "ask.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <fts.h>
#endif

#if __SIZEOF_POINTER__ != 8
#error "the kernel's struct stat is libc's on 64-bit machines only"
#endif

/* errno, never 0: what follows a failed call. */
static int failure(void)
{
    return errno ? errno : EIO;
}

static int result_or_errno(int result)
{
    return result == 0 ? 0 : failure();
}

static int flags_of(const struct place *place)
{
    return place->follow ? 0 : AT_SYMLINK_NOFOLLOW;
}

int raw_fstatat(int dirfd, const char *name, struct stat *st, int flags)
{
    return (int)syscall(SYS_newfstatat, dirfd, name, st, flags);
}

static int raw_by_name(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(raw_fstatat(place->dirfd, place->name, st, flags_of(place)));
}

static int patched_by_name(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(fstatat(place->dirfd, place->name, st, flags_of(place)));
}

const struct asker ASK_BY_NAME = {.name = "fstatat", .patched = patched_by_name, .raw = raw_by_name};

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

static int raw_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    struct statx stx;
    int flags = flags_of(place) | asker->flags;
    if (syscall(SYS_statx, place->dirfd, place->name, flags, STATX_BASIC_STATS, &stx) != 0)
        return failure();
    from_statx(&stx, st);
    return 0;
}

static int patched_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    struct statx stx;
    int (*function)(int, const char *, int, unsigned, struct statx *) = asker->function;
    if (function(place->dirfd, place->name, flags_of(place) | asker->flags, STATX_BASIC_STATS, &stx) != 0)
        return failure();
    from_statx(&stx, st);
    return 0;
}

int statx_error(void)
{
    static int known = -1;
    int error = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (error < 0) {
        /* No file is asked for: where the call exists it says so. */
        syscall(SYS_statx, -1, NULL, 0, STATX_BASIC_STATS, NULL);
        error = errno == EFAULT || errno == EBADF || errno == EINVAL ? 0 : failure();
        __atomic_store_n(&known, error, __ATOMIC_RELAXED);
    }
    return error;
}

bool ask_by_statx(struct asker *asker, int flags)
{
    *asker = (struct asker){.name = "statx", .patched = patched_statx, .raw = raw_statx, .flags = flags};
    asker->function = statx_error() ? NULL : dlsym(RTLD_DEFAULT, asker->name);
    return asker->function != NULL;
}

/* The shapes of symbols.def. Those by path serve non-links with either of the pair, links with the one that
 * does not follow. */
static int raw_by_path(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(raw_fstatat(AT_FDCWD, place->path, st, flags_of(place)));
}

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

static int raw_by_fd(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    int error = result_or_errno((int)syscall(SYS_fstat, fd, st));
    close(fd);
    return error;
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
    return result_or_errno(((int (*)(int, const char *, struct stat *, int))asker->function)(place->dirfd, place->name,
                                                                                             st, flags_of(place)));
}

static int ask_xat(const struct asker *asker, const struct place *place, struct stat *st)
{
    return result_or_errno(((int (*)(int, int, const char *, struct stat *, int))asker->function)(
        1, place->dirfd, place->name, st, flags_of(place)));
}

/* What a walk does to a folder before it hands out its stat. */
static int raw_walk(const struct asker *asker, const struct place *place, struct stat *st)
{
    int error = raw_by_path(asker, place, st);
    if (error || !S_ISDIR(st->st_mode))
        return error;
    int fd = openat(AT_FDCWD, place->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return failure();
    close(fd);
    return 0;
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
    int (*nftw)(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int) =
        asker->function;
    return nftw(place->path, keep_first, 4, FTW_PHYS) == 1 ? 0 : failure();
}

/* fts and nftw look, open and look again. By descriptor the shim may ask for the path too, to prove that it is live. */
enum { PASSES_OF_WALKS = 4, PASSES_OF_DESCRIPTORS = 2 };

/* How each shape asks, and whether it asks about what a symbolic link leads to, and needs the path. */
#define SHAPE_PATH ask_path, raw_by_path, true, true
#define SHAPE_LINK ask_path, raw_by_path, false, true
#define SHAPE_FD ask_fd, raw_by_fd, false, false
#define SHAPE_AT ask_at, raw_by_name, false, false
#define SHAPE_XPATH ask_xpath, raw_by_path, true, true
#define SHAPE_XLINK ask_xpath, raw_by_path, false, true
#define SHAPE_XFD ask_xfd, raw_by_fd, false, false
#define SHAPE_XAT ask_xat, raw_by_name, false, false
#define SHAPE_STATX patched_statx, raw_statx, false, false
#define SHAPE_FTS_READ ask_fts_read, raw_walk, false, true
#define SHAPE_FTS_CHILDREN ask_fts_children, raw_walk, false, true
#define SHAPE_FTW ask_ftw, raw_walk, true, true
#define SHAPE_NFTW ask_nftw, raw_walk, false, true

typedef int (*ask_function)(const struct asker *, const struct place *, struct stat *);

static const struct {
    char name[24];
    ask_function patched, raw;
    bool follows, by_path;
} entry_points[] = {
#define ENTRY(name, shape, layout, relative) {#name, SHAPE_##shape},
#include "../shim/symbols.def"
#undef ENTRY
};

bool ask_by_entry_point(size_t number, const struct place *place, mode_t mode, struct asker *asker, bool *walks)
{
    if (number >= sizeof entry_points / sizeof *entry_points)
        return false;
    bool follows = entry_points[number].follows, by_path = entry_points[number].by_path;
    bool unfit = (by_path && !place->path) || (follows && S_ISLNK(mode)) || (by_path && !follows && place->follow);
    *asker = (struct asker){.name = entry_points[number].name, .raw = entry_points[number].raw};
    *walks = asker->raw == raw_walk;
    asker->passes = *walks ? PASSES_OF_WALKS : asker->raw == raw_by_fd ? PASSES_OF_DESCRIPTORS : by_path;
    unfit |= asker->raw == raw_statx && statx_error();
    asker->function = entry_points[number].patched && !unfit ? dlsym(RTLD_DEFAULT, asker->name) : NULL;
    if (asker->function)
        asker->patched = entry_points[number].patched;
    return true;
}
