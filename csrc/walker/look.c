/* One entry of a walk: whether it is looked at, compared with what libc says of it, and told to the tally. */
#include "look.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"
#include "listing.h"
#include "slot.h"
#include "threads.h"

enum {
    ALWAYS_CLOSELY = 16,
    CONVINCED = 64, /* this many wrong entries: further ones need less proof */
};

bool look_stopped(const struct walk *walk)
{
    return __atomic_load_n(&walk->report->stop, __ATOMIC_RELAXED);
}

enum look look_closely(struct walk *walk, struct place place, const char *folder, const char *name, uint64_t number,
                       struct stat *raw)
{
    char path[WALK_PATH_SIZE];
    const struct walk_options *options = walk->options;
    struct walk_report *report = walk->report;
    bool closely = number < ALWAYS_CLOSELY || number % options->sample == 0;
    struct depth depth = {
        .fresh = closely || options->thorough,
        .entry_points = closely || options->every_entry_point,
        .convinced =
            __atomic_load_n(&report->wrong, __ATOMIC_RELAXED) + __atomic_load_n(&report->left, __ATOMIC_RELAXED) >=
            CONVINCED,
        .directory_nlink = options->directory_nlink,
    };
    struct finding finding;
    if (depth.entry_points && join_path(path, walk->root_path, folder, name))
        place.path = path;
    enum outcome outcome = compare_entry(&place, depth, raw, &finding);
    if (outcome == OUTCOME_FAILED && *name && error_of_vanished(finding.error))
        return MISSING;
    if (outcome != OUTCOME_FAILED && S_ISDIR(raw->st_mode) && raw->st_dev != walk->device)
        return ELSEWHERE;
    tally_outcome(&walk->tally, &place.slot->counts, folder, name, outcome, &finding);
    if (closely)
        ADD(report->closely, 1);
    return outcome == OUTCOME_FAILED ? FAILED : LOOKED;
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

void look_show_folder(struct walk_slot *slot, const char *path)
{
    copy_text(slot->folder, sizeof slot->folder, path);
    slot->name[0] = '\0';
    tick(slot);
}

static void note_missing(struct walk *walk, struct folder *folder, const char *name)
{
    ADD(walk->report->vanished, 1);
    pthread_mutex_lock(&walk->mutex);
    struct gone *gone = folder->gone ? folder->gone : calloc(1, sizeof *gone);
    folder->gone = gone;
    if (gone)
        gone_note(gone, name);
    pthread_mutex_unlock(&walk->mutex);
}

void look_for_ghosts(struct worker *worker, struct folder *folder)
{
    struct walk *walk = worker->walk;
    const char *first = NULL;
    char *listing = malloc(LISTING_SIZE);
    look_show_folder(worker->slot, folder->path);
    if (listing && (!look_stopped(walk) || walk->report->limited)) {
        unsigned ghosts = gone_ghosts(folder->gone, folder->fd, listing, LISTING_SIZE, &first, worker->slot);
        if (ghosts)
            tally_ghosts(&walk->tally, folder->path, first, ghosts);
    }
    free(listing);
    free(folder->gone);
}

static bool on_another_mount(const struct walk *walk, const struct folder *folder, const char *name)
{
    char path[WALK_PATH_SIZE];
    return walk->points.count && join_path(path, "", folder->path, name) &&
           points_cover(&walk->points, path, folder->fd, name);
}

bool look_at(struct worker *worker, struct folder *folder, const char *name)
{
    struct walk *walk = worker->walk;
    struct walk_report *report = walk->report;
    if (excluded(walk, folder->path, name))
        return false;
    uint64_t number = ADD(report->entries, 1);
    if (walk->options->max_entries && number >= walk->options->max_entries) {
        ADD(report->entries, -1);
        report->limited = 1;
        __atomic_store_n(&report->stop, 1, __ATOMIC_RELAXED);
        return false;
    }
    copy_text(worker->slot->name, sizeof worker->slot->name, name);
    tick(worker->slot);

    struct place place = {folder->fd, name, NULL, 0, worker->slot};
    struct stat raw;
    enum look look = ELSEWHERE;
    if (!on_another_mount(walk, folder, name))
        look = look_closely(walk, place, folder->path, name, number, &raw);
    if (look == ELSEWHERE) {
        ADD(report->entries, -1);
        tally_mount_below(&walk->tally, folder->path, name);
        return false;
    }
    if (look == LOOKED)
        notes_looked(walk, folder, &place, &raw, number);
    else if (look == MISSING)
        note_missing(walk, folder, name);
    return look == LOOKED && S_ISDIR(raw.st_mode);
}
