/* A walk under way, and the stack from which its threads take work: a folder to read, or a batch of its names to look
 * at. Memory is bounded: where the stack is full, a thread does at once what it would have put there. */
#ifndef NLINKSHIM_WORK_H
#define NLINKSHIM_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "notes.h"
#include "points.h"
#include "tally.h"

/* An open folder; it lives as long as batches of its names are under way. */
struct folder {
    unsigned references;
    int fd;
    struct listed listed;
    struct gone *gone; /* NULL: every name was there */
    char path[];       /* relative to the root */
};

struct work {
    struct work *next;
    struct folder *folder; /* NULL: a folder to read, whose path is in `bytes` */
    unsigned count;
    char bytes[];
};

struct walk {
    struct walk_report *report;
    struct walk_tally tally;
    const struct walk_options *options;
    const char *root_path;
    int root_fd;
    dev_t device;
    struct points points;
    struct notes *notes; /* NULL: there is no memory for them */
    pthread_mutex_t mutex;
    pthread_cond_t change;
    struct work *folders, *batches; /* batches first: they hold folders open */
    unsigned folder_count, batch_count, busy, idle;

    struct worker *workers;
    pthread_t *threads;
    uint32_t jobs, started; /* the caller's own thread is one of them */
    void *(*run)(void *worker);
};

struct worker {
    struct walk *walk;
    struct walk_slot *slot;
    unsigned nested;
    bool slow_listings; /* the first part of the last one was; true before the root's */
};

/* Hand work to the other threads. Returns false where the caller is to do it: the stack, or memory, is full. */
bool work_push(struct worker *worker, struct folder *folder, const char *bytes, size_t size, unsigned count);

/* The next piece of work, to be freed, or NULL once there is none and nobody who could make more. Each is followed by
 * work_finish. */
struct work *work_take(struct walk *walk);
void work_finish(struct walk *walk);

#endif
