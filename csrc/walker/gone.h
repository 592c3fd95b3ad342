/* Names of one folder that were listed, and were not there when they were looked up. Either they went meanwhile,
 * which is no fault, or the file system lists what it does not have: told apart by listing and looking again. */
#ifndef NLINKSHIM_GONE_H
#define NLINKSHIM_GONE_H

#include <stddef.h>
#include <stdint.h>

enum { GONE_NAMES = 64, GONE_BYTES = 4096 };

struct gone {
    unsigned count;             /* of all of them */
    unsigned kept;              /* whose names are here */
    size_t size;                /* of `names` in use */
    int error[GONE_NAMES];      /* errno of the look-up */
    uint16_t start[GONE_NAMES]; /* of each name in `names` */
    char names[GONE_BYTES];
};

void gone_note(struct gone *gone, const char *name, int error);

/* List the folder `fd` again, and keep of the names those that it still lists and still does not have. `buffer` of
 * `size` bytes is for the listing. */
void gone_check(struct gone *gone, int fd, void *buffer, size_t size);

#endif
