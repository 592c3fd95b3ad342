/* Symbols of ELF images that are already in memory. Not dlsym: that allocates when it fails, overwrites the
 * host's dlerror, and is missing from programs without libdl before glibc 2.34. */
#ifndef NLINKSHIM_IMAGE_H
#define NLINKSHIM_IMAGE_H

#include <link.h>

struct image {
    ElfW(Addr) base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash, *sysv_hash; /* either may be NULL */
    const ElfW(Half) * versions;          /* NULL: the symbols have none */
};

/* Whether the object has what it takes to look a symbol up. */
int image_open(struct image *image, const struct dl_phdr_info *object);

/* The address of the function that `name` stands for without a version: its default version, else any.
 * NULL if the object defines none. */
void *image_function(const struct image *image, const char *name);

#endif
