/* The ways to ask for an entry's stat: each entry point of libc, with the raw system call that asks the same. */
#ifndef NLINKSHIM_ASK_H
#define NLINKSHIM_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "answer.h"

struct walk_slot;

/* How to reach the entry, for entry points that take a descriptor and those that take a path. */
struct place {
    int dirfd;
    const char *name;       /* relative to dirfd */
    const char *path;       /* the same from the working directory; NULL: not known, or too long */
    int follow;             /* 0, or 1 for the root, which may be given by a symbolic link */
    struct walk_slot *slot; /* shows each call: a sign of life */
};

/* A way to ask: `patched` calls libc, `raw` the kernel, both fill `st` and return 0 or errno. */
struct asker {
    const char *name; /* the entry point */
    int (*patched)(const struct asker *asker, const struct place *place, struct stat *st);
    int (*raw)(const struct asker *asker, const struct place *place, struct stat *st);
    void *function;     /* the entry point, as the loader resolved it */
    int flags;          /* AT_STATX_* */
    uint32_t passes;    /* how often the whole path is looked up; 0: only the name is */
    enum layout layout; /* of what libc answers with */
};

/* The usual one: fstatat beside the kernel's newfstatat. */
extern const struct asker ASK_BY_NAME;

/* Why the kernel does not answer statx: ENOSYS before Linux 4.11, what a container's filter says, or 0: it does. */
int statx_error(void);

/* statx with `flags`; false where the kernel or libc has none. */
bool ask_by_statx(struct asker *asker, int flags);

/* Entry point `number` of symbols.def, counted from 0. Returns false behind the last; `asker->patched` is NULL where
 * it cannot ask for this entry. `walks`: it may fail over what lies in a folder, and not for its stat. */
bool ask_by_entry_point(size_t number, const struct place *place, mode_t mode, struct asker *asker, bool *walks);

int raw_fstatat(int dirfd, const char *name, struct stat *st, int flags);

#endif
