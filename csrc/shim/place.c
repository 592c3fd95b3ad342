#include "place.h"

#include "mounts.h"
#include "scope.h"
#include "text.h"

/* One for all threads: whoever finds it taken does without. */
enum { LONG_PATH_SIZE = 4096 };
static char long_room[FRONT_SIZE + LONG_PATH_SIZE];
static bool long_room_taken;

/* What was judged of a mount in this second, in one word without locks:
 *   stamp (the rest) | identity (21 bits) | length of the mount point (12 bits) | MOUNT_* (7 bits) */
enum { FACT_BITS = 7, LENGTH_BITS = 12, IDENTITY_BITS = 21, SLOTS = 64 };
static scope_word_t slots[SLOTS];

static scope_word_t *slot(const struct place *place)
{
    return &slots[place->mount % SLOTS];
}

/* The word without what was judged. */
static uint64_t word(const struct place *place)
{
    uint64_t identity = place->mount & ((1u << IDENTITY_BITS) - 1);
    return ((place->stamp << IDENTITY_BITS) + identity) << (LENGTH_BITS + FACT_BITS);
}

static bool recall(struct place *place)
{
    uint64_t held = __atomic_load_n(slot(place), __ATOMIC_RELAXED) ^ word(place);
    if (held >> (LENGTH_BITS + FACT_BITS) || !(held & MOUNT_JUDGED))
        return false;
    place->facts = held & ((1u << FACT_BITS) - 1);
    place->point = (long)(held >> FACT_BITS);
    return true;
}

static void remember(const struct place *place)
{
    uint64_t judged = (uint64_t)place->point << FACT_BITS | place->facts;
    __atomic_store_n(slot(place), word(place) + judged, __ATOMIC_RELAXED);
}

void place_begin(struct place *place)
{
    place->path = place->room + FRONT_SIZE;
    place->size = PATH_SIZE;
    place->mount = mounts_identity(place->fd, NULL, 0);
    place->facts = 0;
    place->point = 0;
    place->settled = place->surveyed = place->fresh = place->stays = false;
}

void place_end(struct place *place)
{
    if (place->path == long_room + FRONT_SIZE)
        __atomic_store_n(&long_room_taken, false, __ATOMIC_RELEASE);
}

long place_path(struct place *place)
{
    long length = mounts_path(place->fd, place->path, place->size);
    if (length == PATH_SIZE && place->size == PATH_SIZE &&
        !__atomic_exchange_n(&long_room_taken, true, __ATOMIC_ACQUIRE)) {
        place->path = long_room + FRONT_SIZE;
        place->size = LONG_PATH_SIZE;
        length = mounts_path(place->fd, place->path, place->size);
    }
    return place->length = length < (long)place->size ? length : -1;
}

static void ask(struct place *place, struct survey *survey)
{
    survey->id = mounts_id(place->fd, NULL, 0);
    survey->device = place->device;
    survey_path(survey, place->path, (size_t)place->length);
}

void place_ask(struct place *place, struct survey *survey)
{
    if (place_path(place) > 0)
        ask(place, survey);
}

/* Into the cache too. */
void place_learn(struct place *place, const struct survey *survey)
{
    const struct survey_findings *found = &survey->found;
    if (!found->complete || !survey->id)
        return;
    long length = survey_length(survey, 0, survey->id);
    bool reached = survey_reaches(survey, 0, survey->id);
    place->point = length < 0 ? 0 : length;
    place->facts = MOUNT_JUDGED | (length < 0 ? 0 : MOUNT_LISTED) | (found->whole ? MOUNT_WHOLE : 0) |
                   (reached ? MOUNT_REACHED : 0) | (found->has_children ? MOUNT_CHILDREN : 0) |
                   (found->device_elsewhere ? MOUNT_OTHERS : 0);
    /* A path that does not go by the mount point ("... (deleted)") tells nothing of the others. */
    if (place->mount && (length >= 0 || !found->listed))
        remember(place);
    place->settled = reached && !found->has_children;
    place->stays = reached && survey_stays(survey, 0, survey->id);
    place->surveyed = place->fresh = true;
}

static __attribute__((noinline)) void judge_afresh(struct place *place)
{
    struct survey survey = {.device = 0};
    uint64_t newest;
    place->facts = 0;
    place->stays = false;
    ask(place, &survey);
    if (survey.id && mounts_survey(&survey, &newest))
        place_learn(place, &survey);
}

/* Of facts that were cached: the path does go by the mount point, and there no other mount has come over it. */
static bool holds_still(struct place *place)
{
    char *end = place->path + place->point, kept;
    if (place->point == 0)
        return true;
    if (place->point > place->length || (*end && *end != '/'))
        return false;
    kept = *end;
    *end = '\0';
    bool same = mounts_starts_at(K_AT_FDCWD, place->path, place->mount);
    *end = kept;
    return same;
}

bool place_judge(struct place *place)
{
    if (place->settled || !place->mount)
        return place->settled;
    if (place->fresh)
        return place->stays;
    if (recall(place)) {
        if (!(place->facts & MOUNT_REACHED))
            return false;
        if (!(place->facts & MOUNT_CHILDREN) && holds_still(place))
            return place->settled = true;
    }
    judge_afresh(place);
    return place->stays;
}

void place_know(struct place *place)
{
    if (place->settled || place->surveyed || !place->mount)
        return;
    if (!recall(place) || (place->facts & MOUNT_REACHED && !holds_still(place)))
        judge_afresh(place);
}

bool place_is_mount_root(const struct place *place)
{
    return place->facts & MOUNT_LISTED && place->length == (place->point ? place->point : 1);
}

/* The mount points, which go into place->path one after the other. */
static __attribute__((noinline)) unsigned list_roots(struct place *place, struct survey_path *paths, uint32_t *ids)
{
    struct survey survey = {.device = place->device, .elsewhere = place->path, .elsewhere_room = place->size};
    uint64_t newest;
    if (!mounts_survey(&survey, &newest))
        return 0;
    const char *path = place->path;
    for (uint32_t i = 0; i < survey.found.elsewhere_count; i++) {
        size_t length = text_length(path);
        paths[i] = (struct survey_path){path, length};
        ids[i] = survey.found.elsewhere_id[i];
        path += length + 1;
    }
    return survey.found.elsewhere_count;
}

unsigned place_roots(struct place *place, const char *roots[SURVEY_ELSEWHERE])
{
    struct survey survey = {.device = 0};
    struct survey_path paths[SURVEY_ELSEWHERE];
    uint32_t ids[SURVEY_ELSEWHERE];
    uint64_t newest;
    unsigned reached = 0, count = list_roots(place, paths, ids);
    for (unsigned i = 0; i < count; i++)
        survey_path(&survey, paths[i].text, paths[i].length);
    if (!count || !mounts_survey(&survey, &newest))
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (survey_reaches(&survey, i, ids[i]))
            roots[reached++] = paths[i].text;
    if (!reached && place->mount && place->facts & MOUNT_JUDGED) {
        place->facts |= MOUNT_ALONE;
        remember(place);
    }
    return reached;
}
