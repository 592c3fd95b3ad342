#include "kernel.h"

#include <stdbool.h>

/* Programs may close(0) and expect open() to return 0: a descriptor of the shim's stands above this. */
enum { LOW_DESCRIPTORS = 100 };

/* How often a call is made again that a signal of the host's ended. A timer that is faster than the daemon would
 * end each of them. */
enum { INTERRUPTIONS = 16 };

static long duplicate_from(int fd, long lowest)
{
    return kernel_call(NR_FCNTL, fd, K_F_DUPFD_CLOEXEC, lowest, 0, 0);
}

/* The number below which the host may have descriptors; where that is not told, one that most hosts have. */
static long descriptor_limit(void)
{
    uint64_t limit[2] = {LOW_DESCRIPTORS + 1, 0}; /* struct rlimit64: soft, hard */
    kernel_call(NR_PRLIMIT64, 0, K_RLIMIT_NOFILE, 0, (long)limit, 0);
    return limit[0] < 1u << 30 ? (long)limit[0] : 1 << 30;
}

/* The descriptor under a high number, or as high as the host's limit and its own descriptors allow. */
static int moved_up(int low)
{
    if (low < 0 || low > LOW_DESCRIPTORS)
        return low;
    long high = duplicate_from(low, LOW_DESCRIPTORS + 1);
    if (high < 0) {
        long limit = descriptor_limit();
        for (long below = 1; high < 0 && limit - below > low; below *= 2)
            high = duplicate_from(low, limit - below);
    }
    if (high < 0)
        return low;
    kernel_close(low);
    return (int)high;
}

int kernel_open(int dirfd, const char *path, int flags)
{
    long fd = -K_EINTR;
    for (unsigned i = 0; i < INTERRUPTIONS && fd == -K_EINTR; i++)
        fd = kernel_call(NR_OPENAT, dirfd, (long)path, flags | K_O_CLOEXEC, 0, 0);
    return moved_up((int)fd);
}

int kernel_open_inside(int dirfd, const char *path)
{
    const uint64_t how[3] = {K_O_PATH | K_O_NOFOLLOW | K_O_CLOEXEC, 0, K_RESOLVE_NO_XDEV | K_RESOLVE_NO_SYMLINKS};
    long fd = -K_EINTR;
    for (unsigned i = 0; i < INTERRUPTIONS && fd == -K_EINTR; i++)
        fd = kernel_call(NR_OPENAT2, dirfd, (long)path, (long)how, sizeof how, 0);
    return moved_up((int)fd);
}

long kernel_stat(int dirfd, const char *path, void *st)
{
    long result = -K_EINTR;
    for (unsigned i = 0; i < INTERRUPTIONS && result == -K_EINTR; i++)
        result = kernel_call(NR_NEWFSTATAT, dirfd, (long)path, (long)st,
                             K_AT_SYMLINK_NOFOLLOW | K_AT_NO_AUTOMOUNT | K_AT_EMPTY_PATH, 0);
    return result;
}

long kernel_read(int fd, char *buffer, size_t size)
{
    long got;
    do {
        got = kernel_call(NR_READ, fd, (long)buffer, (long)size, 0, 0);
    } while (got == -K_EINTR);
    return got;
}

long kernel_readlink(const char *link, char *text, size_t size)
{
    long length = kernel_call(NR_READLINKAT, K_AT_FDCWD, (long)link, (long)text, (long)size, 0);
    if (length >= 0 && (size_t)length < size)
        text[length] = '\0';
    return length;
}
