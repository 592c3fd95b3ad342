/* Where other file systems are mounted below the root of a walk, as the kernel lists them: found before anything
 * there is looked at, since a daemon that is dead or hangs below another mount is not this mount's trouble. */
#ifndef NLINKSHIM_POINTS_H
#define NLINKSHIM_POINTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct point {
    uint64_t mount_id;
    size_t start;     /* of the path in `text` */
    const char *path; /* relative to the root */
};

struct points {
    struct point *list; /* sorted by path */
    size_t count;
    char *text; /* of all paths, terminated */
    size_t size;
    bool root_is_folder; /* and no mount: a folder of this host's own file systems */
};

/* Open a place (O_PATH). Where that fails or hangs, nobody knows its mount but by the text of the path, which tells
 * only as long as no symbolic link is followed; those of /proc lead into other mount namespaces: until then `literal`
 * is 1. (Before Linux 5.6 nobody can tell: 0.) */
int find_place(const char *path, uint32_t *literal);

/* The id of the mount that an open descriptor is on, 0 where /proc does not tell. Asks no file system. */
uint64_t mount_id_of(int fd);

/* Read the mounts below the absolute path `root`, on the mount `mount_id`, that are not of `device`. Without /proc there
 * are none. `local_types` are the types of this host's own file systems, NULL-terminated. */
void points_read(struct points *points, const char *root, uint64_t mount_id, dev_t device,
                 const char *const *local_types);
void points_free(struct points *points);

/* Whether the entry `path` below the root (`name` in the open folder `dirfd`) is one of them, and visible. */
bool points_cover(const struct points *points, const char *path, int dirfd, const char *name);

#endif
