/* One entry of a walk: whether it is looked at, compared with what libc says of it, and told to the tally. */
#ifndef NLINKSHIM_LOOK_H
#define NLINKSHIM_LOOK_H

#include <sys/stat.h>

#include "work.h"

/* What became of an entry. */
enum look { LOOKED, FAILED, MISSING, ELSEWHERE };

/* Compare one entry; `number` is its place in the walk. `raw` is filled if it was LOOKED at. A folder ELSEWHERE belongs
 * to another file system. */
enum look look_closely(struct walk *walk, struct place place, const char *folder, const char *name, uint64_t number,
                       struct stat *raw);

/* The same for a name of an open folder, unless the options leave it out. Returns whether it is a folder to enter. */
bool look_at(struct worker *worker, struct folder *folder, const char *name);

/* Tell names that went meanwhile from those that the folder lists and does not have; forgets them. */
void look_for_ghosts(struct worker *worker, struct folder *folder);

bool look_stopped(const struct walk *walk);

/* Show the supervisor where this thread is. */
void look_show_folder(struct walk_slot *slot, const char *path);

#endif
