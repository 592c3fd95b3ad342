/* System calls made without libc: nothing here touches errno, and no other preload sees them. */
#ifndef NLINKSHIM_KERNEL_H
#define NLINKSHIM_KERNEL_H

#include <stddef.h>

#include "machine.h"

/* Linux UAPI constants that are the same on every machine of machine.h; layout_check.c holds them against the headers */
enum {
    K_AT_FDCWD = -100,
    K_AT_SYMLINK_NOFOLLOW = 0x100,
    K_AT_NO_AUTOMOUNT = 0x800,
    K_AT_EMPTY_PATH = 0x1000,
    K_AT_STATX_DONT_SYNC = 0x4000,
    K_O_RDONLY = 0,
    K_O_CLOEXEC = 02000000,
    K_O_PATH = 010000000,
    K_RESOLVE_NO_XDEV = 0x1,
    K_RESOLVE_NO_SYMLINKS = 0x4,
    K_F_DUPFD_CLOEXEC = 1030,
    K_RLIMIT_NOFILE = 7,
    K_STATX_TYPE = 0x1,
    K_STATX_NLINK = 0x4,
    K_STATX_INO = 0x100,
    K_STATX_MNT_ID = 0x1000,
    K_STATX_MNT_ID_UNIQUE = 0x4000,
    K_STATX_ATTR_MOUNT_ROOT = 0x2000,
    K_S_IFMT = 0170000,
    K_S_IFDIR = 0040000,
    K_ENOENT = 2,
    K_EINTR = 4,
    K_EXDEV = 18,
    K_ENOTDIR = 20,
    K_EPIPE = 32,
    K_ENOSYS = 38,
    K_MAX_ERRNO = 4095,
    K_POLLOUT = 4,
    K_SIGPIPE = 13,
    K_SIG_BLOCK = 0,
    K_SIG_SETMASK = 2,
    K_CLOCK_MONOTONIC_COARSE = 6,
};

static inline void kernel_close(int fd)
{
    kernel_call(NR_CLOSE, fd, 0, 0, 0, 0);
}

/* Open with O_CLOEXEC and move out of the low numbers if the host's limit allows. Returns the descriptor or
 * -errno. */
int kernel_open(int dirfd, const char *path, int flags);

/* The same for a place (O_PATH) that is reached from `dirfd` without leaving its mount and by no symbolic link:
 * -EXDEV if it is not. Linux 5.6. */
int kernel_open_inside(int dirfd, const char *path);

/* struct stat of `path`, its last link not followed; of `dirfd` itself if it is "". Returns 0 or -errno. */
long kernel_stat(int dirfd, const char *path, void *st);

/* Returns the bytes read or -errno. */
long kernel_read(int fd, char *buffer, size_t size);

/* The text of a symbolic link, terminated if it fits. Returns its length, `size` if it does not fit, or -errno. */
long kernel_readlink(const char *link, char *text, size_t size);

#endif
