#include "mend.h"

#include "proof.h"

__attribute__((cold)) int mend_stat_in_depth(const struct lookup *lookup)
{
    const void *st = lookup->answer;
    bool directory = is_directory(FIELD(st, STAT_MODE, field32));
    struct entry entry = {
        .device = FIELD(st, STAT_DEV, field64),
        .inode = STAT_HAS_OTHERS ? 0 : FIELD(st, STAT_INO, field64),
        .directory = directory,
    };
    FIELD(st, STAT_NLINK, stat_nlink_t) = counted(is_lie(lookup, &entry), directory);
    return 0;
}

__attribute__((cold)) int mend_statx_in_depth(const struct lookup *lookup)
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
