/* Which devices the shim may correct, with a cache that lives a second. */
#ifndef NLINKSHIM_SCOPE_H
#define NLINKSHIM_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include "state.h"
#include "survey.h"

/* The vDSO's clock, called directly: libc's clock_gettime may be another preload's. Where there is none (valgrind
 * hides it), scope_count, whose second is 512 answers of 0. Whoever has found a next definition finds this set. */
struct coarse_time {
    long seconds, nanoseconds;
};
typedef int (*clock_function)(int clock, struct coarse_time *now);
extern clock_function scope_clock;
int scope_count(int clock, struct coarse_time *now);

/* What the caller asked, and where it wants the answer. */
struct lookup {
    int dirfd;
    int flags;              /* AT_* of the call */
    const char *path;       /* NULL or "": dirfd itself */
    void *answer;           /* struct stat or struct statx */
    struct coarse_time now; /* room for the time of the correction: in a frame that is there anyway */
};

enum verdict {
    VERDICT_NONE,    /* cannot be told now: pass through */
    VERDICT_OUTSIDE, /* not in scope */
    VERDICT_LIAR,    /* in scope, and its root reports 0: so does all the rest, whatever is linked */
    VERDICT_INSIDE,  /* in scope: names are corrected, descriptors need proof */
    VERDICT_COUNTS,  /* the same, and its root was asked and does not report 0 */
    /* The same two, where a mount shows an entry that has been unlinked: names that lead to a mount need proof too. */
    VERDICT_INSIDE_REMOVED,
    VERDICT_COUNTS_REMOVED,
    VERDICT_END,
};

/* Whether its root is still to be asked. */
static inline bool verdict_is_open(enum verdict verdict)
{
    return verdict == VERDICT_INSIDE || verdict == VERDICT_INSIDE_REMOVED;
}

/* A verdict is one word of 64 bits, on 32-bit machines too: a relaxed load or store needs no lock, every device number
 * fits (container hosts have many more than 256 of FUSE's), and its seconds return after 17 years.
 *   stamp (high bits) | device (DEVICE_BITS) | enum verdict (3 bits)
 * Device numbers are given again at once after an unmount, hence the stamp. */
typedef uint64_t __attribute__((aligned(8))) scope_word_t;
_Static_assert(__atomic_always_lock_free(8, 0), "words of 64 bits without locks");
enum {
    VERDICT_BITS = 3,
    DEVICE_BITS = 32,
    STAMP_SHIFT = DEVICE_BITS + VERDICT_BITS,
    SCOPE_SLOTS = 256,
    SCOPE_PROBES = 8,
};
extern scope_word_t scope_slots[SCOPE_SLOTS];

/* The second that cached facts belong to. */
static inline uint64_t scope_stamp(struct coarse_time *now)
{
    __atomic_load_n(&scope_clock, __ATOMIC_RELAXED)(K_CLOCK_MONOTONIC_COARSE, now);
    return (uint64_t)now->seconds;
}

static inline scope_word_t *scope_slot(uint64_t device, unsigned probe)
{
    return &scope_slots[(device + probe) % SCOPE_SLOTS];
}

/* The word of a device without its verdict. */
static inline uint64_t scope_word(uint64_t device, uint64_t stamp)
{
    return (stamp << STAMP_SHIFT) + (device << VERDICT_BITS);
}

/* The verdict that a slot holds for the device. If it holds none: VERDICT_NONE, or more than any verdict. */
static inline uint64_t scope_probe(uint64_t device, uint64_t stamp, unsigned probe)
{
    return __atomic_load_n(scope_slot(device, probe), __ATOMIC_RELAXED) - scope_word(device, stamp);
}

/* The verdict of whichever slot holds one, else VERDICT_NONE. */
enum verdict scope_cached(uint64_t device, uint64_t stamp);

/* From the mounts, and into the cache. Never asks the file system of the entry. `survey`, zeroed, may ask for a mount
 * and paths of the caller's too: all that is answered if it is complete then. */
enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uint64_t stamp, struct survey *survey);

/* Record what its root was found to be; that lasts as long as any verdict. */
void scope_remember(uint64_t device, uint64_t stamp, enum verdict verdict);

#endif
