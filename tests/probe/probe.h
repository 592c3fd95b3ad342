/* The probe: a program whose verbs are the stat entry points of csrc/shim/symbols.def, and a few more.
 *
 *   probe [OPTION=VALUE]... VERB OPERAND [[OPTION=VALUE]... VERB OPERAND]...
 *
 * Verbs run in order; options hold for the next verb alone. `{fd}` in an operand is the number of the
 * descriptor that `open` opened last. Where an entry point takes a descriptor, the operand `@` is that one
 * (for those with a path too: with an empty path and AT_EMPTY_PATH), `@/NAME` starts from it, and any other
 * operand is opened for the call with O_PATH|O_NOFOLLOW.
 *
 * Fields are separated by tabs, one line a call:
 *   call   NAME RETURN ERRNO NLINK MODE HEX SAME   (HEX: the caller's structure, filled with 0xa5 before)
 *   entry  NAME PATH INFO NLINK MODE FTS_NLINK     (one for each step of a walk)
 *   absent NAME                                    (libc has no such function) */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct options {
    unsigned flags;     /* of fstatat and statx, fts_open, nftw */
    unsigned mask;      /* of statx */
    unsigned version;   /* of the structure that __xstat and its like are asked for */
    unsigned repeat;    /* make the call so many times; SAME tells whether all answers were equal */
    unsigned threads;   /* of the storms */
    double seconds;     /* of the storms */
    unsigned interval;  /* of watch, microseconds; 0: no signals */
    unsigned long want; /* the link count that the storms take for right */
    int null_path;
    int path_only;       /* open: O_PATH|O_NOFOLLOW */
    const char *library; /* take the function from this library, loaded with RTLD_LOCAL */
};

/* The name in the process's global scope, or in options->library; NULL if absent. */
void *find_function(const struct options *options, const char *name);

/* walks.c: every step of a walk by the entry point `name` is printed. Return 0, or -1 with errno. */
#define WALKS(kind)                                                                                                    \
    int walk_fts##kind(const struct options *options, const char *name, const char *path);                             \
    int walk_fts_children##kind(const struct options *options, const char *name, const char *path);                    \
    int walk_ftw##kind(const struct options *options, const char *name, const char *path);                             \
    int walk_nftw##kind(const struct options *options, const char *name, const char *path);
WALKS()
/* The same for other structures; on 32-bit machines alone. */
WALKS(_64)
WALKS(_time64)

/* storms.c: print `storm VERB KEY=VALUE...`; an answer other than `want` is wrong. */
int storm_child(const struct options *options, const char *path);
int storm_threads(const struct options *options, const char *path);
int storm_signals(const struct options *options, const char *path);
int storm_walks(const struct options *options, const char *path);
int storm_trampolines(const struct options *options, const char *path);
int storm_unlinks(const struct options *options, const char *path);
int storm_descriptors(const struct options *options, const char *path);

/* scenes.c: set a scene. Return 0, or -1 with errno. */
int do_clearenv(const struct options *options, const char *unused);
int do_euid(const struct options *options, const char *user);
int do_chroot(const struct options *options, const char *path);
int do_limit(const struct options *options, const char *number);
int do_fill(const struct options *options, const char *left);
int do_list(const struct options *options, const char *label);
int do_deny(const struct options *options, const char *rule);
int do_steal(const struct options *options, const char *rule);
int do_state(const struct options *options, const char *unused);
int watch(const struct options *options, int fd);

/* Link count by the raw system call: what no preload can touch. -1 if it failed. */
long raw_nlink(const char *path);

int probe_main(int argc, char **argv);

#endif
