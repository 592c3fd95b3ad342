/* fts and nftw: libc stats for them past the PLT, so their answers are corrected on the way out. */
#ifndef NLINKSHIM_TREES_H
#define NLINKSHIM_TREES_H

typedef int (*walk_callback)(const char *path, void *st, int flag, void *ftw);
typedef int (*ftw_function)(const char *path, walk_callback callback, int fds);
typedef int (*nftw_function)(const char *path, walk_callback callback, int fds, int flags);

/* Call `next` and correct what it hands out; a `next` of NULL fails with ENOSYS. Of an FTSENT only
 * fts_statp->st_nlink: glibc skips subfolders where fts_nlink is 2. */
void *fts_read_through(void *(*next)(void *), void *fts);
void *fts_children_through(void *(*next)(void *, int), void *fts, int options);
int ftw_through(ftw_function next, const char *path, walk_callback callback, int fds);
int nftw_through(nftw_function next, const char *path, walk_callback callback, int fds, int flags);

#endif
