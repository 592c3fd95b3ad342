#include "scope.h"

#include "config.h"
#include "mountinfo.h"

uintptr_t scope_slots[SCOPE_SLOTS];
int (*scope_clock)(int, struct coarse_time *);

void scope_remember(uint64_t device, uint32_t stamp, enum verdict verdict)
{
    uintptr_t word, current = (uintptr_t)stamp << VERDICT_BITS;
    uintptr_t stamp_mask = (((uintptr_t)1 << STAMP_BITS) - 1) << VERDICT_BITS;
    if (!scope_word(device, stamp, &word))
        return;
    uintptr_t *slot = scope_slot(device, 0);
    for (unsigned probe = 0; probe < SCOPE_PROBES; probe++) {
        uintptr_t *candidate = scope_slot(device, probe);
        uintptr_t held = __atomic_load_n(candidate, __ATOMIC_RELAXED);
        if ((held & stamp_mask) != current || !held || held >> DEVICE_SHIFT == device) {
            slot = candidate;
            break;
        }
    }
    __atomic_store_n(slot, word | (uintptr_t)verdict, __ATOMIC_RELAXED);
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

enum verdict scope_revalidate(const struct lookup *lookup, uint64_t device, uint32_t stamp)
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
    state.last_revalidation = scope_clock ? stamp : 0;
    return verdict;
}

bool scope_root(uint64_t device, unsigned skip, char *path, uint32_t size)
{
    struct mountinfo info = {.device = device, .root = path, .root_size = size, .root_skip = skip};
    return read_mounts(&info) && info.root_found;
}
