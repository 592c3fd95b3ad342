#include "mend.h"

#include "name.h"
#include "proof.h"

static inline bool is_directory(uint32_t mode)
{
    return (mode & K_S_IFMT) == K_S_IFDIR;
}

/* Counts, and tells what the 0 shall become. */
static inline uint32_t counted(bool lie, bool directory)
{
    if (!lie) {
        state.left_alone++;
        return 0;
    }
    state.corrected++;
    return directory ? state.directory_nlink : 1;
}

/* The usual case, settled by the cache and a glance at the name. (With a verdict in the cache, this object is
 * relocated.) The time is taken first, so that only `lookup` is alive across a call. */
static inline bool is_plain_lie(const struct lookup *lookup, uint64_t device, uint32_t stamp)
{
    enum verdict verdict = scope_cached(device, stamp);
    if (verdict < VERDICT_INSIDE || !lookup->path)
        return verdict == VERDICT_LIAR;
    size_t length = strlen(lookup->path);
    return name_is_plain(lookup->path, length);
}

static __attribute__((noinline, cold)) int mend_stat_in_depth(const struct lookup *lookup)
{
    const void *st = lookup->answer;
    bool directory = is_directory(FIELD(st, STAT_MODE, field32));
    struct entry entry = {FIELD(st, STAT_DEV, field64), FIELD(st, STAT_INO, field64), directory};
    FIELD(st, STAT_NLINK, stat_nlink_t) = counted(is_lie(lookup, &entry), directory);
    return 0;
}

int mend_stat(const struct lookup *lookup)
{
    uint32_t stamp = scope_stamp();
    const void *st = lookup->answer;
    if (!is_plain_lie(lookup, FIELD(st, STAT_DEV, field64), stamp))
        return mend_stat_in_depth(lookup);
    st = lookup->answer;
    FIELD(st, STAT_NLINK, stat_nlink_t) = counted(true, is_directory(FIELD(st, STAT_MODE, field32)));
    return 0;
}

static inline uint64_t statx_device(const void *stx)
{
    uint32_t major = FIELD(stx, STATX_AT_DEV_MAJOR, field32), minor = FIELD(stx, STATX_AT_DEV_MINOR, field32);
    return __builtin_expect((major | minor >> 8) == 0, 1) ? minor : device_number(major, minor);
}

static __attribute__((noinline, cold)) int mend_statx_in_depth(const struct lookup *lookup)
{
    const void *stx = lookup->answer;
    uint32_t mask = FIELD(stx, STATX_AT_MASK, field32);
    bool directory = is_directory(FIELD(stx, STATX_AT_MODE, field16));
    struct entry entry = {
        .device = statx_device(stx),
        .inode = mask & K_STATX_INO ? FIELD(stx, STATX_AT_INO, field64) : 0,
        .directory = directory || !(mask & K_STATX_TYPE),
    };
    FIELD(stx, STATX_AT_NLINK, field32) = counted(is_lie(lookup, &entry), directory && mask & K_STATX_TYPE);
    return 0;
}

int mend_statx(const struct lookup *lookup)
{
    uint32_t stamp = scope_stamp();
    const void *stx = lookup->answer;
    if (!(FIELD(stx, STATX_AT_MASK, field32) & K_STATX_TYPE) || !is_plain_lie(lookup, statx_device(stx), stamp))
        return mend_statx_in_depth(lookup);
    stx = lookup->answer;
    FIELD(stx, STATX_AT_NLINK, field32) = counted(true, is_directory(FIELD(stx, STATX_AT_MODE, field16)));
    return 0;
}
