#include "tally.h"

#include <errno.h>
#include <string.h>

#include "slot.h"

void copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

bool join_path(char *path, const char *root, const char *folder, const char *name)
{
    static const char cut[] = "...";
    const char *parts[] = {root, folder, name};
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(parts[i]);
        if (!size)
            continue;
        bool slash = length && path[length - 1] != '/';
        if (length + slash + size >= WALK_PATH_SIZE) {
            size_t room = WALK_PATH_SIZE - sizeof cut - length;
            memcpy(path + length, slash ? "/" : "", slash);
            memcpy(path + length + slash, parts[i], room - slash);
            memcpy(path + length + room, cut, sizeof cut);
            return false;
        }
        if (slash)
            path[length++] = '/';
        memcpy(path + length, parts[i], size);
        length += size;
    }
    path[length] = '\0';
    return true;
}

void tally_error(struct walk_tally *tally, const char *folder, const char *name, int error)
{
    struct walk_report *report = tally->report;
    ADD(report->errors, 1);
    ADD(report->unread[error < WALK_ERRNOS ? error : 0], 1);
    pthread_mutex_lock(&tally->mutex);
    if (!report->first_error) {
        report->first_error = error;
        join_path(report->first_error_path, tally->root, folder, name);
    }
    if (error == ENOTCONN || error == ECONNABORTED) {
        report->dead_error = error;
        report->stop = 1;
    }
    pthread_mutex_unlock(&tally->mutex);
}

void tally_endless(struct walk_tally *tally, const char *folder)
{
    struct walk_report *report = tally->report;
    pthread_mutex_lock(&tally->mutex);
    if (!report->endless++)
        join_path(report->first_endless_path, tally->root, folder, "");
    pthread_mutex_unlock(&tally->mutex);
}

void tally_ghosts(struct walk_tally *tally, const char *folder, const char *first, unsigned count)
{
    struct walk_report *report = tally->report;
    pthread_mutex_lock(&tally->mutex);
    if (!report->ghosts)
        join_path(report->first_ghost_path, tally->root, folder, first);
    report->ghosts += count;
    pthread_mutex_unlock(&tally->mutex);
}

void tally_mount_below(struct walk_tally *tally, const char *folder, const char *name)
{
    struct walk_report *report = tally->report;
    char path[WALK_PATH_SIZE];
    ADD(report->mounts_below, 1);
    if (!join_path(path, "", folder, name))
        return;
    size_t size = strlen(path) + 1;
    pthread_mutex_lock(&tally->mutex);
    if (size <= sizeof report->mounts_below_paths - report->mounts_below_size) {
        memcpy(report->mounts_below_paths + report->mounts_below_size, path, size);
        report->mounts_below_size += (uint32_t)size;
    }
    pthread_mutex_unlock(&tally->mutex);
}

static void keep_sample(struct walk_tally *tally, const char *folder, const char *name, const struct finding *finding)
{
    /* Corrected lies fill at most half: room is left for what is wrong. */
    uint32_t limit = finding->problem == PROBLEM_NONE ? WALK_MAX_SAMPLES / 2 : WALK_MAX_SAMPLES;
    struct walk_report *report = tally->report;
    if (__atomic_load_n(&report->sample_count, __ATOMIC_RELAXED) >= limit)
        return;
    pthread_mutex_lock(&tally->mutex);
    if (report->sample_count < limit) {
        struct walk_sample *sample = &report->samples[report->sample_count];
        join_path(sample->path, tally->root, folder, name);
        copy_text(sample->entry_point, sizeof sample->entry_point, finding->entry_point);
        copy_text(sample->field, sizeof sample->field, finding->field ? finding->field : "");
        sample->problem = finding->problem;
        sample->error = finding->error;
        sample->raw = finding->raw;
        sample->patched = finding->patched;
        __atomic_store_n(&report->sample_count, report->sample_count + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&tally->mutex);
}

static void tally_judged(struct walk_tally *tally, struct walk_counts *counts, const char *folder, const char *name,
                         enum outcome outcome, const struct finding *finding)
{
    struct walk_report *report = tally->report;
    count_one(&counts->judged);
    if (finding->moved)
        ADD(report->moved, 1);
    if (outcome == OUTCOME_HONEST)
        return;
    if (finding->raw == 0)
        count_one(&counts->lies);
    if (outcome == OUTCOME_CORRECTED)
        count_one(&counts->corrected);
    else if (finding->problem == PROBLEM_LEFT_ZERO)
        ADD(report->left, 1);
    else
        ADD(report->wrong, 1);
    keep_sample(tally, folder, name, finding);
}

void tally_outcome(struct walk_tally *tally, struct walk_counts *counts, const char *folder, const char *name,
                   enum outcome outcome, const struct finding *finding)
{
    struct walk_report *report = tally->report;
    if (finding->transient)
        ADD(report->transient, finding->transient);
    switch (outcome) {
    case OUTCOME_HONEST:
    case OUTCOME_CORRECTED:
    case OUTCOME_WRONG:
        tally_judged(tally, counts, folder, name, outcome, finding);
        return;
    case OUTCOME_UNSETTLED:
        ADD(report->unsettled, 1);
        return;
    case OUTCOME_FAILED:
        tally_error(tally, folder, name, finding->error);
        return;
    }
}
