/* Where an open entry is: the path by which it is seen, and whether that path may be walked. A lookup that goes by
 * another mount could wait for a daemon or a server that is not the entry's own: a dead one, or the host itself. */
#ifndef NLINKSHIM_PLACE_H
#define NLINKSHIM_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "survey.h"

enum {
    PATH_SIZE = 2048,             /* on the stack; the host may be on a signal stack, so longer ones share one place */
    CLIMB_DEPTH = 40,             /* how many folders up a mount's root is looked for */
    FRONT_SIZE = 3 * CLIMB_DEPTH, /* in front of a path there is room for as many `../` */
};

/* What is known of a mount. */
enum {
    MOUNT_JUDGED = 1,
    MOUNT_LISTED = 2,    /* this thread's mountinfo has it, at a part of the path */
    MOUNT_WHOLE = 4,     /* it shows its file system from the root */
    MOUNT_REACHED = 8,   /* a lookup of its mount point goes by no mount that may wait, and leads to it */
    MOUNT_CHILDREN = 16, /* something is mounted in it or over it */
    MOUNT_OTHERS = 32,   /* another mount shows the same file system from its root, */
    MOUNT_ALONE = 64,    /* but none that may be walked to */
};

struct place {
    /* Set these, then place_begin. */
    int fd;         /* a descriptor, or AT_FDCWD for the working directory */
    bool directory; /* or could be one */
    uint64_t device, inode;
    uint64_t stamp; /* the second that cached facts belong to */

    uint64_t mount; /* identity; 0: not told */
    unsigned facts; /* MOUNT_* */
    long point;     /* MOUNT_LISTED: how much of the path is the mount point, bytes; 0 for / */
    bool settled;   /* whatever the path, it stays in the mount */
    bool surveyed;  /* the facts were found out for this very call, */
    bool fresh;     /* and whether the path may be walked (`stays`), which has been read just before that */
    bool stays;
    char *path;
    size_t size;
    long length; /* of the path */
    char room[FRONT_SIZE + PATH_SIZE];
};

void place_begin(struct place *place);
void place_end(struct place *place);

/* Put the path of the entry, as it is now, into place->path. Returns its length or -1. */
long place_path(struct place *place);

/* Let `survey`, zeroed, ask for the mount and the path of the entry; when it is complete, take what it found. */
void place_ask(struct place *place, struct survey *survey);
void place_learn(struct place *place, const struct survey *survey);

/* May place->path be walked? Sets the facts about its mount. */
bool place_judge(struct place *place);

/* Set the facts about the mount for what is asked of its root, whatever the rest of place->path. */
void place_know(struct place *place);

/* Whether place->path is the mount point. */
bool place_is_mount_root(const struct place *place);

/* Where else the root of the same file system is mounted and may be walked to: puts the paths into `roots`, which point
 * into place->path. Returns how many. */
unsigned place_roots(struct place *place, const char *roots[SURVEY_ELSEWHERE]);

#endif
