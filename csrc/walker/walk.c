/* The parallel walk: which folders are read, and by how many threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "below.h"
#include "listing.h"
#include "look.h"
#include "slot.h"
#include "threads.h"

enum {
    BATCH_BYTES = 4096, /* of names, terminated, one behind the other */
    BATCH_NAMES = 64,
    BATCH_NAMES_WHEN_IDLE = 8, /* threads wait for work: share it out more finely */
    PACE_NAMES = 8,            /* the time is taken this often */
};

static void read_folder(struct worker *worker, const char *path);

static void enter(struct worker *worker, const char *path)
{
    if (!work_push(worker, NULL, path, strlen(path) + 1, 1))
        read_folder(worker, path);
}

static void enter_below(struct worker *worker, const struct folder *folder, const char *name)
{
    char *path = NULL; /* of any length */
    if (asprintf(&path, "%s%s%s", folder->path, *folder->path ? "/" : "", name) < 0) {
        tally_error(&worker->walk->tally, folder->path, name, ENOMEM);
        return;
    }
    enter(worker, path);
    free(path);
}

static void release(struct worker *worker, struct folder *folder)
{
    if (__atomic_sub_fetch(&folder->references, 1, __ATOMIC_ACQ_REL) == 0) {
        if (folder->gone)
            look_for_ghosts(worker, folder);
        close(folder->fd);
        free(folder);
    }
}

static void look_at_batch(struct worker *worker, struct folder *folder, const char *names, unsigned count)
{
    struct walk *walk = worker->walk;
    int64_t begin = 0;
    look_show_folder(worker->slot, folder->path);
    for (unsigned done = 0; done < count && !look_stopped(walk); done++, names += strlen(names) + 1) {
        if (done % PACE_NAMES == 0 && __atomic_load_n(&walk->started, __ATOMIC_RELAXED) < walk->jobs) {
            int64_t now = nanoseconds();
            if (begin)
                entries_took(walk, now - begin, PACE_NAMES);
            begin = now;
        }
        if (look_at(worker, folder, names))
            enter_below(worker, folder, names);
    }
}

struct batch {
    unsigned count;
    size_t size;
    char names[BATCH_BYTES];
};

static void flush(struct worker *worker, struct folder *folder, struct batch *batch)
{
    if (batch->count && !work_push(worker, folder, batch->names, batch->size, batch->count))
        look_at_batch(worker, folder, batch->names, batch->count);
    batch->count = 0;
    batch->size = 0;
}

/* A folder that cannot be opened or listed. One that went after it was judged is no error: it was counted. */
static void tally_folder(struct walk *walk, const char *path, int fd, int error)
{
    struct stat named, open;
    if (error_of_vanished(error) && *path) {
        if (stat_below(walk->root_fd, path, &named) != 0) {
            if (error_of_vanished(errno))
                return;
        } else if (!S_ISDIR(named.st_mode) ||
                   (fd >= 0 && raw_fstatat(fd, "", &open, AT_EMPTY_PATH) == 0 && open.st_ino != named.st_ino)) {
            return;
        }
    }
    tally_error(&walk->tally, path, "", error);
}

/* `part` began with the opening of the folder. */
static void read_names(struct worker *worker, struct folder *folder, struct part part, char *listing,
                       struct batch *batch)
{
    struct walk *walk = worker->walk;
    struct listing_mark mark = {0};
    for (;; part.begin = nanoseconds()) {
        unsigned names = 0;
        look_show_folder(worker->slot, folder->path);
        long size = syscall(SYS_getdents64, folder->fd, listing, part.size);
        part.took = nanoseconds() - part.begin;
        if (size < 0)
            tally_folder(walk, folder->path, folder->fd, errno);
        if (size <= 0 || look_stopped(walk)) {
            part_read(worker, &part, 0);
            break;
        }
        const struct record *record = NULL;
        for (long at = 0; at < size;) {
            record = (const struct record *)(listing + at);
            const char *name = record->name;
            at += record->length;
            if (is_dots(name))
                continue;
            notes_listed(folder, record);
            size_t length = strlen(name) + 1;
            unsigned limit = __atomic_load_n(&walk->idle, __ATOMIC_RELAXED) ? BATCH_NAMES_WHEN_IDLE : BATCH_NAMES;
            if (batch->count >= limit || batch->size + length > sizeof batch->names)
                flush(worker, folder, batch);
            memcpy(batch->names + batch->size, name, length);
            batch->size += length;
            batch->count++;
            names++;
        }
        part_read(worker, &part, names);
        if (worker->slow_listings && __atomic_load_n(&walk->idle, __ATOMIC_RELAXED))
            flush(worker, folder, batch);
        if (listing_goes_round(&mark, record)) {
            tally_endless(&walk->tally, folder->path);
            break;
        }
    }
    /* The rest is this thread's own: most folders are small, and need no other. */
    if (!look_stopped(walk))
        look_at_batch(worker, folder, batch->names, batch->count);
}

static int open_folder(struct walk *walk, struct walk_slot *slot, const char *path)
{
    int fd = -1;
    for (int try = 0; try < RAW_TRIES && fd < 0; try++) {
        if (try > 0 && error_is_final(errno))
            break;
        tick_for(slot, names_of(path));
        fd = open_below(walk->root_fd, path);
        if (fd >= 0 && try > 0)
            ADD(walk->report->transient, try);
    }
    return fd;
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
    folder->gone = NULL;
    notes_open(folder);
    batch->count = 0;
    batch->size = 0;
    look_show_folder(worker->slot, path);
    struct part part = part_begin(worker);
    folder->fd = open_folder(walk, worker->slot, path);
    if (folder->fd < 0) {
        tally_folder(walk, path, -1, errno);
        goto out;
    }
    worker->nested++;
    read_names(worker, folder, part, listing, batch);
    worker->nested--;
    release(worker, folder);
    folder = NULL;
out:
    free(batch);
    free(listing);
    free(folder);
}

static void *run_worker(void *data)
{
    struct worker *worker = data;
    struct walk *walk = worker->walk;
    for (struct work *work; (work = work_take(walk)); work_finish(walk)) {
        worker->slot->busy = 1;
        if (work->folder) {
            look_at_batch(worker, work->folder, work->bytes, work->count);
            release(worker, work->folder);
        } else if (!look_stopped(walk)) {
            read_folder(worker, work->bytes);
        }
        free(work);
        worker->slot->busy = 0;
        tick(worker->slot);
    }
    return NULL;
}

/* The text of /proc/self/fd/N: the path that an open descriptor was found at, links followed. */
static void copy_real_path(char *path, int fd)
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, WALK_PATH_SIZE - 1);
    path[length > 0 ? length : 0] = '\0';
}

/* Which mount it is, before anything is asked of its file system; then whether that answers. */
static int open_root(struct walk *walk)
{
    struct stat raw;
    struct walk_report *report = walk->report;
    struct place place = {AT_FDCWD, walk->root_path, NULL, 1, &report->slots[0]};
    int found = find_place(walk->root_path, &report->root_path_is_literal), error = 0;
    if (found < 0)
        return errno;
    report->root_mount_id = mount_id_of(found);
    copy_real_path(report->root_real_path, found);
    if (raw_fstatat(found, "", &raw, AT_EMPTY_PATH) != 0)
        error = errno;
    else if (!S_ISDIR(raw.st_mode))
        report->root_is_file = 1;
    else if ((walk->root_fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        error = errno;
    close(found);
    if (error)
        return error;
    walk->device = raw.st_dev;
    if (*report->root_real_path)
        points_read(&walk->points, report->root_real_path, report->root_mount_id, walk->device,
                    walk->options->local_types);
    /* In a path scope the shim may count whatever is mounted there. */
    report->root_is_folder = walk->points.root_is_folder &&
                             (strcmp(report->shim_scope, "fuse") == 0 || strcmp(report->shim_scope, "off") == 0);
    uint64_t number = ADD(report->entries, 1);
    if (look_closely(walk, place, "", "", number, &raw) == LOOKED)
        notes_looked(walk, NULL, &place, &raw, number);
    return 0;
}

/* Of a folder that is not walked: what is mounted below it and visible, the uppermost alone. No other mount is
 * entered to see that. */
static void tally_mounts_below(struct walk *walk)
{
    const char *above = NULL;
    for (size_t i = 0; i < walk->points.count; i++) {
        const char *path = walk->points.list[i].path;
        size_t length = above ? strlen(above) : 0;
        if (above && strncmp(path, above, length) == 0 && (path[length] == '/' || !path[length]))
            continue;
        if (points_cover(&walk->points, path, walk->root_fd, path)) {
            tally_mount_below(&walk->tally, "", path);
            above = path;
        }
    }
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
        .run = run_worker,
    };

    pthread_mutex_init(&walk.mutex, NULL);
    pthread_mutex_init(&walk.tally.mutex, NULL);
    pthread_cond_init(&walk.change, NULL);
    for (uint32_t i = 0; i < jobs; i++)
        workers[i] = (struct worker){&walk, &report->slots[i], 0, i == 0};
    report->slot_count = jobs;
    report->phase = WALK_WALKING;
    notes_begin(&walk);

    report->slots[0].busy = 1;
    report->root_error = open_root(&walk);
    if (report->root_error == 0 && report->root_is_folder) {
        tally_mounts_below(&walk);
    } else if (report->root_error == 0 && !report->root_is_file) {
        enter(&workers[0], "");
        uint32_t processors = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
        threads_start(&walk, processors);
        run_worker(&workers[0]);
        threads_join(&walk);
    }
    report->slots[0].busy = 1;
    notes_end(&walk);
    if (walk.root_fd >= 0)
        close(walk.root_fd);
    points_free(&walk.points);
    report->slots[0].busy = 0;
    pthread_cond_destroy(&walk.change);
    pthread_mutex_destroy(&walk.tally.mutex);
    pthread_mutex_destroy(&walk.mutex);
    report->phase = WALK_DONE;
}
