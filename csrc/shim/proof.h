/* Is a 0 a lie? A name tells by itself; a descriptor's 0 may be the truth about a file that was unlinked
 * while open, so there it takes a proof that the file system lies. */
#ifndef NLINKSHIM_PROOF_H
#define NLINKSHIM_PROOF_H

#include "scope.h"

/* What a lookup resolved to. */
struct entry {
    uint64_t device, inode; /* inode 0: not known */
    bool directory;         /* or could be one */
};

/* By cache and name where they settle it, else by mountinfo and proof. */
bool is_lie(const struct lookup *lookup, const struct entry *entry);

#endif
