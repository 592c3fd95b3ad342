#include "below.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "tally.h"

/* The kernel takes no path of 4,096 bytes: from the root come as near to `path` as it needs, and leave the rest in it.
 * Returns a folder, the root's own if that was near enough, or -1. */
static int come_near(int root_fd, const char **path)
{
    int fd = root_fd;
    while (fd >= 0 && strlen(*path) >= WALK_PATH_SIZE) {
        char piece[WALK_PATH_SIZE];
        copy_text(piece, sizeof piece, *path);
        *strrchr(piece, '/') = '\0'; /* no name is longer than 255 bytes */
        int next = openat(fd, piece, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error = errno;
        if (fd != root_fd)
            close(fd);
        errno = error;
        fd = next;
        *path += strlen(piece) + 1;
    }
    return fd;
}

int open_below(int root_fd, const char *path)
{
    int near = come_near(root_fd, &path);
    if (near < 0)
        return -1;
    int fd = openat(near, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error = errno;
    if (near != root_fd)
        close(near);
    errno = error;
    return fd;
}

int stat_below(int root_fd, const char *path, struct stat *named)
{
    int near = come_near(root_fd, &path);
    if (near < 0)
        return -1;
    int result = raw_fstatat(near, path, named, AT_SYMLINK_NOFOLLOW), error = errno;
    if (near != root_fd)
        close(near);
    errno = error;
    return result;
}
