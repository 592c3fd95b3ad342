#include "scope.h"

#include "config.h"
#include "counters.h"
#include "fstype.h"
#include "mounts.h"
#include "statmount.h"

scope_word_t scope_slots[SCOPE_SLOTS];
clock_function scope_clock;

int scope_count(int clock, struct coarse_time *now)
{
    (void)clock;
    now->seconds = (long)((counters()->corrected + counters()->left_alone) / 512);
    return 0;
}

enum verdict scope_cached(uint64_t device, uint64_t stamp)
{
    for (unsigned probe = 0; probe < SCOPE_PROBES; probe++) {
        uint64_t verdict = scope_probe(device, stamp, probe);
        if (verdict != VERDICT_NONE && verdict < VERDICT_END)
            return (enum verdict)verdict;
    }
    return VERDICT_NONE;
}

void scope_remember(uint64_t device, uint64_t stamp, enum verdict verdict)
{
    uint64_t word = scope_word(device, stamp);
    scope_word_t *slot = scope_slot(device, 0);
    for (unsigned probe = 0; probe < SCOPE_PROBES; probe++) {
        scope_word_t *candidate = scope_slot(device, probe);
        uint64_t held = __atomic_load_n(candidate, __ATOMIC_RELAXED);
        bool outdated = (held ^ word) >> STAMP_SHIFT, same_device = (held ^ word) >> VERDICT_BITS == 0;
        if (outdated || same_device || !held) {
            slot = candidate;
            break;
        }
    }
    __atomic_store_n(slot, word + (uint64_t)verdict, __ATOMIC_RELAXED);
}

/* By which mount a device was judged, in one word without locks:
 *   identity (33 bits, less IDENTITY_BASE) | how much higher the youngest mount's was then (31 bits)
 * As long as that mount is as it was and none is younger, it need not be looked for again. */
#define IDENTITY_BASE (UINT64_C(1) << 31)
enum { YOUNGER_BITS = 31, JUDGES = 64 };
static scope_word_t judges[JUDGES];

static void remember_judge(uint64_t device, uint64_t identity, uint64_t newest)
{
    uint64_t base = identity - IDENTITY_BASE, younger = newest - identity;
    if (identity && !(base >> (64 - YOUNGER_BITS)) && !(younger >> YOUNGER_BITS))
        __atomic_store_n(&judges[device % JUDGES], base << YOUNGER_BITS | younger, __ATOMIC_RELAXED);
}

/* Feed that mount alone, if it decides still. */
static bool ask_judge(struct survey *survey)
{
    uint64_t word = __atomic_load_n(&judges[survey->device % JUDGES], __ATOMIC_RELAXED);
    uint64_t identity = (word >> YOUNGER_BITS) + IDENTITY_BASE;
    uint64_t newest = identity + (word & ((UINT64_C(1) << YOUNGER_BITS) - 1));
    return word && statmount_one(survey, identity) && survey->found.device_seen && statmount_none_since(newest) &&
           (scope.kind != SCOPE_PATHS || statmount_none_in(identity));
}

/* The mount by which the device is in scope, or NULL. The paths of the scope are those of the survey from `first`. */
static const struct step *chosen(const struct survey *survey, unsigned first, uint64_t device)
{
    for (unsigned i = first; i < survey->path_count; i++) {
        const struct step *step = survey_visible(survey, i);
        if (step && step->traits & FSTYPE_COUNTS && step->device == device)
            return step;
    }
    return NULL;
}

/* Files of an overlay may carry a device number that no mount has: then the mount that they are in tells whose they
 * are. Returns that device. */
static bool find_owner(const struct lookup *lookup, struct survey *survey, uint64_t *device)
{
    uint64_t newest;
    if (!survey->id) {
        survey->id = mounts_id(lookup->dirfd, lookup->path, lookup->flags);
        if (!survey->id || !mounts_survey(survey, &newest))
            return false; /* (a second reading, of such a file by its name) */
    }
    *device = survey->found.id_device;
    return survey->found.listed;
}

static bool judged_as_before(struct survey *survey, unsigned first, bool *inside)
{
    survey_start(survey);
    if (!ask_judge(survey))
        return false;
    *inside = scope.kind == SCOPE_FUSE ? survey->found.device_is_fuse : chosen(survey, first, survey->device) != NULL;
    return *inside || scope.kind == SCOPE_FUSE;
}

static bool judged_afresh(const struct lookup *lookup, struct survey *survey, unsigned first, bool *inside)
{
    uint64_t newest, owner = survey->device, judge = 0;
    if (!mounts_survey(survey, &newest))
        return false;
    if (scope.kind == SCOPE_FUSE) {
        *inside = survey->found.device_is_fuse;
        judge = survey->found.device_identity;
    } else {
        bool owned = survey->found.device_seen || find_owner(lookup, survey, &owner);
        const struct step *step = owned ? chosen(survey, first, owner) : NULL;
        *inside = step != NULL;
        judge = step ? step->identity : 0;
    }
    if (survey->found.device_seen && !survey->found.device_in_parts)
        remember_judge(survey->device, judge, newest);
    return scope.kind == SCOPE_FUSE || !survey->found.overflow;
}

enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uint64_t stamp, struct survey *survey)
{
    if (!configured())
        return VERDICT_NONE;
    if (scope.kind == SCOPE_OFF)
        return VERDICT_OUTSIDE;
    unsigned first = survey->path_count;
    survey->device = device;
    for (uint32_t i = 0; i < scope.count; i++)
        survey_path(survey, state.scope + scope.path[i].start, scope.path[i].length);

    bool inside;
    if (!judged_as_before(survey, first, &inside) && !judged_afresh(lookup, survey, first, &inside))
        return VERDICT_NONE;
    enum verdict verdict = !inside                            ? VERDICT_OUTSIDE
                           : survey->found.device_has_removed ? VERDICT_INSIDE_REMOVED
                                                              : VERDICT_INSIDE;
    scope_remember(device, stamp, verdict);
    state.last_revalidation = scope_clock == scope_count ? 0 : (uintptr_t)stamp;
    return verdict;
}
