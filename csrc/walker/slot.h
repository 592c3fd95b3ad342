/* What one thread shows and counts in its own slot of the report. */
#ifndef NLINKSHIM_SLOT_H
#define NLINKSHIM_SLOT_H

#include "compare.h" /* walker.h, which cffi reads and which so has no guard */

/* Show the supervisor that this thread lives: before a call that looks up so many names, or any other. */
static inline void tick_for(struct walk_slot *slot, uint32_t lookups)
{
    __atomic_store_n(&slot->lookups, lookups, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->ticks, slot->ticks + 1, __ATOMIC_RELAXED);
}

static inline void tick(struct walk_slot *slot)
{
    tick_for(slot, 0);
}

/* Of the slot's own counters, which nobody else writes. */
static inline void count_one(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

#endif
