/* The records of getdents64(2). */
#ifndef NLINKSHIM_LISTING_H
#define NLINKSHIM_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LISTING_SIZE = 32 * 1024 }; /* bytes read at a time */

/* linux_dirent64 */
struct record {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Where some chunk of a listing ended. */
struct listing_mark {
    uint64_t chunks, next; /* how many were read; which one to keep the end of */
    int64_t offset;
    char name[256];
};

/* Whether a listing goes round, seen from the last record of each of its chunks: some FUSE servers answer every offset
 * with the same names, and the listing never ends. The kernel goes on from the offset alone, so one that came before,
 * with the same name, brings the same again. Kept is the end of every chunk whose number is a power of two (Brent's way
 * to find a cycle): found at the latest in the third round, in bounded memory. */
static inline bool listing_goes_round(struct listing_mark *mark, const struct record *last)
{
    if (mark->chunks && last->offset == mark->offset && strcmp(last->name, mark->name) == 0)
        return true;
    if (mark->chunks++ == mark->next) {
        mark->next = mark->chunks * 2 - 1;
        mark->offset = last->offset;
        strncpy(mark->name, last->name, sizeof mark->name - 1);
    }
    return false;
}

static inline bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

#endif
