#include "place.h"

#include "mounts.h"

/* One for all threads: whoever finds it taken does without. */
enum { LONG_PATH_SIZE = 4096 };
static char long_room[FRONT_SIZE + LONG_PATH_SIZE];
static bool long_room_taken;

/* What was judged of a mount in this second, in one word without locks:
 *   stamp (the rest) | identity (22 bits) | length of the mount point (12 bits) | MOUNT_* (6 bits) */
enum { FACT_BITS = 6, LENGTH_BITS = 12, IDENTITY_BITS = 22, SLOTS = 64 };
_Static_assert(sizeof(uintptr_t) == 8, "a judgement takes a word of 64 bits");
static uint64_t slots[SLOTS];

static uint64_t *slot(const struct place *place)
{
    return &slots[place->mount % SLOTS];
}

/* The word without what was judged. */
static uint64_t word(const struct place *place)
{
    uint64_t identity = place->mount & ((1u << IDENTITY_BITS) - 1);
    return (((uint64_t)place->stamp << IDENTITY_BITS) + identity) << (LENGTH_BITS + FACT_BITS);
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
    place->settled = false;
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

/* From mountinfo, and into the cache. */
static __attribute__((noinline)) bool judge_afresh(struct place *place)
{
    struct walk walk = {.id = mounts_id(place->fd, NULL, 0), .path = place->path, .device = place->device};
    struct mountinfo info = {.walk = &walk};
    place->facts = 0;
    if (!walk.id || !mounts_read(&info))
        return false;
    long length = walk_length(&walk);
    bool reached = walk_reaches(&walk);
    place->point = length < 0 ? 0 : length;
    place->facts = MOUNT_JUDGED | (length < 0 ? 0 : MOUNT_LISTED) | (walk.whole ? MOUNT_WHOLE : 0) |
                   (reached ? MOUNT_REACHED : 0) | (walk.has_children ? MOUNT_CHILDREN : 0) | (walk.has_others ? MOUNT_OTHERS : 0);
    /* A path that does not go by the mount point ("... (deleted)") tells nothing of the others. */
    if (length >= 0 || !walk.listed)
        remember(place);
    place->settled = reached && !walk.has_children;
    return reached && walk_stays(&walk);
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
    if (!recall(place))
        return judge_afresh(place);
    if (!(place->facts & MOUNT_REACHED))
        return false;
    if (place->facts & MOUNT_CHILDREN || !holds_still(place))
        return judge_afresh(place);
    return place->settled = true;
}

bool place_is_mount_root(const struct place *place)
{
    return place->facts & MOUNT_LISTED && place->length == (place->point ? place->point : 1);
}

bool place_of_root(struct place *place, unsigned skip, bool *reached)
{
    struct walk walk = {
        .path = "/",
        .device = place->device,
        .elsewhere = place->path,
        .elsewhere_size = place->size,
        .elsewhere_skip = skip,
    };
    struct mountinfo info = {.walk = &walk};
    if (!mounts_read(&info) || !walk.elsewhere_found)
        return false;
    walk = (struct walk){.id = walk.elsewhere_id, .path = place->path};
    info = (struct mountinfo){.walk = &walk};
    *reached = mounts_read(&info) && walk_reaches(&walk);
    return true;
}
