/* One entry: the raw system call against every way to ask libc, and what the difference means. */
#ifndef NLINKSHIM_COMPARE_H
#define NLINKSHIM_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "walker.h"

/* How to reach the entry, for entry points that take a descriptor and those that take a path. */
struct place {
    int dirfd;
    const char *name; /* relative to dirfd */
    const char *path; /* the same from the working directory; NULL: not known, or too long */
    uint64_t *ticks;  /* counted up with each call: a sign of life */
    int follow;       /* 0, or 1 for the root, which may be given by a symbolic link */
};

enum outcome {
    OUTCOME_HONEST,
    OUTCOME_CORRECTED, /* it lies, and every answer looked at was right */
    OUTCOME_WRONG,     /* `finding` tells what */
    OUTCOME_CHANGING,  /* raw answers did not agree in three tries */
    OUTCOME_FAILED,    /* the raw call failed: errno in `finding->error` */
};

struct finding {
    uint32_t problem;
    int error;
    const char *entry_point, *field;
    uint64_t raw, patched;
};

struct depth {
    bool fresh;        /* ask the daemon afresh too */
    bool entry_points; /* compare them all */
    uint32_t directory_nlink;
};

/* Fills `raw` with the first raw answer. */
enum outcome compare_entry(const struct place *place, struct depth depth, struct stat *raw, struct finding *finding);

int raw_fstatat(int dirfd, const char *name, struct stat *st, int flags);

#endif
