/* Holds machine.h against the headers of the target's libc. Compiled with every build, never linked. */
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#ifdef __GLIBC__
#include <fts.h>
#endif

#include "machine.h"

#define SAME(a, b) _Static_assert((a) == (b), #a " is not " #b)
#define FIELD_SIZE(type, field) sizeof(((type *)0)->field)

SAME(offsetof(struct stat, st_dev), STAT_DEV);
SAME(offsetof(struct stat, st_ino), STAT_INO);
SAME(offsetof(struct stat, st_nlink), STAT_NLINK);
SAME(offsetof(struct stat, st_mode), STAT_MODE);
SAME(sizeof(struct stat), STAT_STRUCT_SIZE);
SAME(FIELD_SIZE(struct stat, st_nlink), sizeof(stat_nlink_t));
SAME(FIELD_SIZE(struct stat, st_dev), 8);
SAME(FIELD_SIZE(struct stat, st_ino), 8);
SAME(FIELD_SIZE(struct stat, st_mode), 4);

#ifdef __GLIBC__
SAME(offsetof(FTS, fts_options), FTS_OPTIONS);
SAME(FTS_NOSTAT, GLIBC_FTS_NOSTAT);
SAME(FTS_NS, GLIBC_FTS_NS);
SAME(FTS_NSOK, GLIBC_FTS_NSOK);
SAME(offsetof(FTSENT, fts_link), FTSENT_LINK);
SAME(offsetof(FTSENT, fts_accpath), FTSENT_ACCPATH);
SAME(offsetof(FTSENT, fts_info), FTSENT_INFO);
SAME(offsetof(FTSENT, fts_statp), FTSENT_STATP);
SAME(offsetof(FTSENT, fts_name), FTSENT_NAME);
#endif

#ifdef STATX_NLINK
SAME(offsetof(struct statx, stx_mask), STATX_AT_MASK);
SAME(offsetof(struct statx, stx_attributes), STATX_AT_ATTRIBUTES);
SAME(offsetof(struct statx, stx_nlink), STATX_AT_NLINK);
SAME(offsetof(struct statx, stx_mode), STATX_AT_MODE);
SAME(offsetof(struct statx, stx_ino), STATX_AT_INO);
SAME(offsetof(struct statx, stx_dev_major), STATX_AT_DEV_MAJOR);
SAME(offsetof(struct statx, stx_dev_minor), STATX_AT_DEV_MINOR);
SAME(sizeof(struct statx), STATX_STRUCT_SIZE);
#endif

SAME(SYS_read, NR_READ);
SAME(SYS_write, NR_WRITE);
SAME(SYS_close, NR_CLOSE);
SAME(SYS_fstat, NR_FSTAT);
SAME(SYS_fcntl, NR_FCNTL);
SAME(SYS_openat, NR_OPENAT);
SAME(SYS_newfstatat, NR_NEWFSTATAT);
SAME(SYS_readlinkat, NR_READLINKAT);
SAME(SYS_prlimit64, NR_PRLIMIT64);
#ifdef SYS_statx
SAME(SYS_statx, NR_STATX);
#endif
#ifdef SYS_openat2
SAME(SYS_openat2, NR_OPENAT2);
#endif
