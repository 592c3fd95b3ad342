#include "threads.h"

#include <time.h>

/* Nanoseconds. A call that takes longer waits for a daemon or a disk, and others can be made meanwhile: more threads
 * pay. Where a busy machine alone was slow, and all is in memory, they cost nothing that could be measured. */
enum {
    SLOW_ENTRY = 50000,
    SLOW_PART = 100000, /* of a listing ... */
    SLOW_NAME = 2000,   /* ... and for each of its names */

    SLOWER_NAME = 500000,          /* the first part of the next folder is to be small ... */
    SLOWEST_PART = 1000 * 1000000, /* ... and none larger, or it might be taken for a hang */
};

/* A FUSE daemon may look up all that it lists. The first part is small there, so that there is work for the others soon;
 * each further one is twice as large, so that no daemon is asked much more often. */
enum { LISTING_LEAST = 4 * 1024, THREAD_STACK = 256 * 1024 /* fts and nftw want some */ };

int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void threads_start(struct walk *walk, uint32_t wanted)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_mutex_lock(&walk->mutex);
    while (walk->started < wanted && walk->started < walk->jobs &&
           pthread_create(&walk->threads[walk->started], &attributes, walk->run, &walk->workers[walk->started]) == 0)
        __atomic_store_n(&walk->started, walk->started + 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&walk->mutex);
    pthread_attr_destroy(&attributes);
}

void threads_join(struct walk *walk)
{
    while (walk->started > 1)
        pthread_join(walk->threads[--walk->started], NULL);
}

static void start_all_if(struct walk *walk, bool slow)
{
    if (slow && __atomic_load_n(&walk->started, __ATOMIC_RELAXED) < walk->jobs)
        threads_start(walk, walk->jobs);
}

void entries_took(struct walk *walk, int64_t took, unsigned count)
{
    start_all_if(walk, took > (int64_t)count * SLOW_ENTRY);
}

struct part part_begin(const struct worker *worker)
{
    return (struct part){.size = worker->slow_listings ? LISTING_LEAST : LISTING_SIZE, .begin = nanoseconds()};
}

void part_read(struct worker *worker, struct part *part, unsigned names)
{
    start_all_if(worker->walk, part->took > SLOW_PART + (int64_t)names * SLOW_NAME);
    if (!part->further)
        worker->slow_listings = part->took > ((int64_t)names + 1) * SLOWER_NAME;
    part->further = true;
    if (part->size < LISTING_SIZE && part->took < SLOWEST_PART)
        part->size *= 2;
}
