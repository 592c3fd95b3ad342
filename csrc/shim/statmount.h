/* The kernel's own word about mounts (statmount(2) and listmount(2), Linux 6.8): it takes no descriptor and no /proc.
 * Each of these fails where the kernel or a filter refuses the calls. */
#ifndef NLINKSHIM_STATMOUNT_H
#define NLINKSHIM_STATMOUNT_H

#include "survey.h"

/* Feed all mounts that this process sees; `newest` gets the highest identity among them. */
bool statmount_all(struct survey *survey, uint64_t *newest);

/* Feed the mount of this identity alone. */
bool statmount_one(struct survey *survey, uint64_t identity);

/* Whether no mount that this process sees is younger than that of this identity. */
bool statmount_none_since(uint64_t identity);

/* Whether nothing is mounted in or over the mount of this identity. */
bool statmount_none_in(uint64_t identity);

#endif
