/* What the shim shows to the outside: the exported object `nlinkshim_state`, found in the ELF image in
 * memory and read through /proc/PID/mem. A change of layout takes a new STATE_LAYOUT. */
#ifndef NLINKSHIM_STATE_H
#define NLINKSHIM_STATE_H

#include <stdint.h>

#define STATE_MAGIC "nlnkshim"
enum { STATE_LAYOUT = 2, STATE_VERSION_SIZE = 32, SCOPE_TEXT_SIZE = 4096 };

enum scope_kind { SCOPE_FUSE = 0, SCOPE_PATHS = 1, SCOPE_OFF = 2 };

/* Approximate: they wrap. */
struct counters {
    uintptr_t corrected;  /* zeros that became 1 or directory_nlink */
    uintptr_t left_alone; /* zeros that stayed */
};

struct nlinkshim_state {
    char magic[8];
    uint32_t layout;
    uint32_t size;                    /* of this structure, bytes */
    char version[STATE_VERSION_SIZE]; /* of the product, terminated */
    uint32_t configured;              /* 1 once the environment has been read */
    uint32_t scope_kind;              /* enum scope_kind */
    uint32_t directory_nlink;         /* what a directory's 0 becomes: 1 or 2 */
    uint32_t word_size;               /* bytes of each of the four words below */
    struct counters own;              /* counted before there was a shared page, or where none could be had */
    struct counters *shared;          /* NULL: there is none. See counters.h */
    uintptr_t last_revalidation;      /* CLOCK_MONOTONIC_COARSE seconds; 0 never, or no clock */
    char scope[SCOPE_TEXT_SIZE];      /* as configured, terminated */
};

/* The same object under a hidden name: the exported one could be interposed. */
extern struct nlinkshim_state state;

#endif
