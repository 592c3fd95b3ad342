/* Whether a name can go over SMB. */
#ifndef NLINKSHIM_SMB_NAME_H
#define NLINKSHIM_SMB_NAME_H

#include <stddef.h>
#include <stdint.h>

/* The NAME_* bits of walker.h that hold for the name, whose length goes to `*length` and a hash of it to `*hash`: one
 * pass over it tells all. */
uint32_t smb_name(const char *name, size_t *length, uint64_t *hash);

#endif
