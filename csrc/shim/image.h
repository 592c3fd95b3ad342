/* Symbols of ELF images that are already in memory. Not dlsym: that allocates when it fails, overwrites the
 * host's dlerror, and is missing from programs without libdl before glibc 2.34.
 *
 * Nothing is believed of an image: what is read lies, with its whole size, in a readable segment of that object. */
#ifndef NLINKSHIM_IMAGE_H
#define NLINKSHIM_IMAGE_H

#include <link.h>
#include <stdint.h>

struct image {
    ElfW(Addr) base;
    const ElfW(Phdr) * segments;
    ElfW(Half) segment_count;
    ElfW(Addr) symbols, strings;
    ElfW(Addr) gnu_hash, sysv_hash; /* either may be 0 */
    ElfW(Addr) versions;            /* 0: the symbols have none */
};

/* Whether the object has what it takes to look a symbol up. */
int image_open(struct image *image, const struct dl_phdr_info *object);

/* The address of the function that `name` stands for without a version: its default version, else any.
 * NULL if the object defines none. */
void *image_function(const struct image *image, const char *name);

#endif
