/* The parallel walk. Threads take work from one stack: a folder to read, or a batch of its names to look at.
 * Memory is bounded: where the stack is full, a thread does at once what it would have put there. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/stat.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tally.h"

enum {
    LISTING_SIZE = 32 * 1024,
    BATCH_BYTES = 4096, /* of names, terminated, one behind the other */
    BATCH_NAMES = 64,
    BATCH_NAMES_WHEN_IDLE = 8, /* threads wait for work: share it out more finely */
    PACE_NAMES = 8,            /* the time is taken this often ... */
    SLOW_NANOSECONDS = 50000,  /* ... and an entry that takes longer waits for a daemon: more threads pay */
    STACK_FOLDERS = 4096,
    STACK_BATCHES = 256,
    THREAD_STACK = 256 * 1024, /* fts and nftw want some */
    NESTED_FOLDERS = 8, /* read inside one another by one thread: each takes some 10 KiB of its stack */
    ALWAYS_CLOSELY = 16,
};

/* An open folder; it lives as long as batches of its names are under way. */
struct folder {
    unsigned references;
    int fd;
    char path[]; /* relative to the root */
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
    pthread_mutex_t mutex;
    pthread_cond_t change;
    struct work *folders, *batches; /* batches first: they hold folders open */
    unsigned folder_count, batch_count, busy, idle;

    /* As many threads as processors at first, all of them once entries are seen to be slow. */
    struct worker *workers;
    pthread_t *threads;
    uint32_t jobs, started; /* the caller's own thread is one of them */
};

struct worker {
    struct walk *walk;
    struct walk_slot *slot;
    unsigned nested;
};

static bool stopped(const struct walk *walk)
{
    return __atomic_load_n(&walk->report->stop, __ATOMIC_RELAXED);
}

/* Compare one entry; `number` is its place in the walk. Returns whether `raw` was filled. */
static bool check_entry(struct walk *walk, struct place place, const char *folder, const char *name,
                        uint64_t number, struct stat *raw)
{
    char path[WALK_PATH_SIZE];
    const struct walk_options *options = walk->options;
    bool closely = number < ALWAYS_CLOSELY || number % options->sample == 0;
    struct depth depth = {
        .fresh = closely || options->thorough,
        .entry_points = closely || options->every_entry_point,
        .directory_nlink = options->directory_nlink,
    };
    struct finding finding;
    if (depth.entry_points && join_path(path, walk->root_path, folder, name))
        place.path = path;
    enum outcome outcome = compare_entry(&place, depth, raw, &finding);
    tally_outcome(&walk->tally, folder, name, outcome, &finding);
    if (closely)
        ADD(walk->report->closely, 1);
    return outcome != OUTCOME_FAILED;
}

static bool excluded(const struct walk *walk, const char *folder, const char *name)
{
    if (!*walk->options->excludes)
        return false;
    char path[WALK_PATH_SIZE];
    bool fits = join_path(path, "", folder, name);
    for (const char *const *pattern = walk->options->excludes; *pattern; pattern++) {
        bool by_path = strchr(*pattern, '/');
        if (by_path ? fits && fnmatch(*pattern, path, FNM_PATHNAME) == 0 : fnmatch(*pattern, name, 0) == 0)
            return true;
    }
    return false;
}

static void release(struct folder *folder)
{
    if (__atomic_sub_fetch(&folder->references, 1, __ATOMIC_ACQ_REL) == 0) {
        close(folder->fd);
        free(folder);
    }
}

/* Hand work to the other threads. Returns false where the caller is to do it: the stack, or memory, is full. */
static bool push(struct worker *worker, struct folder *folder, const char *bytes, size_t size, unsigned count)
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

static void read_folder(struct worker *worker, const char *path);

static void enter(struct worker *worker, const char *path)
{
    if (!push(worker, NULL, path, strlen(path) + 1, 1))
        read_folder(worker, path);
}

static void tick(struct walk_slot *slot)
{
    __atomic_store_n(&slot->ticks, slot->ticks + 1, __ATOMIC_RELAXED);
}

static void show_folder(struct walk_slot *slot, const char *path)
{
    copy_text(slot->folder, sizeof slot->folder, path);
    slot->name[0] = '\0';
    tick(slot);
}

static void look_at(struct worker *worker, const struct folder *folder, const char *name)
{
    struct walk *walk = worker->walk;
    struct walk_report *report = walk->report;
    if (excluded(walk, folder->path, name))
        return;
    uint64_t number = ADD(report->entries, 1);
    if (walk->options->max_entries && number >= walk->options->max_entries) {
        ADD(report->entries, -1);
        report->limited = 1;
        __atomic_store_n(&report->stop, 1, __ATOMIC_RELAXED);
        return;
    }
    copy_text(worker->slot->name, sizeof worker->slot->name, name);
    tick(worker->slot);

    struct place place = {folder->fd, name, NULL, &worker->slot->ticks, 0};
    struct stat raw;
    if (!check_entry(walk, place, folder->path, name, number, &raw) || !S_ISDIR(raw.st_mode))
        return;
    if (raw.st_dev != walk->device && !walk->options->cross) {
        ADD(report->skipped_mounts, 1);
        return;
    }
    char inside[WALK_PATH_SIZE];
    if (join_path(inside, "", folder->path, name))
        enter(worker, inside);
    else
        tally_error(&walk->tally, folder->path, name, ENAMETOOLONG);
}

static void *work_until_done(void *data);

/* Have `wanted` threads at work. */
static void start_threads(struct walk *walk, uint32_t wanted)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    pthread_mutex_lock(&walk->mutex);
    while (walk->started < wanted && pthread_create(&walk->threads[walk->started], &attributes, work_until_done,
                                                    &walk->workers[walk->started]) == 0)
        __atomic_store_n(&walk->started, walk->started + 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&walk->mutex);
    pthread_attr_destroy(&attributes);
}

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void look_at_batch(struct worker *worker, const struct folder *folder, const char *names, unsigned count)
{
    struct walk *walk = worker->walk;
    int64_t begin = 0;
    show_folder(worker->slot, folder->path);
    for (unsigned done = 0; done < count && !stopped(walk); done++, names += strlen(names) + 1) {
        if (done % PACE_NAMES == 0 && __atomic_load_n(&walk->started, __ATOMIC_RELAXED) < walk->jobs) {
            int64_t now = nanoseconds();
            if (begin && now - begin > PACE_NAMES * SLOW_NANOSECONDS)
                start_threads(walk, walk->jobs);
            begin = now;
        }
        look_at(worker, folder, names);
    }
}

struct batch {
    unsigned count;
    size_t size;
    char names[BATCH_BYTES];
};

static void flush(struct worker *worker, struct folder *folder, struct batch *batch)
{
    if (batch->count && !push(worker, folder, batch->names, batch->size, batch->count))
        look_at_batch(worker, folder, batch->names, batch->count);
    batch->count = 0;
    batch->size = 0;
}

/* linux_dirent64, see getdents(2) */
struct record {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void read_names(struct worker *worker, struct folder *folder, char *listing, struct batch *batch)
{
    struct walk *walk = worker->walk;
    for (;;) {
        show_folder(worker->slot, folder->path);
        long size = syscall(SYS_getdents64, folder->fd, listing, LISTING_SIZE);
        if (size < 0)
            tally_error(&walk->tally, folder->path, "", errno);
        if (size <= 0 || stopped(walk))
            break;
        for (long at = 0; at < size;) {
            const struct record *record = (const struct record *)(listing + at);
            const char *name = record->name;
            at += record->length;
            if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
                continue;
            size_t length = strlen(name) + 1;
            unsigned limit = __atomic_load_n(&walk->idle, __ATOMIC_RELAXED) ? BATCH_NAMES_WHEN_IDLE : BATCH_NAMES;
            if (batch->count >= limit || batch->size + length > sizeof batch->names)
                flush(worker, folder, batch);
            memcpy(batch->names + batch->size, name, length);
            batch->size += length;
            batch->count++;
        }
    }
    /* The rest is this thread's own: most folders are small, and need no other. */
    if (!stopped(walk))
        look_at_batch(worker, folder, batch->names, batch->count);
}

static void read_folder(struct worker *worker, const char *path)
{
    struct walk *walk = worker->walk;
    size_t size = strlen(path) + 1;
    struct folder *folder = malloc(sizeof *folder + size);
    char *listing = malloc(LISTING_SIZE);
    struct batch *batch = malloc(sizeof *batch);
    if (!folder || !listing || !batch) {
        tally_error(&walk->tally, path, "", ENOMEM);
        goto out;
    }
    memcpy(folder->path, path, size);
    folder->references = 1;
    batch->count = 0;
    batch->size = 0;
    show_folder(worker->slot, path);
    folder->fd = openat(walk->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder->fd < 0) {
        tally_error(&walk->tally, path, "", errno);
        goto out;
    }
    worker->nested++;
    read_names(worker, folder, listing, batch);
    worker->nested--;
    release(folder);
    folder = NULL;
out:
    free(batch);
    free(listing);
    free(folder);
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

/* The next piece of work, or NULL once there is none and nobody who could make more. */
static struct work *take(struct walk *walk)
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

static void finish(struct walk *walk)
{
    pthread_mutex_lock(&walk->mutex);
    if (--walk->busy == 0 && !walk->batches && !walk->folders)
        pthread_cond_broadcast(&walk->change);
    pthread_mutex_unlock(&walk->mutex);
}

static void *work_until_done(void *data)
{
    struct worker *worker = data;
    struct walk *walk = worker->walk;
    for (struct work *work; (work = take(walk)); finish(walk)) {
        worker->slot->busy = 1;
        if (work->folder) {
            look_at_batch(worker, work->folder, work->bytes, work->count);
            release(work->folder);
        } else if (!stopped(walk)) {
            read_folder(worker, work->bytes);
        }
        free(work);
        worker->slot->busy = 0;
        tick(worker->slot);
    }
    return NULL;
}

static int open_root(struct walk *walk)
{
    struct statx stx = {0};
    struct stat raw;
    struct walk_report *report = walk->report;
    struct place place = {AT_FDCWD, walk->root_path, NULL, &report->slots[0].ticks, 1};
    if (raw_fstatat(AT_FDCWD, walk->root_path, &raw, 0) != 0)
        return errno;
    walk->device = raw.st_dev;
    if (syscall(SYS_statx, AT_FDCWD, walk->root_path, 0, STATX_MNT_ID, &stx) == 0 && stx.stx_mask & STATX_MNT_ID)
        report->root_mount_id = stx.stx_mnt_id;
    walk->root_fd = open(walk->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (walk->root_fd < 0)
        return errno;
    check_entry(walk, place, "", "", ADD(report->entries, 1), &raw);
    return 0;
}

void walk_run(struct walk_report *report, const char *root, const struct walk_options *options)
{
    struct worker workers[WALK_MAX_JOBS];
    pthread_t threads[WALK_MAX_JOBS];
    uint32_t jobs = options->jobs < 1 ? 1 : options->jobs > WALK_MAX_JOBS ? WALK_MAX_JOBS : options->jobs;
    struct walk walk = {
        .report = report,
        .tally = {.report = report, .root = root},
        .options = options,
        .root_path = root,
        .root_fd = -1,
        .workers = workers,
        .threads = threads,
        .jobs = jobs,
        .started = 1,
    };

    pthread_mutex_init(&walk.mutex, NULL);
    pthread_mutex_init(&walk.tally.mutex, NULL);
    pthread_cond_init(&walk.change, NULL);
    for (uint32_t i = 0; i < jobs; i++)
        workers[i] = (struct worker){&walk, &report->slots[i], 0};
    report->slot_count = jobs;
    report->phase = WALK_WALKING;

    report->slots[0].busy = 1;
    report->root_error = open_root(&walk);
    if (report->root_error == 0) {
        enter(&workers[0], "");
        uint32_t processors = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
        start_threads(&walk, processors < jobs ? processors : jobs);
        work_until_done(&workers[0]);
        while (walk.started > 1)
            pthread_join(threads[--walk.started], NULL);
        close(walk.root_fd);
    }
    report->slots[0].busy = 0;
    pthread_cond_destroy(&walk.change);
    pthread_mutex_destroy(&walk.tally.mutex);
    pthread_mutex_destroy(&walk.mutex);
    report->phase = WALK_DONE;
}
