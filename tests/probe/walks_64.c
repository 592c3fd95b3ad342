/* walks.c for fts64_* and their like on 32-bit machines, whose structures are those of large files. */
#define _FILE_OFFSET_BITS 64
#define WALK(name) name##_64
#include "walks.c"
