/* A reader of /proc/PID/mountinfo (proc_pid_mountinfo(5)), fed in pieces of any size. Pure: no system call,
 * no allocation, lines of any length. */
#ifndef NLINKSHIM_MOUNTINFO_H
#define NLINKSHIM_MOUNTINFO_H

#include "survey.h"

struct mountinfo {
    struct survey *survey; /* set this, zero the rest, then mountinfo_begin */

    /* The line being read. */
    unsigned field;
    size_t position;        /* in the field, decoded bytes */
    unsigned escape_digits; /* of a \ooo still to come */
    unsigned escape_value;
    uint64_t id, parent, major, minor;
    unsigned removed; /* bytes of "//deleted" at the end of the root so far */
    bool dash, behind_dash, behind_colon, at_root;
    char type[16];
};

void mountinfo_begin(struct mountinfo *info);
void mountinfo_feed(struct mountinfo *info, const char *text, size_t size);

#endif
