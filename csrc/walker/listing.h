/* The records of getdents64(2). */
#ifndef NLINKSHIM_LISTING_H
#define NLINKSHIM_LISTING_H

#include <stdbool.h>
#include <stdint.h>

/* linux_dirent64 */
struct record {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static inline bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

#endif
