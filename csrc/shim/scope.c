#include "scope.h"

#include "config.h"
#include "mountinfo.h"

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

/* Read the mounts that this thread sees. */
static bool read_mounts(struct mountinfo *info)
{
    info->scope = &scope;
    info->scope_text = state.scope;
    mountinfo_begin(info);
    int fd = kernel_open(K_AT_FDCWD, "/proc/thread-self/mountinfo", K_O_RDONLY);
    if (fd < 0)
        fd = kernel_open(K_AT_FDCWD, "/proc/self/mountinfo", K_O_RDONLY);
    if (fd < 0)
        return false;
    char piece[1024]; /* small: the host may be on a signal stack */
    long got;
    while ((got = kernel_read(fd, piece, sizeof piece)) > 0)
        mountinfo_feed(info, piece, (size_t)got);
    kernel_close(fd);
    return got == 0;
}

/* The mount that the lookup ends on, 0 where the kernel (before 5.8) or a filter does not tell. */
static uint64_t mount_id(const struct lookup *lookup)
{
    char answer[STATX_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    const char *path = lookup->path ? lookup->path : "";
    int flags = (lookup->flags & K_AT_SYMLINK_NOFOLLOW) | K_AT_NO_AUTOMOUNT | K_AT_STATX_DONT_SYNC |
                (*path ? 0 : K_AT_EMPTY_PATH);
    if (kernel_call(NR_STATX, lookup->dirfd, (long)path, flags, K_STATX_MNT_ID, (long)answer) != 0)
        return 0;
    return FIELD(answer, STATX_AT_MASK, field32) & K_STATX_MNT_ID ? FIELD(answer, STATX_AT_MNT_ID, field64) : 0;
}

enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uintptr_t stamp)
{
    if (!configured())
        return VERDICT_NONE;
    if (scope.kind == SCOPE_OFF)
        return VERDICT_OUTSIDE;
    struct mountinfo info = {.device = device};
    if (!read_mounts(&info))
        return VERDICT_NONE;
    uint64_t id = 0;
    /* The files of an overlay may carry a device number that stands in no line: then their mount decides. */
    if (scope.kind == SCOPE_PATHS && !info.device_seen)
        id = mount_id(lookup);
    enum verdict verdict = mountinfo_in_scope(&info, id) ? VERDICT_INSIDE : VERDICT_OUTSIDE;
    scope_remember(device, stamp, verdict);
    state.last_revalidation = scope_clock == scope_count ? 0 : stamp;
    return verdict;
}

bool scope_root(uint64_t device, unsigned skip, char *path, uint32_t size)
{
    struct mountinfo info = {.device = device, .root = path, .root_size = size, .root_skip = skip};
    return read_mounts(&info) && info.root_found;
}
