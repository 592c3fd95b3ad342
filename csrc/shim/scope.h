/* Which devices the shim may correct, with a cache that lives a second. */
#ifndef NLINKSHIM_SCOPE_H
#define NLINKSHIM_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include "state.h"

/* What the caller asked, and where it wants the answer. */
struct lookup {
    int dirfd;
    int flags;        /* AT_* of the call */
    const char *path; /* NULL or "": dirfd itself */
    void *answer;     /* struct stat or struct statx */
};

enum verdict {
    VERDICT_NONE,    /* cannot be told now: pass through */
    VERDICT_OUTSIDE, /* not in scope */
    VERDICT_LIAR,    /* in scope, and its root reports 0: so does all the rest, whatever is linked */
    VERDICT_INSIDE,  /* in scope: names are corrected, descriptors need proof */
    VERDICT_COUNTS,  /* the same, and its root was asked and does not report 0 */
    VERDICT_END,
};

/* A verdict is one machine word, so that a relaxed load or store needs no lock:
 *   device (high bits) | stamp (STAMP_BITS) | enum verdict (3 bits)
 * Device numbers are given again at once after an unmount, hence the stamp. */
enum {
    VERDICT_BITS = 3,
    STAMP_BITS = sizeof(uintptr_t) == 8 ? 29 : 9,
    DEVICE_SHIFT = VERDICT_BITS + STAMP_BITS,
    DEVICE_BITS = sizeof(uintptr_t) * 8 - DEVICE_SHIFT, /* the kernel's numbers have 32, but 20 do for FUSE */
    SCOPE_SLOTS = 64,
    SCOPE_PROBES = 8,
};
extern uintptr_t scope_slots[SCOPE_SLOTS] __attribute__((visibility("hidden")));

/* The vDSO's clock, called directly: libc's clock_gettime may be another preload's. */
struct coarse_time {
    long seconds, nanoseconds;
};
extern int (*scope_clock)(int clock, struct coarse_time *now) __attribute__((visibility("hidden")));

/* The second that cached facts belong to. Where the vDSO has no clock (valgrind hides it), a stamp lasts for
 * 512 answers of 0 instead. */
static inline uint32_t scope_stamp(void)
{
    int (*clock)(int, struct coarse_time *) = __atomic_load_n(&scope_clock, __ATOMIC_RELAXED);
    struct coarse_time now;
    uintptr_t stamp;
    if (__builtin_expect(clock && clock(K_CLOCK_MONOTONIC_COARSE, &now) == 0, 1))
        stamp = (uintptr_t)now.seconds;
    else
        stamp = (state.corrected + state.left_alone) / 512;
    return (uint32_t)(stamp & ((UINT32_C(1) << STAMP_BITS) - 1));
}

/* The word of `device` without its verdict. One that does not fit is decided afresh each time. */
static inline bool scope_word(uint64_t device, uint32_t stamp, uintptr_t *word)
{
    *word = (uintptr_t)device << DEVICE_SHIFT | (uintptr_t)stamp << VERDICT_BITS;
    return DEVICE_BITS >= 32 || device >> DEVICE_BITS == 0;
}

static inline uintptr_t *scope_slot(uint64_t device, unsigned probe)
{
    return &scope_slots[(device + probe) % SCOPE_SLOTS];
}

static inline enum verdict scope_cached(uint64_t device, uint32_t stamp)
{
    uintptr_t word;
    if (!scope_word(device, stamp, &word))
        return VERDICT_NONE;
    unsigned probe = 0;
    uintptr_t found;
    do {
        found = __atomic_load_n(scope_slot(device, probe), __ATOMIC_RELAXED) ^ word;
        if (__builtin_expect(found - 1 < VERDICT_END - 1, 1))
            return (enum verdict)found;
    } while (++probe < SCOPE_PROBES);
    return VERDICT_NONE;
}

/* From mountinfo, and into the cache. Never asks the file system of the entry. */
enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uint32_t stamp);

/* Record what its root was found to be; that lasts as long as any verdict. */
void scope_remember(uint64_t device, uint32_t stamp, enum verdict verdict);

/* A path at which the root of the device's file system is mounted, the one after `skip` others. */
bool scope_root(uint64_t device, unsigned skip, char *path, uint32_t size);

#endif
