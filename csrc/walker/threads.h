/* How many threads walk: as many as processors at first, all that are allowed once calls are seen to wait. */
#ifndef NLINKSHIM_THREADS_H
#define NLINKSHIM_THREADS_H

#include "work.h"

enum { LISTING_SIZE = 32 * 1024 };

/* A part of a listing: what one call brings. */
struct part {
    size_t size;         /* bytes to ask for, LISTING_SIZE at most */
    int64_t begin, took; /* nanoseconds; the first part's with the opening of the folder */
    bool further;        /* it is not the first */
};

int64_t nanoseconds(void);

/* Have `wanted` threads at work, `jobs` at most; each runs `walk->run`. */
void threads_start(struct walk *walk, uint32_t wanted);

/* The caller's own is not waited for. */
void threads_join(struct walk *walk);

/* The first part of a listing. */
struct part part_begin(const struct worker *worker);

/* The part brought `names`: more threads, if that was slow, and the size of the next. */
void part_read(struct worker *worker, struct part *part, unsigned names);

/* `count` entries took `took` nanoseconds. */
void entries_took(struct walk *walk, int64_t took, unsigned count);

#endif
