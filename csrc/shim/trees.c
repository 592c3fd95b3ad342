#include "trees.h"

enum { GLIBC_FTW_NS = 3, MUSL_FTW_NS = 4 };

static INLINED void mend_walked(void *st, const char *path)
{
    struct lookup lookup;
    lookup.dirfd = K_AT_FDCWD;
    lookup.path = path;
    lookup.flags = K_AT_SYMLINK_NOFOLLOW;
    lookup.answer = st;
    mend_stat(&lookup);
}

void *mend_fts_entry(void *entry, const char *path, bool large)
{
    unsigned info = FIELD(entry, FTSENT_AT(INFO, large), field16);
    if (info != GLIBC_FTS_NS && info != GLIBC_FTS_NSOK)
        mend_walked(FIELD(entry, FTSENT_AT(STATP, large), void *), path);
    return entry;
}

void *fts_children_through(fts_children_function next, void *fts, int options, bool large)
{
    if (!next)
        return raw_absent(), NULL;
    void *list = next(fts, options);
    for (void *entry = fts_is_known(fts) ? list : NULL; entry; entry = FIELD(entry, FTSENT_LINK, void *)) {
        const void *st = FIELD(entry, FTSENT_AT(STATP, large), void *);
        /* By name: all children share one fts_accpath, which ends behind their folder. */
        if (st && stat_shows_zero(st))
            mend_fts_entry(entry, &FIELD(entry, FTSENT_AT(NAME, large), const char), large);
    }
    return list;
}

/* A callback carries no data, so each walk under way takes one of these functions for itself. A walk that
 * never returns (longjmp, pthread_exit) keeps its own; with all of them taken, walks pass uncorrected. */
/* clang-format off */
#define TRAMPOLINES(X)                                                                                               \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)    \
    X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) X(34) X(35) X(36) X(37)      \
    X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55)      \
    X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63)
/* clang-format on */

enum { SLOTS = 64 };
static walk_callback taken[SLOTS];

static __attribute__((noinline, cold)) int visit_zero(const char *path, void *st, int flag, void *ftw, unsigned slot)
{
    /* They wait on the stack: saving five registers for them takes twice as long. */
    __asm__ volatile("" : "+m"(path), "+m"(st), "+m"(flag), "+m"(ftw), "+m"(slot));
    mend_walked(st, path);
    return __atomic_load_n(&taken[slot], __ATOMIC_RELAXED)(path, st, flag, ftw);
}

/* Not part of each trampoline: that would be 64 copies. */
static __attribute__((noinline)) int visit(const char *path, void *st, int flag, void *ftw, unsigned slot)
{
    /* With FTW_NS the structure holds nothing. */
    if (st && flag != (real_is_glibc ? GLIBC_FTW_NS : MUSL_FTW_NS) && stat_shows_zero(st))
        return visit_zero(path, st, flag, ftw, slot);
    return __atomic_load_n(&taken[slot], __ATOMIC_RELAXED)(path, st, flag, ftw);
}

/* ftw calls with three arguments; the fourth is then handed on unread, which every calling convention of
 * machine.h allows. */
#define DEFINE(slot)                                                                                                   \
    static int trampoline_##slot(const char *path, void *st, int flag, void *ftw)                                      \
    {                                                                                                                  \
        return visit(path, st, flag, ftw, slot);                                                                       \
    }
TRAMPOLINES(DEFINE)

#define ADDRESS(slot) trampoline_##slot,
static const walk_callback trampolines[SLOTS] = {TRAMPOLINES(ADDRESS)};

/* Returns the slot that is the walk's now, or -1. */
static int claim(walk_callback callback)
{
    for (int slot = 0; callback && slot < SLOTS; slot++) {
        walk_callback none = NULL;
        if (__atomic_compare_exchange_n(&taken[slot], &none, callback, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return slot;
    }
    return -1;
}

static void release(int slot)
{
    if (slot >= 0)
        __atomic_store_n(&taken[slot], NULL, __ATOMIC_RELEASE);
}

int ftw_through(ftw_function next, const char *path, walk_callback callback, int fds)
{
    if (!next)
        return raw_absent();
    int slot = claim(callback);
    int result = next(path, slot < 0 ? callback : trampolines[slot], fds);
    release(slot);
    return result;
}

int nftw_through(nftw_function next, const char *path, walk_callback callback, int fds, int flags)
{
    if (!next)
        return raw_absent();
    int slot = claim(callback);
    int result = next(path, slot < 0 ? callback : trampolines[slot], fds, flags);
    release(slot);
    return result;
}
