/* A reader of /proc/PID/mountinfo (proc_pid_mountinfo(5)), fed in pieces of any size. Pure: no system call,
 * no allocation, lines of any length. */
#ifndef NLINKSHIM_MOUNTINFO_H
#define NLINKSHIM_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* The topmost mount at one path of the scope. */
struct top {
    uint64_t id, parent;
    uint64_t device;
    bool found, counts; /* counts: its type is not one of those that never do */
};

/* What a walk along a path touches of the mounts: those whose mount point the path goes through. */
enum { WALK_STEPS = 24 }; /* of more, none is known */
struct step {
    uint32_t id, parent;
    uint16_t length; /* of the mount point, bytes; 0 for / */
    bool waits;      /* its type may wait for a daemon or a server */
    bool triggers;   /* so it may where another mount stands on it already: autofs */
};

struct walk {
    /* What is asked: set these, zero the rest. */
    uint64_t id;      /* of the mount that the path lies in */
    const char *path; /* absolute, terminated, no `.`, `..` or double slash */
    uint64_t device;  /* as in st_dev: where is the root of that file system mounted? */
    char *elsewhere;  /* NULL, or where to put such a mount point: */
    size_t elsewhere_size;
    unsigned elsewhere_skip; /* the one after so many others */

    /* What was found. */
    struct step step[WALK_STEPS];
    unsigned count;
    bool overflow;
    bool listed, whole;          /* the mount asked for; it shows its file system from the root */
    bool has_children;           /* something is mounted in it, or over it */
    bool has_others;             /* another mount shows that file system from its root */
    bool elsewhere_found;
    uint64_t elsewhere_id;
};

struct mountinfo {
    /* What is asked: set one of these, zero the rest, then mountinfo_begin. */
    const struct scope *scope; /* is `device` in scope? */
    const char *scope_text;
    uint64_t device;  /* as in st_dev */
    struct top *top;  /* zeroed, one a path of the scope: what is found there */
    struct walk *walk; /* which mounts does its path touch? */

    /* What was found of the scope. */
    bool device_seen, device_is_fuse;

    /* The line being read. */
    unsigned field;
    size_t position;        /* in the field, decoded bytes */
    unsigned escape_digits; /* of a \ooo still to come */
    unsigned escape_value;
    uint64_t id, parent, major, minor;
    size_t length;       /* of the mount point, if the path of the walk goes through it */
    uint32_t candidates; /* a bit a path of the scope that the mount point equals so far */
    bool dash, behind_dash, behind_colon, at_root, on_path;
    char type[16];
};

void mountinfo_begin(struct mountinfo *info);
void mountinfo_feed(struct mountinfo *info, const char *text, size_t size);

/* After the last piece: whether the mount `id` (0: not known) or else the device asked for is in scope. */
bool mountinfo_in_scope(const struct mountinfo *info, uint64_t id);

/* The same for a walk: how much of the path is the mount point, bytes (0 for /), or -1 if it does not go there. */
long walk_length(const struct walk *walk);

/* Whether a lookup of the mount point goes by no mount that may wait, and ends on this very mount. */
bool walk_reaches(const struct walk *walk);

/* Whether the path goes by no other mount beyond it. */
bool walk_stays(const struct walk *walk);

#endif
