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
#define SHAPE(shape, kind, dirfd_, path_, flags_, answer_, otherwise)                                                  \
    typedef int (*shape##_function)(shape##_PARAMETERS);                                                               \
    static INLINED int shape##_call(shape##_function next, shape##_PARAMETERS)                                         \
    {                                                                                                                  \
        struct lookup lookup;                                                                                          \
        lookup.dirfd = dirfd_;                                                                                         \
        lookup.path = path_;                                                                                           \
        lookup.flags = flags_;                                                                                         \
        lookup.answer = answer_;                                                                                       \
        __asm__ volatile("" : "+m"(lookup.dirfd), "+m"(lookup.path), "+m"(lookup.flags), "+m"(lookup.answer));         \
        int result = next(shape##_ARGUMENTS);                                                                          \
        return result == 0 && kind##_shows_zero(lookup.answer) ? mend_##kind(&lookup) : result;                        \
    }                                                                                                                  \
    static __attribute__((noinline, cold)) int shape##_late(enum entry_point entry, enum entry_point relative,         \
                                                            shape##_PARAMETERS)                                        \
    {                                                                                                                  \
        shape##_function next = (shape##_function)real_late(entry, relative);                                          \
        return shape##_call(next ? next : otherwise, shape##_ARGUMENTS);                                               \
    }

/* The version number tells which structure is meant; there is one on the machines of machine.h. */
static int raw_xstat(int version, const char *path, void *st)
{
    (void)version;
    return raw_stat(path, st);
}

static int raw_lxstat(int version, const char *path, void *st)
{
    (void)version;
    return raw_lstat(path, st);
}

static int raw_fxstat(int version, int fd, void *st)
{
    (void)version;
    return raw_fstat(fd, st);
}

static int raw_fxstatat(int version, int dirfd, const char *path, void *st, int flags)
{
    (void)version;
    return raw_fstatat(dirfd, path, st, flags);
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
SHAPE(PATH, stat, K_AT_FDCWD, path, 0, st, raw_stat)
SHAPE(LINK, stat, K_AT_FDCWD, path, NOFOLLOW, st, raw_lstat)
SHAPE(FD, stat, fd, NULL, 0, st, raw_fstat)
SHAPE(AT, stat, dirfd, path, flags, st, raw_fstatat)
SHAPE(XPATH, stat, K_AT_FDCWD, path, 0, st, raw_xstat)
SHAPE(XLINK, stat, K_AT_FDCWD, path, NOFOLLOW, st, raw_lxstat)
SHAPE(XFD, stat, fd, NULL, 0, st, raw_fxstat)
SHAPE(XAT, stat, dirfd, path, flags, st, raw_fxstatat)
SHAPE(STATX, statx, dirfd, path, flags, stx, raw_statx)

#define WRAPPER(name, relative, shape)                                                                                 \
    EXPORT int name(shape##_PARAMETERS)                                                                                \
    {                                                                                                                  \
        shape##_function next = (shape##_function)real(ENTRY_##name);                                                  \
        return __builtin_expect(next != NULL, 1) ? shape##_call(next, shape##_ARGUMENTS)                               \
                                                 : shape##_late(ENTRY_##name, ENTRY_##relative, shape##_ARGUMENTS);    \
    }

#define WRAP_PATH(name, relative) WRAPPER(name, relative, PATH)
#define WRAP_LINK(name, relative) WRAPPER(name, relative, LINK)
#define WRAP_FD(name, relative) WRAPPER(name, relative, FD)
#define WRAP_AT(name, relative) WRAPPER(name, relative, AT)
#define WRAP_XPATH(name, relative) WRAPPER(name, relative, XPATH)
#define WRAP_XLINK(name, relative) WRAPPER(name, relative, XLINK)
#define WRAP_XFD(name, relative) WRAPPER(name, relative, XFD)
#define WRAP_XAT(name, relative) WRAPPER(name, relative, XAT)
#define WRAP_STATX(name, relative) WRAPPER(name, relative, STATX)

static __attribute__((noinline, cold)) void *fts_read_late(enum entry_point entry, enum entry_point relative, void *fts)
{
    fts_read_function next = (fts_read_function)real_late(entry, relative);
    return next ? fts_read_through(next, fts) : (raw_absent(), NULL);
}

/* Called once for many entries: here the next definition is looked up in place. */
#define NEXT(name, relative) (real(ENTRY_##name) ? real(ENTRY_##name) : real_late(ENTRY_##name, ENTRY_##relative))

#define WRAP_FTS_READ(name, relative)                                                                                  \
    EXPORT void *name(void *fts)                                                                                       \
    {                                                                                                                  \
        fts_read_function next = (fts_read_function)real(ENTRY_##name);                                                \
        return __builtin_expect(next != NULL, 1) ? fts_read_through(next, fts)                                         \
                                                 : fts_read_late(ENTRY_##name, ENTRY_##relative, fts);                 \
    }
#define WRAP_FTS_CHILDREN(name, relative)                                                                              \
    EXPORT void *name(void *fts, int options)                                                                          \
    {                                                                                                                  \
        return fts_children_through((fts_children_function)NEXT(name, relative), fts, options);                        \
    }
#define WRAP_FTW(name, relative)                                                                                       \
    EXPORT int name(const char *path, walk_callback callback, int fds)                                                 \
    {                                                                                                                  \
        return ftw_through((ftw_function)NEXT(name, relative), path, callback, fds);                                   \
    }
#define WRAP_NFTW(name, relative)                                                                                      \
    EXPORT int name(const char *path, walk_callback callback, int fds, int flags)                                      \
    {                                                                                                                  \
        return nftw_through((nftw_function)NEXT(name, relative), path, callback, fds, flags);                          \
    }

#define ENTRY(name, shape, layout, relative) WRAP_##shape(name, relative)
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
