#include "scope.h"

#include "config.h"
#include "mounts.h"

uintptr_t scope_slots[SCOPE_SLOTS];
clock_function scope_clock;

int scope_count(int clock, struct coarse_time *now)
{
    (void)clock;
    now->seconds = (long)((state.corrected + state.left_alone) / 512);
    return 0;
}

enum verdict scope_cached(uint64_t device, uintptr_t stamp)
{
    for (unsigned probe = 0; probe < SCOPE_PROBES; probe++) {
        uintptr_t verdict = scope_probe(device, stamp, probe);
        if (verdict != VERDICT_NONE && verdict < VERDICT_END)
            return (enum verdict)verdict;
    }
    return VERDICT_NONE;
}

void scope_remember(uint64_t device, uintptr_t stamp, enum verdict verdict)
{
    if (!scope_fits(device))
        return;
    uintptr_t word = scope_word(device, stamp);
    uintptr_t *slot = scope_slot(device, 0);
    for (unsigned probe = 0; probe < SCOPE_PROBES; probe++) {
        uintptr_t *candidate = scope_slot(device, probe);
        uintptr_t held = __atomic_load_n(candidate, __ATOMIC_RELAXED);
        bool outdated = (held ^ word) >> STAMP_SHIFT, same_device = (held ^ word) >> VERDICT_BITS == 0;
        if (outdated || same_device || !held) {
            slot = candidate;
            break;
        }
    }
    __atomic_store_n(slot, word + (uintptr_t)verdict, __ATOMIC_RELAXED);
}

enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uintptr_t stamp)
{
    if (!configured())
        return VERDICT_NONE;
    if (scope.kind == SCOPE_OFF)
        return VERDICT_OUTSIDE;
    struct top top[SCOPE_MAX_PATHS] = {{0}};
    struct mountinfo info = {.scope = &scope, .scope_text = state.scope, .device = device, .top = top};
    if (!mounts_read(&info))
        return VERDICT_NONE;
    uint64_t id = 0;
    /* The files of an overlay may carry a device number that stands in no line: then their mount decides. */
    if (scope.kind == SCOPE_PATHS && !info.device_seen)
        id = mounts_id(lookup->dirfd, lookup->path, lookup->flags);
    enum verdict verdict = mountinfo_in_scope(&info, id) ? VERDICT_INSIDE : VERDICT_OUTSIDE;
    scope_remember(device, stamp, verdict);
    state.last_revalidation = scope_clock == scope_count ? 0 : stamp;
    return verdict;
}
