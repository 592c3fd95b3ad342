#include "work.h"

#include <stdlib.h>
#include <string.h>

enum {
    STACK_FOLDERS = 4096,
    STACK_BATCHES = 256,
    NESTED_FOLDERS = 8, /* read inside one another by one thread: each takes some 10 KiB of its stack */
};

bool work_push(struct worker *worker, struct folder *folder, const char *bytes, size_t size, unsigned count)
{
    struct walk *walk = worker->walk;
    unsigned *held = folder ? &walk->batch_count : &walk->folder_count;
    unsigned limit = folder ? STACK_BATCHES : STACK_FOLDERS;
    struct work **stack = folder ? &walk->batches : &walk->folders;
    if (__atomic_load_n(held, __ATOMIC_RELAXED) >= limit && worker->nested < NESTED_FOLDERS)
        return false;
    struct work *work = malloc(sizeof *work + size);
    if (!work)
        return false;
    *work = (struct work){.folder = folder, .count = count};
    memcpy(work->bytes, bytes, size);
    if (folder)
        ADD(folder->references, 1);
    pthread_mutex_lock(&walk->mutex);
    work->next = *stack;
    *stack = work;
    __atomic_store_n(held, *held + 1, __ATOMIC_RELAXED);
    if (walk->idle)
        pthread_cond_signal(&walk->change);
    pthread_mutex_unlock(&walk->mutex);
    return true;
}

static struct work *pop(struct work **stack, unsigned *count)
{
    struct work *work = *stack;
    if (work) {
        *stack = work->next;
        __atomic_store_n(count, *count - 1, __ATOMIC_RELAXED);
    }
    return work;
}

struct work *work_take(struct walk *walk)
{
    struct work *work = NULL;
    pthread_mutex_lock(&walk->mutex);
    while (!(work = pop(&walk->batches, &walk->batch_count)) && !(work = pop(&walk->folders, &walk->folder_count)) &&
           walk->busy) {
        __atomic_store_n(&walk->idle, walk->idle + 1, __ATOMIC_RELAXED);
        pthread_cond_wait(&walk->change, &walk->mutex);
        __atomic_store_n(&walk->idle, walk->idle - 1, __ATOMIC_RELAXED);
    }
    if (work)
        walk->busy++;
    pthread_mutex_unlock(&walk->mutex);
    return work;
}

void work_finish(struct walk *walk)
{
    pthread_mutex_lock(&walk->mutex);
    if (--walk->busy == 0 && !walk->batches && !walk->folders)
        pthread_cond_broadcast(&walk->change);
    pthread_mutex_unlock(&walk->mutex);
}
