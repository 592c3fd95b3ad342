#include "answer.h"

#include <string.h>
#include <unistd.h>

#include "../shim/machine.h"

_Static_assert(sizeof(struct answer_statx) == 256, "struct statx");

static void read_statx(const struct answer_statx *stx, struct stat *st)
{
    memset(st, 0, sizeof *st);
    st->st_dev = (dev_t)stx->dev_major << 32 | stx->dev_minor;
    st->st_ino = stx->ino;
    st->st_nlink = stx->nlink;
    st->st_mode = stx->mode;
    st->st_uid = stx->uid;
    st->st_gid = stx->gid;
    st->st_rdev = (dev_t)stx->rdev_major << 32 | stx->rdev_minor;
    st->st_size = (off_t)stx->size;
    st->st_blksize = (blksize_t)stx->blksize;
    st->st_blocks = (blkcnt_t)stx->blocks;
    st->st_atim = (struct timespec){.tv_sec = (time_t)stx->atime.seconds, .tv_nsec = stx->atime.nanoseconds};
    st->st_mtim = (struct timespec){.tv_sec = (time_t)stx->mtime.seconds, .tv_nsec = stx->mtime.nanoseconds};
    st->st_ctim = (struct timespec){.tv_sec = (time_t)stx->ctime.seconds, .tv_nsec = stx->ctime.nanoseconds};
}

#if __SIZEOF_POINTER__ == 8

void answer_read(const void *answer, enum layout layout, struct stat *st)
{
    if (layout == LAYOUT_STATX)
        read_statx(answer, st);
    else
        *st = *(const struct stat *)answer;
}

#else

struct time32 {
    int32_t seconds, nanoseconds;
};

struct time64 {
    int64_t seconds;
    int32_t nanoseconds, unused;
};

/* The kernel's struct stat64, glibc's of that name, and musl's of before 1.2. */
struct stat64_of_kernel {
    uint64_t dev;
    uint32_t unused, ino32, mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t unused2;
    int64_t size;
    uint32_t blksize;
    int64_t blocks;
    struct time32 atime, mtime, ctime;
    uint64_t ino;
};

/* glibc's struct stat without _FILE_OFFSET_BITS, */
struct stat_of_glibc {
    uint64_t dev;
    uint32_t unused, ino, mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t unused2;
    int32_t size;
    uint32_t blksize;
    int32_t blocks;
    struct time32 atime, mtime, ctime;
};

/* and with _TIME_BITS=64 besides. */
struct time64_of_glibc {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev;
    int64_t size;
    uint32_t blksize;
    int64_t blocks;
    struct time64 atime, mtime, ctime;
};

#define READ(answer, st)                                                                                               \
    do {                                                                                                               \
        (st)->st_dev = (answer)->dev;                                                                                  \
        (st)->st_ino = (answer)->ino;                                                                                  \
        (st)->st_nlink = (answer)->nlink;                                                                              \
        (st)->st_mode = (answer)->mode;                                                                                \
        (st)->st_uid = (answer)->uid;                                                                                  \
        (st)->st_gid = (answer)->gid;                                                                                  \
        (st)->st_rdev = (answer)->rdev;                                                                                \
        (st)->st_size = (answer)->size;                                                                                \
        (st)->st_blksize = (blksize_t)(answer)->blksize;                                                               \
        (st)->st_blocks = (answer)->blocks;                                                                            \
        (st)->st_atim.tv_sec = (time_t)(answer)->atime.seconds;                                                        \
        (st)->st_atim.tv_nsec = (answer)->atime.nanoseconds;                                                           \
        (st)->st_mtim.tv_sec = (time_t)(answer)->mtime.seconds;                                                        \
        (st)->st_mtim.tv_nsec = (answer)->mtime.nanoseconds;                                                           \
        (st)->st_ctim.tv_sec = (time_t)(answer)->ctime.seconds;                                                        \
        (st)->st_ctim.tv_nsec = (answer)->ctime.nanoseconds;                                                           \
    } while (0)

void answer_read(const void *answer, enum layout layout, struct stat *st)
{
    memset(st, 0, sizeof *st);
    if (layout == LAYOUT_STATX)
        read_statx(answer, st);
#ifdef __GLIBC__
    else if (layout == LAYOUT_STAT)
        READ((const struct stat_of_glibc *)answer, st);
    else if (layout == LAYOUT_TIME64)
        READ((const struct time64_of_glibc *)answer, st);
#else
    else if (layout == LAYOUT_TIME64)
        *st = *(const struct stat *)answer;
#endif
    else
        READ((const struct stat64_of_kernel *)answer, st);
}

#endif

int answer_ask_name(int dirfd, const char *name, void *answer, int flags)
{
    return (int)syscall(NR_NEWFSTATAT, dirfd, name, answer, flags);
}

int answer_ask_descriptor(int fd, void *answer)
{
    return (int)syscall(NR_FSTAT, fd, answer);
}
