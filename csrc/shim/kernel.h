/* System calls made without libc: nothing here touches errno, and no other preload sees them. */
#ifndef NLINKSHIM_KERNEL_H
#define NLINKSHIM_KERNEL_H

#include <stddef.h>

#include "machine.h"

/* Linux UAPI constants, the same on every machine in machine.h unless it says otherwise */
enum {
    K_AT_FDCWD = -100,
    K_AT_SYMLINK_NOFOLLOW = 0x100,
    K_AT_NO_AUTOMOUNT = 0x800,
    K_AT_EMPTY_PATH = 0x1000,
    K_AT_STATX_DONT_SYNC = 0x4000,
    K_O_RDONLY = 0,
    K_O_NOFOLLOW = 0400000,
    K_O_CLOEXEC = 02000000,
    K_O_PATH = 010000000,
    K_F_DUPFD_CLOEXEC = 1030,
    K_STATX_TYPE = 0x1,
    K_STATX_NLINK = 0x4,
    K_STATX_INO = 0x100,
    K_STATX_MNT_ID = 0x1000,
    K_S_IFMT = 0170000,
    K_S_IFDIR = 0040000,
    K_EINTR = 4,
    K_ENOSYS = 38,
    K_CLOCK_MONOTONIC_COARSE = 6,
};

/* Programs may close(0) and expect open() to return 0: a descriptor of the shim's stands above this. */
enum { LOW_DESCRIPTORS = 100 };

static inline void kernel_close(int fd)
{
    kernel_call(NR_CLOSE, fd, 0, 0, 0, 0);
}

/* Open with O_CLOEXEC and move out of the low numbers. Returns the descriptor or -errno. */
static inline int kernel_open(int dirfd, const char *path, int flags)
{
    int low = (int)kernel_call(NR_OPENAT, dirfd, (long)path, flags | K_O_CLOEXEC, 0, 0);
    if (low < 0 || low > LOW_DESCRIPTORS)
        return low;
    int high = (int)kernel_call(NR_FCNTL, low, K_F_DUPFD_CLOEXEC, LOW_DESCRIPTORS + 1, 0, 0);
    kernel_close(low);
    return high;
}

static inline long kernel_read(int fd, char *buffer, size_t size)
{
    long got;
    do {
        got = kernel_call(NR_READ, fd, (long)buffer, (long)size, 0, 0);
    } while (got == -K_EINTR);
    return got;
}

/* The text of a symbolic link, terminated. Returns its length, or -1 if it failed or does not fit. */
static inline long kernel_readlink(const char *link, char *text, size_t size)
{
    long length = kernel_call(NR_READLINKAT, K_AT_FDCWD, (long)link, (long)text, (long)size, 0);
    if (length < 0 || (size_t)length >= size)
        return -1;
    text[length] = '\0';
    return length;
}

#endif
