/* walks.c for __fts64_*_time64 and their like on 32-bit machines. */
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS 64
#define WALK(name) name##_time64
#include "walks.c"
