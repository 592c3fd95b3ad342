#include "known.h"

enum { SLOTS = 2048, PROBES = 4 };
static uintptr_t slots[SLOTS];

/* A hash that takes the place of the fact: two of them are confused once in 2^64 (2^32) pairs. */
static uintptr_t fingerprint(const struct fact *fact)
{
    const uint64_t words[] = {fact->device, fact->mount, fact->inode};
    uint64_t hash = 0;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        hash = (hash ^ words[i]) + 0x9e3779b97f4a7c15; /* splitmix64 */
        hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
        hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
        hash ^= hash >> 31;
    }
    return (uintptr_t)hash | 1; /* 0 is an empty slot */
}

static uintptr_t *slot(uintptr_t print, unsigned probe)
{
    return &slots[((print >> 1) + probe) % SLOTS];
}

/* The slot that holds it, or NULL. */
static uintptr_t *find(uintptr_t print)
{
    for (unsigned probe = 0; probe < PROBES; probe++)
        if (__atomic_load_n(slot(print, probe), __ATOMIC_RELAXED) == print)
            return slot(print, probe);
    return 0;
}

bool known_lie(const struct fact *fact)
{
    return fact->mount && find(fingerprint(fact));
}

void known_add(const struct fact *fact)
{
    uintptr_t print = fingerprint(fact);
    if (!fact->mount || find(print))
        return;
    uintptr_t *room = slot(print, (unsigned)(print >> 12) % PROBES);
    for (unsigned probe = 0; probe < PROBES; probe++)
        if (!__atomic_load_n(slot(print, probe), __ATOMIC_RELAXED)) {
            room = slot(print, probe);
            break;
        }
    __atomic_store_n(room, print, __ATOMIC_RELAXED);
}

void known_remove(const struct fact *fact)
{
    uintptr_t print = fingerprint(fact), *held;
    /* Two threads may have put it into two slots. */
    while (fact->mount && (held = find(print))) {
        uintptr_t expected = print;
        __atomic_compare_exchange_n(held, &expected, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}
