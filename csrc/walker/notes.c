#include "notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>

#include "compare.h"
#include "listing.h"
#include "slot.h"
#include "smb_name.h"
#include "work.h"

#ifndef ANSWER_FORCE_SYNC
#define ANSWER_FORCE_SYNC 0x2000
#endif

enum {
    SEEN = 4096,           /* inode numbers that are remembered */
    ALWAYS_ASKED = 8,      /* folders, and as many other entries; then one in `sample` */
    WAITING = 16,          /* entries to be asked once more at the end */
    CACHED_SECONDS = 3600, /* longer than attributes are cached that may change */
    CLOCK_TICKS = 20,      /* milliseconds after which each clock but one of whole seconds shows another time */
};

/* What LOOKUP and GETATTR may disagree in: bits of `details`, named in notes.py. */
enum { MTIME = 1, SIZE = 2, BLOCKS = 4, MODE = 8, OWNER = 16 };

/* An entry as it was first seen, and as the daemon told it when asked afresh, twice. */
struct answers {
    struct stat raw, fresh, again;
};

/* Its time is that of now: whether it is always, the end of the walk tells. */
struct waiting {
    struct answers answers;
    char *path; /* from the root */
};

struct notes {
    uint64_t folders, others; /* met so far, as long as all are asked */
    unsigned waiting;
    struct waiting wait[WAITING];
    /* By inode number: a hash of the path, and that XOR the number, so that a torn pair fits no number. */
    uint64_t seen[SEEN][2];
};

static void note(struct walk *walk, unsigned kind, const char *folder, const char *name)
{
    struct walk_note *note = &walk->report->notes[kind];
    ADD(note->count, 1);
    if (__atomic_load_n(&note->example_count, __ATOMIC_RELAXED) >= WALK_NOTE_EXAMPLES)
        return;
    pthread_mutex_lock(&walk->tally.mutex);
    if (note->example_count < WALK_NOTE_EXAMPLES &&
        join_path(note->examples[note->example_count], walk->root_path, folder, name))
        __atomic_store_n(&note->example_count, note->example_count + 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&walk->tally.mutex);
}

static void looked_for(struct walk_slot *slot, unsigned kind)
{
    count_one(&slot->counts.looked_for[kind]);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether `fresh` is what became of the entry after the kernel had cached `raw`, by a time that stands still. */
static bool changed_meanwhile(const struct timespec *raw, const struct timespec *fresh, const struct timespec *again)
{
    bool later = fresh->tv_sec > raw->tv_sec || (fresh->tv_sec == raw->tv_sec && fresh->tv_nsec > raw->tv_nsec);
    return later && same_time(fresh, again) && fresh->tv_sec > time(NULL) - CACHED_SECONDS;
}

/* `moves`: the modification time is another at each look, and so tells of no change. */
static void compare_answers(struct walk *walk, struct walk_slot *slot, const struct answers *answers, bool moves,
                            const char *folder, const char *name)
{
    const struct stat *raw = &answers->raw, *fresh = &answers->fresh, *again = &answers->again;
    uint32_t details = 0;
    looked_for(slot, NOTE_MTIME_MOVES);
    looked_for(slot, NOTE_LOOKUP_DIFFERS);
    looked_for(slot, NOTE_INODE_CHANGES);
    if (moves)
        note(walk, NOTE_MTIME_MOVES, folder, name);
    if (raw->st_ino != fresh->st_ino || fresh->st_ino != again->st_ino)
        note(walk, NOTE_INODE_CHANGES, folder, name);
    if ((!moves && changed_meanwhile(&raw->st_mtim, &fresh->st_mtim, &again->st_mtim)) ||
        (!moves && changed_meanwhile(&raw->st_ctim, &fresh->st_ctim, &again->st_ctim)))
        return;
    if (moves ? raw->st_mtim.tv_sec < fresh->st_mtim.tv_sec - CACHED_SECONDS
              : !same_time(&raw->st_mtim, &fresh->st_mtim))
        details |= MTIME;
    if (fresh->st_size == again->st_size && raw->st_size != fresh->st_size)
        details |= SIZE;
    if (fresh->st_blocks == again->st_blocks && raw->st_blocks != fresh->st_blocks)
        details |= BLOCKS;
    if (fresh->st_mode == again->st_mode && raw->st_mode != fresh->st_mode)
        details |= MODE;
    if (fresh->st_uid == again->st_uid && fresh->st_gid == again->st_gid &&
        (raw->st_uid != fresh->st_uid || raw->st_gid != fresh->st_gid))
        details |= OWNER;
    if (details) {
        __atomic_fetch_or(&walk->report->notes[NOTE_LOOKUP_DIFFERS].details, details, __ATOMIC_RELAXED);
        note(walk, NOTE_LOOKUP_DIFFERS, folder, name);
    }
}

/* Keep the entry for the end; false if there is no room. */
static bool keep_waiting(struct walk *walk, const struct answers *answers, const char *folder, const char *name)
{
    char path[WALK_PATH_SIZE];
    unsigned place = ADD(walk->notes->waiting, 1);
    if (place >= WAITING || !join_path(path, "", folder, name))
        return false;
    struct waiting *kept = &walk->notes->wait[place];
    kept->path = strdup(path);
    kept->answers = *answers;
    return kept->path != NULL;
}

/* Of an answer that was asked for at `asked`. */
static bool is_about_now(const struct timespec *mtime, time_t asked)
{
    return mtime->tv_sec >= asked - 1 && mtime->tv_sec <= time(NULL) + 1;
}

static int ask_afresh(const struct place *place, struct stat *st)
{
    struct asker fresh;
    if (!ask_by_statx(&fresh, ANSWER_FORCE_SYNC))
        return ENOSYS;
    /* The names of the root's own path are of other file systems. */
    tick_for(place->slot, place->follow ? 0 : names_of(place->name));
    return fresh.raw(&fresh, place, st);
}

static void look_afresh(struct walk *walk, const struct place *place, const struct stat *raw, const char *folder,
                        const char *name)
{
    struct answers answers = {.raw = *raw};
    time_t asked = time(NULL);
    if (ask_afresh(place, &answers.fresh) || ask_afresh(place, &answers.again))
        return;
    bool same = same_time(&answers.fresh.st_mtim, &answers.again.st_mtim);
    if (same && is_about_now(&answers.fresh.st_mtim, asked) && keep_waiting(walk, &answers, folder, name))
        return;
    compare_answers(walk, place->slot, &answers, !same && answers.fresh.st_size == answers.again.st_size, folder, name);
}

static bool is_sampled(struct walk *walk, bool folder, uint64_t number)
{
    const struct walk_options *options = walk->options;
    uint64_t *met = folder ? &walk->notes->folders : &walk->notes->others;
    bool early = __atomic_load_n(met, __ATOMIC_RELAXED) < ALWAYS_ASKED && ADD(*met, 1) < ALWAYS_ASKED;
    return early || number % options->sample == 0 || options->thorough;
}

/* Two paths with one number that is no hard link's. A folder has no hard links. */
static void look_for_shared(struct walk *walk, uint64_t path, const struct stat *raw, const char *folder,
                            const char *name)
{
    uint64_t inode = raw->st_ino;
    if (!S_ISDIR(raw->st_mode) && raw->st_nlink > 1)
        return;
    uint64_t *seen = walk->notes->seen[inode * UINT64_C(0x9e3779b97f4a7c15) >> 52];
    uint64_t before = __atomic_load_n(&seen[0], __ATOMIC_RELAXED);
    uint64_t number = __atomic_load_n(&seen[1], __ATOMIC_RELAXED) ^ before;
    if (number == inode && before != path)
        note(walk, NOTE_INODE_SHARED, folder, name);
    __atomic_store_n(&seen[0], path, __ATOMIC_RELAXED);
    __atomic_store_n(&seen[1], path ^ inode, __ATOMIC_RELAXED);
}

static void look_at_inode(struct walk *walk, struct walk_slot *slot, const struct folder *folder, uint64_t hash,
                          const struct stat *raw, const char *name)
{
    const struct listed *listed = &folder->listed;
    unsigned count = __atomic_load_n(&listed->count, __ATOMIC_ACQUIRE);
    bool zero = raw->st_ino == 0;
    for (unsigned i = 0; i < count; i++) {
        if (listed->first[i].name != hash)
            continue;
        looked_for(slot, NOTE_INODE_LISTED);
        if (listed->first[i].inode == 0)
            zero = true;
        else if (!zero && listed->first[i].inode != raw->st_ino)
            note(walk, NOTE_INODE_LISTED, folder->path, name);
        break;
    }
    if (zero)
        note(walk, NOTE_INODE_ZERO, folder->path, name);
    else
        look_for_shared(walk, listed->path ^ hash, raw, folder->path, name);
}

void notes_open(struct folder *folder)
{
    size_t length;
    folder->listed.count = 0;
    smb_name(folder->path, &length, &folder->listed.path);
    folder->listed.path *= UINT64_C(0x9e3779b97f4a7c15); /* a path and a name that are alike do not cancel out */
}

void notes_listed(struct folder *folder, const struct record *record)
{
    struct listed *listed = &folder->listed;
    unsigned count = listed->count;
    size_t length;
    if (count == sizeof listed->first / sizeof *listed->first)
        return;
    smb_name(record->name, &length, &listed->first[count].name);
    listed->first[count].inode = record->inode;
    __atomic_store_n(&listed->count, count + 1, __ATOMIC_RELEASE);
}

void notes_looked(struct walk *walk, const struct folder *folder, const struct place *place, const struct stat *raw,
                  uint64_t number)
{
    const char *path = folder ? folder->path : "", *name = folder ? place->name : "";
    if (!walk->notes)
        return;
    if (folder) {
        size_t length;
        uint64_t hash;
        uint32_t trouble = smb_name(name, &length, &hash);
        if (trouble & NAME_NOT_UTF8)
            note(walk, NOTE_NAME_NOT_UTF8, path, name);
        else if (trouble & NAME_RESERVED)
            note(walk, NOTE_NAME_RESERVED, path, name);
        look_at_inode(walk, place->slot, folder, hash, raw, name);
    } else if (raw->st_ino == 0) {
        note(walk, NOTE_INODE_ZERO, path, name);
    }
    if (S_ISREG(raw->st_mode) && raw->st_size > 0) {
        looked_for(place->slot, NOTE_BLOCKS_ZERO);
        if (raw->st_blocks == 0)
            note(walk, NOTE_BLOCKS_ZERO, path, name);
    }
    if (is_sampled(walk, S_ISDIR(raw->st_mode), number))
        look_afresh(walk, place, raw, path, name);
}

void notes_begin(struct walk *walk)
{
    walk->notes = calloc(1, sizeof *walk->notes);
}

/* Until a clock that the times of those which wait may have been taken from shows another. */
static void let_time_pass(const struct notes *notes, unsigned count, struct walk_slot *slot)
{
    const struct timespec pause = {.tv_nsec = CLOCK_TICKS * 1000000};
    time_t last = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct timespec *mtime = &notes->wait[i].answers.again.st_mtim;
        if (mtime->tv_nsec == 0 && mtime->tv_sec > last)
            last = mtime->tv_sec;
    }
    do {
        tick(slot);
        nanosleep(&pause, NULL);
    } while (time(NULL) <= last);
}

static void ask_once_more(struct walk *walk, const struct waiting *waiting, struct walk_slot *slot)
{
    struct stat later;
    const struct answers *answers = &waiting->answers;
    struct place place = {walk->root_fd, waiting->path, NULL, 0, slot};
    if (!*waiting->path)
        place = (struct place){AT_FDCWD, walk->root_path, NULL, 1, slot};
    time_t asked = time(NULL);
    if (ask_afresh(&place, &later))
        return;
    bool moves = !same_time(&answers->again.st_mtim, &later.st_mtim) && answers->again.st_size == later.st_size &&
                 is_about_now(&later.st_mtim, asked);
    compare_answers(walk, slot, answers, moves, waiting->path, "");
}

/* One that does not answer at all stands noted. */
static void look_at_statfs(struct walk *walk)
{
    struct statfs found;
    struct walk_note *fails = &walk->report->notes[NOTE_STATFS_FAILS], *zero = &walk->report->notes[NOTE_STATFS_ZERO];
    fails->count = 1;
    int result = walk->root_fd >= 0 ? fstatfs(walk->root_fd, &found) : statfs(walk->root_path, &found);
    fails->details = result ? (uint32_t)errno : 0;
    fails->count = result != 0;
    zero->count = !result && found.f_blocks == 0;
}

void notes_end(struct walk *walk)
{
    struct walk_report *report = walk->report;
    struct walk_slot *slot = &report->slots[0];
    if (!walk->notes)
        return;
    unsigned count = walk->notes->waiting < WAITING ? walk->notes->waiting : WAITING;
    bool alive = !report->root_error && !report->dead_error;
    tick(slot);
    report->phase = WALK_NOTING;
    if (count && alive)
        let_time_pass(walk->notes, count, slot);
    for (unsigned i = 0; i < count; i++) {
        if (walk->notes->wait[i].path && alive)
            ask_once_more(walk, &walk->notes->wait[i], slot);
        free(walk->notes->wait[i].path);
    }
    tick(slot);
    if (alive)
        look_at_statfs(walk);
    free(walk->notes);
}
