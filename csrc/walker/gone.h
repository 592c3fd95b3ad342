/* Names of one folder that were listed, and were not there when they were looked up. Either they went meanwhile, or
 * the file system lists what it does not have (ghosts): told apart by listing and looking again. */
#ifndef NLINKSHIM_GONE_H
#define NLINKSHIM_GONE_H

#include <stddef.h>
#include <stdint.h>

enum { GONE_NAMES = 64, GONE_BYTES = 4096 };

struct walk_slot;

struct gone {
    unsigned count;             /* of all of them */
    unsigned kept;              /* whose names are here */
    size_t size;                /* of `names` in use */
    uint16_t start[GONE_NAMES]; /* of each name in `names` */
    char names[GONE_BYTES];
};

void gone_note(struct gone *gone, const char *name);

/* List the folder `fd` again. Returns how many of the names it still lists and still does not have; `first` is one of
 * them. `buffer` of `size` bytes is for the listing; `slot` shows each call. */
unsigned gone_ghosts(const struct gone *gone, int fd, void *buffer, size_t size, const char **first,
                     struct walk_slot *slot);

#endif
