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

struct mountinfo {
    /* What is asked: set these, zero the rest, then mountinfo_begin. */
    const struct scope *scope;
    const char *scope_text;
    uint64_t device;     /* as in st_dev */
    char *root;          /* NULL, or where to put a path at which the root of that device's file system is */
    size_t root_size;    /* mounted: the one after `root_skip` others */
    unsigned root_skip;

    /* What was found. */
    bool device_seen, device_is_fuse;
    bool root_found;
    struct top top[SCOPE_MAX_PATHS];

    /* The line being read. */
    unsigned field;
    size_t position;        /* in the field, decoded bytes */
    unsigned escape_digits; /* of a \ooo still to come */
    unsigned escape_value;
    uint64_t id, parent, major, minor;
    uint32_t candidates; /* a bit a path of the scope that the mount point equals so far */
    bool dash, behind_dash, behind_colon, at_root, too_long;
    char type[16];
};

void mountinfo_begin(struct mountinfo *info);
void mountinfo_feed(struct mountinfo *info, const char *text, size_t size);

/* After the last piece: whether the mount `id` (0: not known) or else the device asked for is in scope. */
bool mountinfo_in_scope(const struct mountinfo *info, uint64_t id);

#endif
