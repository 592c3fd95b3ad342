/* Paths below the root of a walk, however long: the kernel takes none of 4,096 bytes. */
#ifndef NLINKSHIM_BELOW_H
#define NLINKSHIM_BELOW_H

#include <sys/stat.h>

/* Open the folder `path` below the open folder `root_fd`, "" being that itself. Returns -1 with errno. */
int open_below(int root_fd, const char *path);

/* lstat(2) by the raw system call. */
int stat_below(int root_fd, const char *path, struct stat *named);

#endif
