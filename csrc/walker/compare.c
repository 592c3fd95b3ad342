/* A libc answer is judged between two raw ones, by what these agree on: the link count and the type, which must
 * settle, and each other field that stands still. What looks wrong is asked again many times before it convicts the
 * shim: a mount whose daemon fails now and then, or whose fields have two values, shows the same without it. */
#include "compare.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "slot.h"

#ifndef ANSWER_FORCE_SYNC
#define ANSWER_FORCE_SYNC 0x2000
#endif

enum {
    ROUNDS = 16,                   /* until the raw answers agree on count and type */
    CONVICTING = 16,               /* times that the same must be seen ... */
    CONVICTING_WHEN_CONVINCED = 3, /* ... or this often, where much was found wrong already */
    MOST_EXTRA = 4,                /* raw calls strewn in, so that no rhythm of the daemon's is taken for the shim */
};

/* The fields that a changed one is named by; st_nlink is judged apart. */
#define FIELD(name) #name, offsetof(struct stat, name), sizeof(((struct stat *)0)->name)
static const struct {
    char name[12];
    size_t offset, size;
} fields[] = {
    {FIELD(st_dev)},  {FIELD(st_ino)},     {FIELD(st_mode)},   {FIELD(st_uid)},  {FIELD(st_gid)},  {FIELD(st_rdev)},
    {FIELD(st_size)}, {FIELD(st_blksize)}, {FIELD(st_blocks)}, {FIELD(st_atim)}, {FIELD(st_mtim)}, {FIELD(st_ctim)},
};
enum { FIELDS = sizeof fields / sizeof *fields, MODE = 2 };

static bool differs(const struct stat *a, const struct stat *b, int field)
{
    size_t offset = fields[field].offset;
    return memcmp((const char *)a + offset, (const char *)b + offset, fields[field].size) != 0;
}

static bool type_differs(const struct stat *a, const struct stat *b)
{
    return (a->st_mode & S_IFMT) != (b->st_mode & S_IFMT);
}

bool error_of_vanished(int error)
{
    return error == ENOENT || error == ESTALE || error == ENOTDIR;
}

bool error_is_final(int error)
{
    return error_of_vanished(error) || error == ENOTCONN || error == ECONNABORTED || error == ENAMETOOLONG ||
           error == ENOSYS;
}

/* One entry by one way to ask. */
struct question {
    const struct asker *asker;
    const struct place *place;
    uint32_t directory_nlink;
    uint32_t names; /* of the path */
    bool convinced;
    uint32_t unsteady; /* a bit a field that was seen to have several values */
    struct finding *finding;
};

static int ask(const struct question *question, bool raw, struct stat *st)
{
    const struct asker *asker = question->asker;
    memset(st, 0, sizeof *st);
    tick_for(question->place->slot, asker->passes * question->names);
    return (raw ? asker->raw : asker->patched)(asker, question->place, st);
}

/* As ask, and again if the daemon falters. */
static int ask_raw(const struct question *question, struct stat *st)
{
    int error = 0;
    for (int try = 0; try < RAW_TRIES; try++) {
        error = ask(question, true, st);
        if (!error || error_is_final(error))
            return error;
        question->finding->transient++;
    }
    question->finding->transient -= RAW_TRIES;
    return error;
}

/* The three answers of a round. */
struct round {
    struct stat before, patched, after;
    int error; /* of the patched one */
};

struct suspicion {
    uint32_t problem; /* PROBLEM_NONE: there is none */
    int field;        /* of PROBLEM_FIELD_CHANGED */
};

/* What is wrong with a round whose raw answers agree on count and type. */
static struct suspicion judge(struct question *question, const struct round *round)
{
    const struct stat *raw = &round->before, *patched = &round->patched;
    uint64_t expected = raw->st_nlink ? raw->st_nlink : S_ISDIR(raw->st_mode) ? question->directory_nlink : 1;
    if (round->error)
        return (struct suspicion){.problem = PROBLEM_FAILED};
    if (type_differs(raw, patched))
        return (struct suspicion){PROBLEM_FIELD_CHANGED, MODE};
    if (patched->st_nlink != expected)
        return (struct suspicion){.problem =
                                      raw->st_nlink || patched->st_nlink ? PROBLEM_WRONG_COUNT : PROBLEM_LEFT_ZERO};
    struct suspicion suspicion = {.problem = PROBLEM_NONE};
    for (int field = 0; field < FIELDS; field++) {
        if (question->unsteady >> field & 1)
            continue;
        if (differs(raw, &round->after, field))
            question->finding->moved = true;
        else if (!suspicion.problem && differs(raw, patched, field))
            suspicion = (struct suspicion){PROBLEM_FIELD_CHANGED, field};
    }
    return suspicion;
}

static void describe(const struct question *question, const struct round *round, struct suspicion suspicion)
{
    struct finding *finding = question->finding;
    finding->problem = suspicion.problem;
    finding->error = round->error;
    finding->entry_point = question->asker->name;
    finding->field = suspicion.problem == PROBLEM_FIELD_CHANGED ? fields[suspicion.field].name : NULL;
    finding->raw = round->before.st_nlink;
    finding->patched = round->error ? 0 : round->patched.st_nlink;
}

/* Whether a raw answer shows what is held against a patched one. A 0 that was left never is: all raw answers are 0. */
static bool explains(struct suspicion suspicion, const struct round *suspect, int error, const struct stat *raw)
{
    if (suspicion.problem == PROBLEM_FAILED || error)
        return suspicion.problem == PROBLEM_FAILED && error == suspect->error;
    if (suspicion.problem == PROBLEM_FIELD_CHANGED)
        return !differs(raw, &suspect->patched, suspicion.field);
    return suspicion.problem == PROBLEM_WRONG_COUNT && raw->st_nlink == suspect->patched.st_nlink;
}

static bool settled(const struct round *round)
{
    return round->before.st_nlink == round->after.st_nlink && !type_differs(&round->before, &round->after);
}

/* Whether the suspicion shows again in each of many rounds, and never in a raw answer. */
static bool convicts(struct question *question, struct suspicion suspicion, const struct round *first)
{
    int wanted = question->convinced ? CONVICTING_WHEN_CONVINCED : CONVICTING, seen = 1;
    uint32_t rhythm = (uint32_t)first->before.st_ino;
    for (int attempt = 0; attempt < 4 * wanted && seen < wanted; attempt++) {
        struct round round;
        struct stat extra;
        rhythm = rhythm * 1103515245 + 12345;
        for (unsigned more = rhythm >> 16 & (MOST_EXTRA - 1); more > 0; more--) {
            int extra_error = ask(question, true, &extra);
            if (explains(suspicion, first, extra_error, &extra))
                return false;
        }
        int before_error = ask(question, true, &round.before);
        round.error = ask(question, false, &round.patched);
        int after_error = ask(question, true, &round.after);
        if (explains(suspicion, first, before_error, &round.before) ||
            explains(suspicion, first, after_error, &round.after))
            return false;
        if (before_error || after_error || !settled(&round))
            continue;
        if (suspicion.problem == PROBLEM_FIELD_CHANGED && differs(&round.before, &round.after, suspicion.field))
            continue;
        struct suspicion again = judge(question, &round);
        if (again.problem != suspicion.problem || again.field != suspicion.field)
            return false;
        if (explains(suspicion, &round, 0, &first->before))
            return false;
        seen++;
    }
    return seen >= wanted;
}

/* `first` is the first raw answer, if there was one. */
static enum outcome look(struct question base, const struct asker *asker, struct stat *first)
{
    struct finding *finding = base.finding;
    struct question *question = &base;
    question->asker = asker;
    for (int number = 0; number < ROUNDS; number++) {
        struct round round;
        finding->error = ask_raw(question, &round.before);
        if (finding->error)
            return OUTCOME_FAILED;
        if (number == 0)
            *first = round.before;
        round.error = ask(question, false, &round.patched);
        if (!round.error && round.before.st_nlink && memcmp(&round.before, &round.patched, sizeof round.before) == 0)
            return OUTCOME_HONEST;
        finding->error = ask_raw(question, &round.after);
        if (finding->error)
            return OUTCOME_FAILED;
        if (!settled(&round)) {
            finding->moved = true;
            continue;
        }
        struct suspicion suspicion = judge(question, &round);
        if (suspicion.problem == PROBLEM_NONE || convicts(question, suspicion, &round)) {
            describe(question, &round, suspicion);
            return suspicion.problem ? OUTCOME_WRONG : round.before.st_nlink ? OUTCOME_HONEST : OUTCOME_CORRECTED;
        }
        if (suspicion.problem == PROBLEM_FAILED)
            finding->transient++;
        else
            finding->moved = true;
        if (suspicion.problem == PROBLEM_FIELD_CHANGED)
            question->unsteady |= 1u << suspicion.field;
    }
    return OUTCOME_UNSETTLED;
}

/* By every entry point. A count that is corrected in any is a lie. */
static enum outcome look_by_all(struct question question, mode_t mode)
{
    enum outcome all = OUTCOME_HONEST;
    struct finding lie = {.problem = PROBLEM_NONE}, *finding = question.finding;
    struct asker asker;
    bool walks;
    for (size_t i = 0; ask_by_entry_point(i, question.place, mode, &asker, &walks); i++) {
        struct stat raw;
        if (!asker.patched)
            continue;
        enum outcome outcome = look(question, &asker, &raw);
        if (outcome == OUTCOME_WRONG || (outcome == OUTCOME_FAILED && !walks))
            return outcome;
        if (outcome == OUTCOME_CORRECTED) {
            all = outcome;
            lie = *finding;
        }
    }
    if (all == OUTCOME_CORRECTED) {
        lie.moved = finding->moved;
        lie.transient = finding->transient;
        *finding = lie;
    }
    return all;
}

uint32_t names_of(const char *path)
{
    uint32_t names = 1;
    for (; path && *path; path++)
        names += *path == '/';
    return names;
}

enum outcome compare_entry(const struct place *place, struct depth depth, struct stat *raw, struct finding *finding)
{
    struct finding further = {.problem = PROBLEM_NONE};
    struct question question = {
        .place = place,
        .directory_nlink = depth.directory_nlink,
        .names = names_of(place->path),
        .convinced = depth.convinced,
        .finding = finding,
    };
    *finding = further;
    enum outcome outcome = look(question, &ASK_BY_NAME, raw);
    if (outcome != OUTCOME_HONEST && outcome != OUTCOME_CORRECTED)
        return outcome;

    question.finding = &further;
    for (int deeper = 0; deeper < 2; deeper++) {
        struct asker fresh;
        struct stat answer;
        enum outcome next = OUTCOME_HONEST;
        if (deeper == 0 && depth.fresh && ask_by_statx(&fresh, ANSWER_FORCE_SYNC)) {
            next = look(question, &fresh, &answer);
            if (next == OUTCOME_FAILED && further.error == ENOSYS)
                continue;
        } else if (deeper == 1 && depth.entry_points) {
            next = look_by_all(question, raw->st_mode);
        }
        if (next == OUTCOME_HONEST || next == OUTCOME_UNSETTLED || next == outcome)
            continue;
        further.moved |= finding->moved;
        further.transient += finding->transient;
        *finding = further;
        outcome = next;
        if (outcome != OUTCOME_CORRECTED)
            break;
    }
    finding->moved |= further.moved;
    return outcome;
}
