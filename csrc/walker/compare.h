/* One entry: the raw system call against every way to ask libc, and what the difference means. */
#ifndef NLINKSHIM_COMPARE_H
#define NLINKSHIM_COMPARE_H

#include "ask.h"
#include "walker.h"

enum outcome {
    OUTCOME_HONEST,
    OUTCOME_CORRECTED, /* it lies, and every answer looked at was right */
    OUTCOME_WRONG,     /* `finding` tells what */
    OUTCOME_UNSETTLED, /* raw answers never agreed on the count and the type: nothing can be said */
    OUTCOME_FAILED,    /* the raw call fails: errno in `finding->error` */
};

struct finding {
    uint32_t problem;
    int error;
    const char *entry_point, *field;
    uint64_t raw, patched;
    bool moved;         /* other fields than the count and the type changed by themselves meanwhile */
    unsigned transient; /* calls that failed, and worked when they were repeated */
};

struct depth {
    bool fresh;        /* ask the daemon afresh too */
    bool entry_points; /* compare them all */
    bool convinced;    /* enough was found wrong already: fewer repetitions convict */
    uint32_t directory_nlink;
};

/* Fills `raw` with the first raw answer. */
enum outcome compare_entry(const struct place *place, struct depth depth, struct stat *raw, struct finding *finding);

/* How many names a path has. */
uint32_t names_of(const char *path);

/* How often a call is made whose failure may pass. */
enum { RAW_TRIES = 3 };

/* Whether the same call can only fail again. */
bool error_is_final(int error);

/* Whether a name with this error is one that went, or became something else, since it was listed. */
bool error_of_vanished(int error);

#endif
