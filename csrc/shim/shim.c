/* nlinkshim: an interposer of the stat family that corrects link counts of 0.
 *
 * A call goes through these rooms, and leaves at the first that says so:
 *
 *   shim.c     the exported entry points, expanded from symbols.def: call the next definition (real.c), and
 *              leave unless it succeeded with a count of 0. Nothing else happens to an honest entry.
 *   mend.h     settles nearly every 0 by the cache and a glance at the name; counts, and writes the one field.
 *              mend.c does it for the others, with device, inode and type out of the caller's structure
 *   proof.c    is the 0 a lie? Names tell by themselves (name.c), descriptors need a proof; what was proven once
 *              (known.c) outlasts a proof that cannot be made
 *   place.c    where is the open entry, and may its path be walked without going by another mount?
 *   scope.c    is the device in scope? A cache of one second
 *   mounts.c   for both: the kernel's word about mounts. The table of them answers what survey.c asks; statmount.c
 *              reads it, or else mountinfo.c from /proc; fstype.c knows the types
 *
 *   trees.c    the same for fts and nftw, whose answers libc makes past the PLT
 *   real.c     finds the next definitions through the images in memory (image.c)
 *   config.c   the environment, read once; state.h is what others can read of it
 *   counters.h what was counted, for a process and all that it forks
 *   kernel.c   system calls without libc; machine.h is all that differs between architectures; text.c, strings
 *
 * It lives in other people's processes, often as root: no allocation, no lock, no stdio, no thread-local
 * storage, no exit; safe in signal handlers, after fork and vfork, and before its own constructor has run.
 * Whatever cannot be decided passes through as the real call left it.
 */
#include "config.h"
#include "counters.h"
#include "mend.h"
#include "real.h"
#include "trees.h"

#ifndef NLINKSHIM_VERSION
#error "the build passes NLINKSHIM_VERSION"
#endif

#define EXPORT __attribute__((visibility("default")))

struct nlinkshim_state state = {
    .magic = {'n', 'l', 'n', 'k', 's', 'h', 'i', 'm'}, /* STATE_MAGIC: as a string its end would not fit */
    .layout = STATE_LAYOUT,
    .size = sizeof(struct nlinkshim_state),
    .version = NLINKSHIM_VERSION,
    .directory_nlink = 2,
    .word_size = sizeof(uintptr_t),
    .scope = "fuse",
};
extern EXPORT struct nlinkshim_state nlinkshim_state __attribute__((alias("state")));

/* A shape of entry point: how to call the next definition, and what is to be corrected in its answer.
 *
 * What the caller asked waits on the stack and not in saved registers, and the case that the next definition
 * is not known yet has a function of its own: so an honest entry costs 17 instructions on x86-64. */
#define SHAPE(shape, kind, known, dirfd_, path_, flags_, answer_, otherwise)                                           \
    typedef int (*shape##_function)(shape##_PARAMETERS);                                                               \
    static INLINED int shape##_call(shape##_function next, shape##_PARAMETERS)                                         \
    {                                                                                                                  \
        struct lookup lookup;                                                                                          \
        if (!(known))                                                                                                  \
            return next(shape##_ARGUMENTS);                                                                            \
        lookup.dirfd = dirfd_;                                                                                         \
        lookup.path = path_;                                                                                           \
        lookup.flags = flags_;                                                                                         \
        lookup.answer = answer_;                                                                                       \
        __asm__ volatile("" : "+m"(lookup.dirfd), "+m"(lookup.path), "+m"(lookup.flags), "+m"(lookup.answer));         \
        int result = next(shape##_ARGUMENTS);                                                                          \
        return result == 0 && kind##_shows_zero(lookup.answer) ? mend_##kind(&lookup) : result;                        \
    }                                                                                                                  \
    static __attribute__((noinline, cold)) int shape##_late(enum entry_point entry, enum entry_point relative,         \
                                                            bool raw, shape##_PARAMETERS)                              \
    {                                                                                                                  \
        shape##_function next = (shape##_function)real_late(entry, relative);                                          \
        if (!next && !raw)                                                                                             \
            return raw_absent();                                                                                       \
        return shape##_call(next ? next : otherwise, shape##_ARGUMENTS);                                               \
    }

/* Of another version is another structure, which nothing here knows. */
#define OURS (version == XSTAT_VERSION)

static int raw_xstat(int version, const char *path, void *st)
{
    return OURS ? raw_stat(path, st) : raw_absent();
}

static int raw_lxstat(int version, const char *path, void *st)
{
    return OURS ? raw_lstat(path, st) : raw_absent();
}

static int raw_fxstat(int version, int fd, void *st)
{
    return OURS ? raw_fstat(fd, st) : raw_absent();
}

static int raw_fxstatat(int version, int dirfd, const char *path, void *st, int flags)
{
    return OURS ? raw_fstatat(dirfd, path, st, flags) : raw_absent();
}

#define PATH_PARAMETERS const char *path, void *st
#define PATH_ARGUMENTS path, st
#define LINK_PARAMETERS PATH_PARAMETERS
#define LINK_ARGUMENTS PATH_ARGUMENTS
#define FD_PARAMETERS int fd, void *st
#define FD_ARGUMENTS fd, st
#define AT_PARAMETERS int dirfd, const char *path, void *st, int flags
#define AT_ARGUMENTS dirfd, path, st, flags
#define XPATH_PARAMETERS int version, PATH_PARAMETERS
#define XPATH_ARGUMENTS version, PATH_ARGUMENTS
#define XLINK_PARAMETERS XPATH_PARAMETERS
#define XLINK_ARGUMENTS XPATH_ARGUMENTS
#define XFD_PARAMETERS int version, FD_PARAMETERS
#define XFD_ARGUMENTS version, FD_ARGUMENTS
#define XAT_PARAMETERS int version, AT_PARAMETERS
#define XAT_ARGUMENTS version, AT_ARGUMENTS
#define STATX_PARAMETERS int dirfd, const char *path, int flags, unsigned mask, void *stx
#define STATX_ARGUMENTS dirfd, path, flags, mask, stx

enum { NOFOLLOW = K_AT_SYMLINK_NOFOLLOW };
SHAPE(PATH, stat, true, K_AT_FDCWD, path, 0, st, raw_stat)
SHAPE(LINK, stat, true, K_AT_FDCWD, path, NOFOLLOW, st, raw_lstat)
SHAPE(FD, stat, true, fd, NULL, 0, st, raw_fstat)
SHAPE(AT, stat, true, dirfd, path, flags, st, raw_fstatat)
SHAPE(XPATH, stat, OURS, K_AT_FDCWD, path, 0, st, raw_xstat)
SHAPE(XLINK, stat, OURS, K_AT_FDCWD, path, NOFOLLOW, st, raw_lxstat)
SHAPE(XFD, stat, OURS, fd, NULL, 0, st, raw_fxstat)
SHAPE(XAT, stat, OURS, dirfd, path, flags, st, raw_fxstatat)
SHAPE(STATX, statx, true, dirfd, path, flags, stx, raw_statx)

/* Which structures the system calls themselves can fill. */
enum { RAW_STAT = !STAT_HAS_OTHERS, RAW_STAT64 = true, RAW_TIME64 = false, RAW_STATX = true };
/* And whose FTSENT is that of fts64_*. */
enum { LARGE_STAT = false, LARGE_STAT64 = true, LARGE_TIME64 = true };

#define WRAPPER(name, shape, layout, relative)                                                                         \
    EXPORT int name(shape##_PARAMETERS)                                                                                \
    {                                                                                                                  \
        shape##_function next = (shape##_function)real(ENTRY_##name);                                                  \
        return __builtin_expect(next != NULL, 1)                                                                       \
                   ? shape##_call(next, shape##_ARGUMENTS)                                                             \
                   : shape##_late(ENTRY_##name, ENTRY_##relative, RAW_##layout, shape##_ARGUMENTS);                    \
    }

#define WRAP_PATH(name, layout, relative) WRAPPER(name, PATH, layout, relative)
#define WRAP_LINK(name, layout, relative) WRAPPER(name, LINK, layout, relative)
#define WRAP_FD(name, layout, relative) WRAPPER(name, FD, layout, relative)
#define WRAP_AT(name, layout, relative) WRAPPER(name, AT, layout, relative)
#define WRAP_XPATH(name, layout, relative) WRAPPER(name, XPATH, layout, relative)
#define WRAP_XLINK(name, layout, relative) WRAPPER(name, XLINK, layout, relative)
#define WRAP_XFD(name, layout, relative) WRAPPER(name, XFD, layout, relative)
#define WRAP_XAT(name, layout, relative) WRAPPER(name, XAT, layout, relative)
#define WRAP_STATX(name, layout, relative) WRAPPER(name, STATX, layout, relative)

static __attribute__((noinline, cold)) void *fts_read_late(enum entry_point entry, enum entry_point relative, void *fts,
                                                           bool large)
{
    fts_read_function next = (fts_read_function)real_late(entry, relative);
    return next ? fts_read_through(next, fts, large) : (raw_absent(), NULL);
}

/* Called once for many entries: here the next definition is looked up in place. */
#define NEXT(name, relative) (real(ENTRY_##name) ? real(ENTRY_##name) : real_late(ENTRY_##name, ENTRY_##relative))

#define WRAP_FTS_READ(name, layout, relative)                                                                          \
    EXPORT void *name(void *fts)                                                                                       \
    {                                                                                                                  \
        fts_read_function next = (fts_read_function)real(ENTRY_##name);                                                \
        return __builtin_expect(next != NULL, 1) ? fts_read_through(next, fts, LARGE_##layout)                         \
                                                 : fts_read_late(ENTRY_##name, ENTRY_##relative, fts, LARGE_##layout); \
    }
#define WRAP_FTS_CHILDREN(name, layout, relative)                                                                      \
    EXPORT void *name(void *fts, int options)                                                                          \
    {                                                                                                                  \
        fts_children_function next = (fts_children_function)NEXT(name, relative);                                      \
        return fts_children_through(next, fts, options, LARGE_##layout);                                               \
    }
#define WRAP_FTW(name, layout, relative)                                                                               \
    EXPORT int name(const char *path, walk_callback callback, int fds)                                                 \
    {                                                                                                                  \
        return ftw_through((ftw_function)NEXT(name, relative), path, callback, fds);                                   \
    }
#define WRAP_NFTW(name, layout, relative)                                                                              \
    EXPORT int name(const char *path, walk_callback callback, int fds, int flags)                                      \
    {                                                                                                                  \
        return nftw_through((nftw_function)NEXT(name, relative), path, callback, fds, flags);                          \
    }

#define ENTRY(name, shape, layout, relative) WRAP_##shape(name, layout, relative)
#include "symbols.def"
#undef ENTRY

/* glibc passes the environment; musl passes nothing, but has set `environ` by then. A host may have none at all. */
__attribute__((constructor)) static void load(int argc, char **argv, char **environment)
{
    static char *const none[] = {NULL};
    (void)argc, (void)argv;
    real_resolve(true);
    counters_share();
    char *const *fallback = real_is_glibc && environment ? environment : none;
    configure(fallback);
    announce(fallback);
}
