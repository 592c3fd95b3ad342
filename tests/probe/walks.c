/* Walks by fts, ftw and nftw, one printed line a step. See probe.h. */
#define _GNU_SOURCE
#include "probe.h"

#ifndef WALK
#define WALK(name) name
#endif

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

static const char *walking;

/* `place` is fts_nlink, or where nftw says that it is. */
static void print_step(const char *path, int info, const struct stat *st, unsigned long place)
{
    printf("entry\t%s\t%s\t%d\t%lu\t%o\t%lu\n", walking, path, info, st ? (unsigned long)st->st_nlink : 999,
           st ? st->st_mode : 0, place);
}

#if __has_include(<fts.h>)
#include <fts.h>

typedef FTS *open_call(char *const *, int, int (*)(const FTSENT **, const FTSENT **));
typedef FTSENT *read_call(FTS *);
typedef FTSENT *children_call(FTS *, int);

static void print_ftsent(const FTS *walk, const FTSENT *entry)
{
    int no_stat = walk->fts_options & FTS_NOSTAT || entry->fts_info == FTS_NS || entry->fts_info == FTS_NSOK;
    int folder = entry->fts_info == FTS_D || entry->fts_info == FTS_DP || entry->fts_info == FTS_DOT;
    print_step(entry->fts_path, entry->fts_info, no_stat ? NULL : entry->fts_statp, folder ? entry->fts_nlink : 0);
}

/* The functions of one family: fts_*, fts64_* or __fts64_*_time64. */
struct family {
    open_call *open;
    read_call *read;
    children_call *children;
};

static struct family family_of(const struct options *options, const char *name)
{
    static const struct options libc; /* fts_open is not in the table: always libc's */
    static const char names[][3][24] = {
        {"fts_open", "fts_read", "fts_children"},
        {"fts64_open", "fts64_read", "fts64_children"},
        {"__fts64_open_time64", "__fts64_read_time64", "__fts64_children_time64"},
    };
    const char(*its)[24] = names[strstr(name, "time64") ? 2 : strstr(name, "fts64") ? 1 : 0];
    return (struct family){
        (open_call *)find_function(&libc, its[0]),
        (read_call *)find_function(options, its[1]),
        (children_call *)find_function(options, its[2]),
    };
}

static FTS *begin(const struct family *family, const struct options *options, const char *path)
{
    char *paths[] = {(char *)path, NULL};
    unsigned flags = options->flags ? options->flags : FTS_PHYSICAL | FTS_NOCHDIR;
    if (!family->open) {
        errno = ENOSYS; /* the static build knows no more than the table */
        return NULL;
    }
    return family->open(paths, (int)flags, NULL);
}

int WALK(walk_fts)(const struct options *options, const char *name, const char *path)
{
    struct family family = family_of(options, name);
    FTS *walk = begin(&family, options, path);
    if (!walk)
        return -1;
    walking = name;
    for (FTSENT *entry; (errno = 0, entry = family.read(walk));)
        print_ftsent(walk, entry);
    int error = errno;
    fts_close(walk);
    errno = error;
    return error ? -1 : 0;
}

int WALK(walk_fts_children)(const struct options *options, const char *name, const char *path)
{
    struct family family = family_of(options, name);
    FTS *walk = begin(&family, options, path);
    if (!walk)
        return -1;
    walking = name;
    for (const FTSENT *child = family.children(walk, 0); child; child = child->fts_link) {
        FTSENT start = *child;
        start.fts_path = start.fts_accpath; /* glibc sets the other only as it reads */
        print_ftsent(walk, &start);
    }
    for (const FTSENT *entry; (entry = family.read(walk));) {
        if (entry->fts_info != FTS_D)
            continue;
        for (const FTSENT *child = family.children(walk, 0); child; child = child->fts_link) {
            char full[8192];
            FTSENT copy = *child;
            snprintf(full, sizeof full, "%s/%s", entry->fts_path, child->fts_name);
            copy.fts_path = full;
            print_ftsent(walk, &copy);
        }
    }
    fts_close(walk);
    return 0;
}
#else
int WALK(walk_fts)(const struct options *options, const char *name, const char *path)
{
    (void)options, (void)name, (void)path;
    errno = ENOSYS;
    return -1;
}

int WALK(walk_fts_children)(const struct options *options, const char *name, const char *path)
{
    return WALK(walk_fts)(options, name, path);
}
#endif

static int ftw_step(const char *path, const struct stat *st, int type)
{
    print_step(path, type, type == FTW_NS ? NULL : st, 0);
    return 0;
}

static int nftw_step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    print_step(path, type, type == FTW_NS ? NULL : st, (unsigned long)(place->level * 10000 + place->base));
    return 0;
}

enum { OPEN_FOLDERS = 20 };

int WALK(walk_ftw)(const struct options *options, const char *name, const char *path)
{
    typedef int ftw_call(const char *, int (*)(const char *, const struct stat *, int), int);
    ftw_call *function = (ftw_call *)find_function(options, name);
    walking = name;
    return function(path, ftw_step, OPEN_FOLDERS);
}

int WALK(walk_nftw)(const struct options *options, const char *name, const char *path)
{
    typedef int nftw_call(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int);
    nftw_call *function = (nftw_call *)find_function(options, name);
    walking = name;
    return function(path, nftw_step, OPEN_FOLDERS, options->flags ? (int)options->flags : FTW_PHYS);
}
