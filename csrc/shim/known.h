/* What was shown once: entries, and roots, whose 0 is a lie. A later proof that cannot be made changes nothing, and
 * counter-evidence takes it back. Without locks, one word a fact; what finds no room displaces another. */
#ifndef NLINKSHIM_KNOWN_H
#define NLINKSHIM_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

/* Of whom: `mount` is its identity (mounts_identity); of 0, not known, nothing is kept. Device and mount ids come
 * back for another file system, identities (Linux 6.8) do not. */
struct fact {
    uint64_t device, mount;
    uint64_t inode; /* 0: the root of the file system */
};

bool known_lie(const struct fact *fact);
void known_add(const struct fact *fact);
void known_remove(const struct fact *fact);

#endif
