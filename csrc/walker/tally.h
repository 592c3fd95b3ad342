/* What a walk has found so far, written into the report. */
#ifndef NLINKSHIM_TALLY_H
#define NLINKSHIM_TALLY_H

#include <pthread.h>
#include <stdbool.h>

#include "compare.h"

struct walk_tally {
    struct walk_report *report;
    const char *root;
    pthread_mutex_t mutex; /* over samples, names and first errors; the shared counters are atomic */
};

#define ADD(counter, n) __atomic_fetch_add(&(counter), (n), __ATOMIC_RELAXED)

/* All take the entry as folder (relative to the root) and name. A connection that is dead ends the walk. */
void tally_outcome(struct walk_tally *tally, struct walk_counts *counts, const char *folder, const char *name,
                   enum outcome outcome, const struct finding *finding);
void tally_error(struct walk_tally *tally, const char *folder, const char *name, int error);
void tally_ghosts(struct walk_tally *tally, const char *folder, const char *first, unsigned count);
void tally_endless(struct walk_tally *tally, const char *folder);
void tally_mount_below(struct walk_tally *tally, const char *folder, const char *name);

/* `from`, cut to `size` bytes with its end. */
void copy_text(char *to, size_t size, const char *from);

/* `root/folder/name` (empty parts are left out) into WALK_PATH_SIZE bytes; false if that does not fit, and is
 * cut to end in "...". */
bool join_path(char *path, const char *root, const char *folder, const char *name);

#endif
