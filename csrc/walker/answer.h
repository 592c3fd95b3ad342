/* What libc and the kernel answer with, read into one structure: struct stat, as the walker is compiled (with 64 bits
 * for files; 32-bit machines have others besides). */
#ifndef NLINKSHIM_ANSWER_H
#define NLINKSHIM_ANSWER_H

#include <stdint.h>
#include <sys/stat.h>

/* struct statx of linux/stat.h, which musl's sys/stat.h defines too, and glibc before 2.28 does not. */
struct answer_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, unused;
    uint64_t ino, size, blocks, attributes_mask;
    struct {
        int64_t seconds;
        uint32_t nanoseconds;
        int32_t unused;
    } atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t later[14];
};

enum { ANSWER_BASIC_STATS = 0x7ff, ANSWER_FORCE_SYNC = 0x2000, ANSWER_DONT_SYNC = 0x4000 };

/* As symbols.def names the structures. */
enum layout { LAYOUT_STAT, LAYOUT_STAT64, LAYOUT_TIME64, LAYOUT_STATX };

/* Room for any of them. */
union answer {
    struct stat stat;
    struct answer_statx statx;
};

/* `st` gets what stands in `answer`. Of a statx the device numbers are of a kind of their own: to be compared among
 * themselves. */
void answer_read(const void *answer, enum layout layout, struct stat *st);

/* The system calls, answered in LAYOUT_STAT64. Return 0, or -1 with errno. */
int answer_ask_name(int dirfd, const char *name, void *answer, int flags);
int answer_ask_descriptor(int fd, void *answer);

#endif
