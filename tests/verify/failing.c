/* A preload that makes one entry point fail wherever the walker of verify asks it: the one that FAIL names, or,
 * if that is `fresh`, statx where it is to ask the daemon afresh; with FAIL=in-turn each of them for one entry, which
 * it takes as many failures to convict. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORCE_SYNC 0x2000
enum { CONVICTING = 16 };

enum {
#define ENTRY(name, shape, layout, relative) NUMBER_##name,
#include "symbols.def"
#undef ENTRY
};

static int turn, failed;

static int fails(const char *name, int number, int fresh, void *caller)
{
    const char *which = getenv("FAIL");
    Dl_info info;
    if (!which || !dladdr(caller, &info) || !strstr(info.dli_fname, "_walker"))
        return 0;
    if (strcmp(which, "fresh") == 0)
        return fresh;
    if (strcmp(which, "in-turn") != 0)
        return strcmp(which, name) == 0;
    if (number != turn)
        return 0;
    turn += ++failed % CONVICTING == 0;
    return 1;
}

enum { SHAPE_PATH, SHAPE_LINK, SHAPE_FD, SHAPE_AT, SHAPE_XPATH, SHAPE_XLINK, SHAPE_XFD, SHAPE_XAT, SHAPE_STATX,
       SHAPE_FTW, SHAPE_NFTW, SHAPE_FTS_READ, SHAPE_FTS_CHILDREN };

/* Any of them: none takes more than six words, and the caller looks at no more of the answer than it has. */
typedef long any(long, long, long, long, long, long);

#define ENTRY(name, shape, layout, relative)                                                                  \
    long name(long a, long b, long c, long d, long e, long f)                                                 \
    {                                                                                                         \
        int fresh = SHAPE_##shape == SHAPE_STATX && (c & FORCE_SYNC);                                         \
        if (fails(#name, NUMBER_##name, fresh, __builtin_return_address(0))) {                                \
            errno = EPERM;                                                                                    \
            return SHAPE_##shape < SHAPE_FTS_READ ? -1 : 0;                                                   \
        }                                                                                                     \
        any *next = (any *)dlsym(RTLD_NEXT, #name);                                                           \
        return next(a, b, c, d, e, f);                                                                        \
    }
#include "symbols.def"
