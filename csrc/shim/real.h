/* The definitions that come next: what each wrapper calls. */
#ifndef NLINKSHIM_REAL_H
#define NLINKSHIM_REAL_H

#include <stdbool.h>

enum entry_point {
#define ENTRY(name, shape, layout, relative) ENTRY_##name,
#include "symbols.def"
#undef ENTRY
    ENTRY_COUNT
};

extern void *real_next[ENTRY_COUNT];

/* Find them all. Before `final` (the constructor's call) a name that is missing stays open: the object that
 * defines it may not be there yet, or this one not relocated. */
void real_resolve(bool final);

/* Before the constructor, or for a name that nobody defines: look again, then take the relative, if that fills the same
 * structure: not with glibc on a 32-bit machine. NULL if there is none either. */
void *real_late(enum entry_point entry, enum entry_point relative);

/* The next definition as found so far, or NULL. Whoever sees one sees the clock that was set before. */
static inline void *real(enum entry_point entry)
{
    return __atomic_load_n(&real_next[entry], __ATOMIC_ACQUIRE);
}

/* Whose structures fts and nftw hand out. */
extern bool real_is_glibc;

/* In place of a definition: the system call itself, for those whose structure it fills (STAT64 in symbols.def), or
 * ENOSYS. */
int raw_stat(const char *path, void *st);
int raw_lstat(const char *path, void *st);
int raw_fstat(int fd, void *st);
int raw_fstatat(int dirfd, const char *path, void *st, int flags);
int raw_statx(int dirfd, const char *path, int flags, unsigned mask, void *stx);
int raw_absent(void);

#endif
