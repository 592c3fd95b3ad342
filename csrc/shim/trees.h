/* fts and nftw: libc stats for them past the PLT, so their answers are corrected on the way out. */
#ifndef NLINKSHIM_TREES_H
#define NLINKSHIM_TREES_H

#include "mend.h"
#include "real.h"

typedef void *(*fts_read_function)(void *fts);
typedef void *(*fts_children_function)(void *fts, int options);
typedef int (*walk_callback)(const char *path, void *st, int flag, void *ftw);
typedef int (*ftw_function)(const char *path, walk_callback callback, int fds);
typedef int (*nftw_function)(const char *path, walk_callback callback, int fds, int flags);

/* Whether the entries of this walk hold what the shim knows: another library's FTSENT has its fields elsewhere,
 * and with FTS_NOSTAT glibc leaves fts_statp as malloc gave it. */
static inline bool fts_is_known(const void *fts)
{
    return __builtin_expect(real_is_glibc && !(FIELD(fts, FTS_OPTIONS, field32) & GLIBC_FTS_NOSTAT), 1);
}

/* Where a field lies in an FTSENT: `large` in that of fts64_* */
#define FTSENT_AT(field, large) ((large) ? FTSENT64_##field : FTSENT_##field)

/* Correct an entry that shows 0, and return it. Of an FTSENT only fts_statp->st_nlink: glibc skips subfolders
 * where fts_nlink is 2. */
void *mend_fts_entry(void *entry, const char *path, bool large);

static INLINED void *fts_read_through(fts_read_function next, void *fts, bool large)
{
    if (!fts_is_known(fts))
        return next(fts);
    void *entry = next(fts);
    if (!entry)
        return NULL;
    const void *st = FIELD(entry, FTSENT_AT(STATP, large), void *);
    return st && stat_shows_zero(st) ? mend_fts_entry(entry, FIELD(entry, FTSENT_ACCPATH, const char *), large) : entry;
}

/* Call `next` and correct what it hands out; a `next` of NULL fails with ENOSYS. */
void *fts_children_through(fts_children_function next, void *fts, int options, bool large);
int ftw_through(ftw_function next, const char *path, walk_callback callback, int fds);
int nftw_through(nftw_function next, const char *path, walk_callback callback, int fds, int flags);

#endif
