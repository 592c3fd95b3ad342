/* Where an open entry is: the path by which it is seen, and whether that path may be walked. A lookup that goes by
 * another mount could wait for a daemon or a server that is not the entry's own: a dead one, or the host itself. */
#ifndef NLINKSHIM_PLACE_H
#define NLINKSHIM_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PATH_SIZE = 2048, /* on the stack; the host may be on a signal stack, so longer ones share one place */
    CLIMB_DEPTH = 40, /* how many folders up a mount's root is looked for */
    FRONT_SIZE = 3 * CLIMB_DEPTH, /* in front of a path there is room for as many `../` */
};

/* What is known of a mount. */
enum {
    MOUNT_JUDGED = 1,
    MOUNT_LISTED = 2,    /* this thread's mountinfo has it, at a part of the path */
    MOUNT_WHOLE = 4,     /* it shows its file system from the root */
    MOUNT_REACHED = 8,   /* a lookup of its mount point goes by no mount that may wait, and leads to it */
    MOUNT_CHILDREN = 16, /* something is mounted in it or over it */
    MOUNT_OTHERS = 32,   /* another mount shows the same file system from its root */
};

struct place {
    /* Set these, then place_begin. */
    int fd;         /* a descriptor, or AT_FDCWD for the working directory */
    bool directory; /* or could be one */
    uint64_t device, inode;
    uintptr_t stamp; /* the second that cached facts belong to */

    uint64_t mount; /* identity; 0: not told */
    unsigned facts; /* MOUNT_* */
    long point;     /* MOUNT_LISTED: how much of the path is the mount point, bytes; 0 for / */
    bool settled;   /* whatever the path, it stays in the mount */
    char *path;
    size_t size;
    long length; /* of the path */
    char room[FRONT_SIZE + PATH_SIZE];
};

void place_begin(struct place *place);
void place_end(struct place *place);

/* Put the path of the entry, as it is now, into place->path. Returns its length or -1. */
long place_path(struct place *place);

/* May place->path be walked? Sets the facts about its mount. */
bool place_judge(struct place *place);

/* Whether place->path is the mount point. */
bool place_is_mount_root(const struct place *place);

/* Put a path at which the root of the same file system is mounted, the one after `skip` others, into place->path.
 * Returns whether there is one; `reached` tells whether it may be walked. */
bool place_of_root(struct place *place, unsigned skip, bool *reached);

#endif
