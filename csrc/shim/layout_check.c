/* Holds machine.h against the headers of the target's libc. Compiled with every build, never linked; on 32-bit machines
 * once for each structure that libc knows: as it is, with _FILE_OFFSET_BITS=64, and with _TIME_BITS=64 besides. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#ifdef __GLIBC__
#include <fts.h>
#endif

#include "kernel.h"

#define SAME(a, b) _Static_assert((a) == (b), #a " is not " #b)
#define FIELD_SIZE(type, field) sizeof(((type *)0)->field)

SAME(offsetof(struct stat, st_dev), STAT_DEV);
SAME(offsetof(struct stat, st_nlink), STAT_NLINK);
SAME(offsetof(struct stat, st_mode), STAT_MODE);
SAME(FIELD_SIZE(struct stat, st_nlink), sizeof(stat_nlink_t));
SAME(FIELD_SIZE(struct stat, st_dev), 8);
SAME(FIELD_SIZE(struct stat, st_mode), 4);

/* The kernel's, inode and all: libc's one and only, or that of large files without large times. */
#if __SIZEOF_POINTER__ == 8 || (defined __GLIBC__ && _FILE_OFFSET_BITS == 64 && _TIME_BITS != 64)
SAME(offsetof(struct stat, st_ino), STAT_INO);
SAME(FIELD_SIZE(struct stat, st_ino), 8);
SAME(sizeof(struct stat), STAT_STRUCT_SIZE);
#endif
#ifdef _STAT_VER
SAME(_STAT_VER, XSTAT_VERSION);
#endif

#if defined __GLIBC__ && _FILE_OFFSET_BITS == 64
#define FTSENT_OF(field) FTSENT64_##field
#else
#define FTSENT_OF(field) FTSENT_##field
#endif
#ifdef __GLIBC__
SAME(offsetof(FTS, fts_options), FTS_OPTIONS);
SAME(FTS_NOSTAT, GLIBC_FTS_NOSTAT);
SAME(FTS_NS, GLIBC_FTS_NS);
SAME(FTS_NSOK, GLIBC_FTS_NSOK);
SAME(offsetof(FTSENT, fts_link), FTSENT_LINK);
SAME(offsetof(FTSENT, fts_accpath), FTSENT_ACCPATH);
SAME(offsetof(FTSENT, fts_info), FTSENT_OF(INFO));
SAME(offsetof(FTSENT, fts_statp), FTSENT_OF(STATP));
SAME(offsetof(FTSENT, fts_name), FTSENT_OF(NAME));
#endif

#ifdef STATX_NLINK
SAME(offsetof(struct statx, stx_mask), STATX_AT_MASK);
SAME(offsetof(struct statx, stx_attributes), STATX_AT_ATTRIBUTES);
SAME(offsetof(struct statx, stx_nlink), STATX_AT_NLINK);
SAME(offsetof(struct statx, stx_mode), STATX_AT_MODE);
SAME(offsetof(struct statx, stx_ino), STATX_AT_INO);
SAME(offsetof(struct statx, stx_attributes_mask), STATX_AT_ATTRIBUTES_MASK);
SAME(offsetof(struct statx, stx_dev_major), STATX_AT_DEV_MAJOR);
SAME(offsetof(struct statx, stx_dev_minor), STATX_AT_DEV_MINOR);
SAME(sizeof(struct statx), STATX_STRUCT_SIZE);
#endif

SAME(AT_FDCWD, K_AT_FDCWD);
SAME(AT_SYMLINK_NOFOLLOW, K_AT_SYMLINK_NOFOLLOW);
SAME(AT_NO_AUTOMOUNT, K_AT_NO_AUTOMOUNT);
SAME(AT_EMPTY_PATH, K_AT_EMPTY_PATH);
SAME(O_RDONLY, K_O_RDONLY);
SAME(O_NOFOLLOW, K_O_NOFOLLOW);
SAME(O_CLOEXEC, K_O_CLOEXEC);
SAME(O_PATH, K_O_PATH);
SAME(F_DUPFD_CLOEXEC, K_F_DUPFD_CLOEXEC);
SAME((int)RLIMIT_NOFILE, (int)K_RLIMIT_NOFILE);
SAME(S_IFMT, K_S_IFMT);
SAME(S_IFDIR, K_S_IFDIR);
SAME(ENOENT, K_ENOENT);
SAME(EINTR, K_EINTR);
SAME(EXDEV, K_EXDEV);
SAME(ENOTDIR, K_ENOTDIR);
SAME(EPIPE, K_EPIPE);
SAME(ENOSYS, K_ENOSYS);
SAME(POLLOUT, K_POLLOUT);
SAME(PROT_READ, K_PROT_READ);
SAME(PROT_WRITE, K_PROT_WRITE);
SAME(MAP_SHARED, K_MAP_SHARED);
SAME(MAP_ANONYMOUS, K_MAP_ANONYMOUS);
SAME(SIGPIPE, K_SIGPIPE);
SAME(SIG_BLOCK, K_SIG_BLOCK);
SAME(SIG_SETMASK, K_SIG_SETMASK);
SAME(CLOCK_MONOTONIC_COARSE, K_CLOCK_MONOTONIC_COARSE);
#ifdef STATX_NLINK
SAME(AT_STATX_DONT_SYNC, K_AT_STATX_DONT_SYNC);
SAME(STATX_TYPE, K_STATX_TYPE);
SAME(STATX_NLINK, K_STATX_NLINK);
SAME(STATX_INO, K_STATX_INO);
#endif
#ifdef STATX_MNT_ID
SAME(STATX_MNT_ID, K_STATX_MNT_ID);
SAME(STATX_ATTR_MOUNT_ROOT, K_STATX_ATTR_MOUNT_ROOT);
SAME(offsetof(struct statx, stx_mnt_id), STATX_AT_MNT_ID);
#endif
#ifdef STATX_MNT_ID_UNIQUE
SAME(STATX_MNT_ID_UNIQUE, K_STATX_MNT_ID_UNIQUE);
#endif
#ifdef RESOLVE_NO_XDEV
SAME(RESOLVE_NO_XDEV, K_RESOLVE_NO_XDEV);
SAME(RESOLVE_NO_SYMLINKS, K_RESOLVE_NO_SYMLINKS);
#endif

#if __SIZEOF_POINTER__ == 8
SAME(SYS_fstat, NR_FSTAT);
SAME(SYS_newfstatat, NR_NEWFSTATAT);
SAME(SYS_fcntl, NR_FCNTL);
#else
SAME(SYS_fstat64, NR_FSTAT);
SAME(SYS_fstatat64, NR_NEWFSTATAT);
SAME(SYS_fcntl64, NR_FCNTL);
#endif
SAME(SYS_read, NR_READ);
SAME(SYS_write, NR_WRITE);
SAME(SYS_close, NR_CLOSE);
#ifdef SYS_mmap
SAME(SYS_mmap, NR_MMAP);
#else
SAME(SYS_mmap2, NR_MMAP);
#endif
SAME(SYS_openat, NR_OPENAT);
SAME(SYS_readlinkat, NR_READLINKAT);
SAME(SYS_prlimit64, NR_PRLIMIT64);
SAME(SYS_ppoll, NR_PPOLL);
SAME(SYS_rt_sigprocmask, NR_RT_SIGPROCMASK);
SAME(SYS_rt_sigpending, NR_RT_SIGPENDING);
SAME(SYS_rt_sigtimedwait, NR_RT_SIGTIMEDWAIT);
#ifdef SYS_statx
SAME(SYS_statx, NR_STATX);
#endif
#ifdef SYS_openat2
SAME(SYS_openat2, NR_OPENAT2);
#endif
#ifdef SYS_statmount
SAME(SYS_statmount, NR_STATMOUNT);
SAME(SYS_listmount, NR_LISTMOUNT);
#endif
