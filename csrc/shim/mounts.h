/* Asking the kernel about mounts: the table of those that this thread sees, and which of them something is in.
 * Neither asks the file system that is mounted. */
#ifndef NLINKSHIM_MOUNTS_H
#define NLINKSHIM_MOUNTS_H

#include "kernel.h"
#include "survey.h"

/* Answer what `survey` asks: by statmount, or else from /proc/thread-self/mountinfo. `newest`: the identity after which
 * mounts will have been added, 0 where mountinfo told. Returns false if neither can be had. */
bool mounts_survey(struct survey *survey, uint64_t *newest);

/* The path of what `fd` (or AT_FDCWD) stands for, as this process sees it, terminated if it fits. Returns its length,
 * `size` if it does not fit, or less than 1 if there is none. */
long mounts_path(int fd, char *path, size_t size);

/* The mount id that mountinfo lists for `path` from `dirfd` (NULL or "": for `dirfd` itself); `flags` may hold
 * AT_SYMLINK_NOFOLLOW. By statx (Linux 5.8), for a descriptor by its fdinfo too. 0: not told. */
uint64_t mounts_id(int dirfd, const char *path, int flags);

/* The same by the number that is never given again (Linux 6.8), or else by the one above. */
uint64_t mounts_identity(int dirfd, const char *path, int flags);

/* Whether a mount starts at `path` from `dirfd`, or that is not told; `flags` may hold AT_SYMLINK_NOFOLLOW. */
bool mounts_may_start_at(int dirfd, const char *path, int flags);

/* Whether `path` ("": `dirfd` itself) is where the mount of that identity starts. False too where the kernel does not
 * tell. */
bool mounts_starts_at(int dirfd, const char *path, uint64_t identity);

#endif
