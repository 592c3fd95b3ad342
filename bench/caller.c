/* Calls one entry point of csrc/shim/symbols.def many times, for somebody else to count or to time.
 *
 *   caller ENTRY HOW TARGET MODE COUNT
 *     HOW   name        by the name TARGET, and never through a descriptor
 *           proven      the same, but an fstat of TARGET before each batch settles that its file system lies
 *           descriptor  through an O_PATH descriptor of TARGET
 *     MODE  loop   COUNT calls (callgrind and strace count)
 *           mark   COUNT batches of one call between two SIGUSR1 (stepper counts), after one that is not
 *                  counted and early in a second: what the shim does once a second takes seconds in single steps
 *           time   COUNT batches of CALLS calls; prints the median batch's nanoseconds a call
 *
 * A walk (fts, ftw) of the folder TARGET is one call; what it visits in one walk is printed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

enum { CALLS = 500, OPEN_FOLDERS = 16, VERSION = XSTAT_VERSION };
enum shape { PATH, LINK, FD, AT, XPATH, XLINK, XFD, XAT, STATX, FTS_READ, FTS_CHILDREN, FTW, NFTW };

static const struct {
    const char *name;
    enum shape shape;
} entry_points[] = {
#define ENTRY(name, shape, layout, relative) {#name, shape},
#include "symbols.def"
#undef ENTRY
};

static enum shape shape;
static void *function, *open_tree, *close_tree;
static const char *path;
static int dirfd_ = AT_FDCWD, flags, fd = -1;
static long visited;
static union {
    struct stat stat;
    struct statx statx;
} answer;

static void *required(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (!found)
        errx(2, "libc has no %s", name);
    return found;
}

static int see(const char *name, const struct stat *st, int flag)
{
    (void)name, (void)st, (void)flag;
    visited++;
    return 0;
}

static int see_more(const char *name, const struct stat *st, int flag, struct FTW *where)
{
    (void)where;
    return see(name, st, flag);
}

static int walk_tree(void)
{
    char *paths[] = {(char *)path, NULL};
    void *tree = ((void *(*)(char **, int, void *))open_tree)(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (shape == FTS_CHILDREN) {
        fts_read(tree);
        for (FTSENT *child = ((FTSENT * (*)(void *, int)) function)(tree, 0); child; child = child->fts_link)
            visited++;
    } else {
        while (((FTSENT * (*)(void *)) function)(tree))
            visited++;
    }
    return ((int (*)(void *))close_tree)(tree);
}

/* The cast says which arguments the entry point takes. */
#define CALL(types, ...) ((int(*) types)function)(__VA_ARGS__)

static inline int call(void)
{
    switch (shape) {
    case PATH:
    case LINK:
        return CALL((const char *, void *), path, &answer);
    case FD:
        return CALL((int, void *), fd, &answer);
    case AT:
        return CALL((int, const char *, void *, int), dirfd_, path, &answer, flags);
    case XPATH:
    case XLINK:
        return CALL((int, const char *, void *), VERSION, path, &answer);
    case XFD:
        return CALL((int, int, void *), VERSION, fd, &answer);
    case XAT:
        return CALL((int, int, const char *, void *, int), VERSION, dirfd_, path, &answer, flags);
    case STATX:
        return CALL((int, const char *, int, unsigned, void *), dirfd_, path, flags, STATX_BASIC_STATS, &answer);
    case FTS_READ:
    case FTS_CHILDREN:
        return walk_tree();
    case FTW:
        return CALL((const char *, void *, int), path, (void *)see, OPEN_FOLDERS);
    case NFTW:
        return CALL((const char *, void *, int, int), path, (void *)see_more, OPEN_FOLDERS, FTW_PHYS);
    }
    return -1;
}

/* Past libc, which libfaketime changes. */
static double nanoseconds(void)
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_RAW, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void mark(void)
{
    static long process;
    if (!process)
        process = getpid();
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_kill), "D"(process), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
}

static void await_early_in_second(void)
{
    enum { TICK = 10000000, SECOND = 100 * TICK };
    long needed = (shape < FTS_READ ? 5 : 30) * TICK;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, &now);
    struct timespec left = {0, SECOND - now.tv_nsec + TICK};
    if (now.tv_nsec > SECOND - needed)
        syscall(SYS_nanosleep, &left, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        errx(2, "usage: caller ENTRY name|proven|descriptor TARGET loop|mark|time COUNT");
    const char *entry = argv[1], *how = argv[2], *mode = argv[4];
    long count = atol(argv[5]);
    function = required(entry);
    for (size_t i = 0; i < sizeof entry_points / sizeof *entry_points; i++)
        if (strcmp(entry_points[i].name, entry) == 0)
            shape = entry_points[i].shape;
    path = argv[3];
    if (strcmp(how, "name") != 0 && (fd = open(path, O_PATH)) < 0)
        err(2, "%s", path);
    if (strcmp(how, "descriptor") == 0) {
        dirfd_ = fd;
        path = "";
        flags = AT_EMPTY_PATH;
    }
    if (shape == FTS_READ || shape == FTS_CHILDREN) {
        open_tree = required(strncmp(entry, "fts64", 5) == 0 ? "fts64_open" : "fts_open");
        close_tree = required(strncmp(entry, "fts64", 5) == 0 ? "fts64_close" : "fts_close");
    }
    double *batches = calloc(count, sizeof *batches);
    if (call() != 0)
        err(1, "%s of %s", entry, argv[3]);
    long once = visited;
    for (long i = 0; i < count; i++) {
        if (*mode == 'm')
            await_early_in_second();
        if (strcmp(how, "proven") == 0)
            fstat(fd, &answer.stat);
        switch (*mode) {
        case 'l':
            call();
            break;
        case 'm':
            call();
            mark();
            call();
            mark();
            break;
        default:
            batches[i] = nanoseconds();
            for (int n = 0; n < CALLS; n++)
                call();
            batches[i] = (nanoseconds() - batches[i]) / CALLS;
        }
    }
    if (*mode == 't') {
        qsort(batches, count, sizeof *batches, ascending);
        printf("%.3f\n", batches[count / 2]);
    } else if (once) {
        printf("visited %ld\n", once);
    }
    return 0;
}
