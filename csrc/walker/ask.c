#include "ask.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <fts.h>
#endif

#include "../shim/machine.h"

/* errno, never 0: what follows a failed call. */
static int failure(void)
{
    return errno ? errno : EIO;
}

static int result_or_errno(int result)
{
    return result == 0 ? 0 : failure();
}

static int flags_of(const struct place *place)
{
    return place->follow ? 0 : AT_SYMLINK_NOFOLLOW;
}

/* After a call that answered, or did not, in the asker's layout. */
static int answered(const struct asker *asker, int result, const union answer *answer, struct stat *st)
{
    if (result != 0)
        return failure();
    answer_read(answer, asker->layout, st);
    return 0;
}

int raw_fstatat(int dirfd, const char *name, struct stat *st, int flags)
{
    union answer answer;
    if (answer_ask_name(dirfd, name, &answer, flags) != 0)
        return -1;
    answer_read(&answer, LAYOUT_STAT64, st);
    return 0;
}

static int raw_by_name(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(raw_fstatat(place->dirfd, place->name, st, flags_of(place)));
}

/* What fills struct stat, by the name that most programs import on such a machine: built for large files or for an old
 * libc, a call written as fstatat goes to another. */
#if __SIZEOF_POINTER__ == 8
#define USUAL "fstatat"
#elif defined __GLIBC__
#define USUAL "fstatat64"
#else
#define USUAL "__fstatat_time64"
#endif
static int (*usual)(int, const char *, struct stat *, int) = fstatat;

__attribute__((constructor)) static void find_usual(void)
{
    void *found = dlsym(RTLD_DEFAULT, USUAL);
    if (found)
        memcpy(&usual, &found, sizeof usual);
}

static int patched_by_name(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(usual(place->dirfd, place->name, st, flags_of(place)));
}

const struct asker ASK_BY_NAME = {.name = USUAL, .patched = patched_by_name, .raw = raw_by_name};

static int raw_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int flags = flags_of(place) | asker->flags;
    long result = syscall(NR_STATX, place->dirfd, place->name, flags, ANSWER_BASIC_STATS, &answer);
    return answered(asker, (int)result, &answer, st);
}

static int patched_statx(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int (*function)(int, const char *, int, unsigned, void *) = asker->function;
    int flags = flags_of(place) | asker->flags;
    return answered(asker, function(place->dirfd, place->name, flags, ANSWER_BASIC_STATS, &answer), &answer, st);
}

int statx_error(void)
{
    static int known = -1;
    int error = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (error < 0) {
        /* No file is asked for: where the call exists it says so. */
        syscall(NR_STATX, -1, NULL, 0, ANSWER_BASIC_STATS, NULL);
        error = errno == EFAULT || errno == EBADF || errno == EINVAL ? 0 : failure();
        __atomic_store_n(&known, error, __ATOMIC_RELAXED);
    }
    return error;
}

bool ask_by_statx(struct asker *asker, int flags)
{
    *asker = (struct asker){
        .name = "statx", .patched = patched_statx, .raw = raw_statx, .flags = flags, .layout = LAYOUT_STATX};
    asker->function = statx_error() ? NULL : dlsym(RTLD_DEFAULT, asker->name);
    return asker->function != NULL;
}

/* The shapes of symbols.def. Those by path serve non-links with either of the pair, links with the one that
 * does not follow. */
static int raw_by_path(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    return result_or_errno(raw_fstatat(AT_FDCWD, place->path, st, flags_of(place)));
}

static int ask_path(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int (*function)(const char *, void *) = asker->function;
    return answered(asker, function(place->path, &answer), &answer, st);
}

static int ask_xpath(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int (*function)(int, const char *, void *) = asker->function;
    return answered(asker, function(XSTAT_VERSION, place->path, &answer), &answer, st);
}

static int open_place(const struct place *place)
{
    return openat(place->dirfd, place->name, O_PATH | O_CLOEXEC | (place->follow ? 0 : O_NOFOLLOW));
}

static int raw_by_fd(const struct asker *asker, const struct place *place, struct stat *st)
{
    (void)asker;
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    union answer answer;
    int error = result_or_errno(answer_ask_descriptor(fd, &answer));
    if (!error)
        answer_read(&answer, LAYOUT_STAT64, st);
    close(fd);
    return error;
}

static int ask_fd(const struct asker *asker, const struct place *place, struct stat *st)
{
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    union answer answer;
    int (*function)(int, void *) = asker->function;
    int error = answered(asker, function(fd, &answer), &answer, st);
    close(fd);
    return error;
}

static int ask_xfd(const struct asker *asker, const struct place *place, struct stat *st)
{
    int fd = open_place(place);
    if (fd < 0)
        return failure();
    union answer answer;
    int (*function)(int, int, void *) = asker->function;
    int error = answered(asker, function(XSTAT_VERSION, fd, &answer), &answer, st);
    close(fd);
    return error;
}

static int ask_at(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int (*function)(int, const char *, void *, int) = asker->function;
    return answered(asker, function(place->dirfd, place->name, &answer, flags_of(place)), &answer, st);
}

static int ask_xat(const struct asker *asker, const struct place *place, struct stat *st)
{
    union answer answer;
    int (*function)(int, int, const char *, void *, int) = asker->function;
    int result = function(XSTAT_VERSION, place->dirfd, place->name, &answer, flags_of(place));
    return answered(asker, result, &answer, st);
}

/* What a walk does to a folder before it hands out its stat. */
static int raw_walk(const struct asker *asker, const struct place *place, struct stat *st)
{
    int error = raw_by_path(asker, place, st);
    if (error || !S_ISDIR(st->st_mode))
        return error;
    int fd = openat(AT_FDCWD, place->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return failure();
    close(fd);
    return 0;
}

#ifdef __GLIBC__
/* The function of the same family: fts_open of fts_read, __fts64_open_time64 of __fts64_children_time64. */
static void *relative_of(const struct asker *asker, const char *verb)
{
    char name[sizeof "__fts64_children_time64"];
    const char *its_own = strstr(asker->name, "_read") ? "_read" : "_children";
    const char *from = strstr(asker->name, its_own), *rest = from + strlen(its_own);
    snprintf(name, sizeof name, "%.*s%s%s", (int)(from - asker->name), asker->name, verb, rest);
    return dlsym(RTLD_DEFAULT, name);
}

#define FTSENT_AT(field) (asker->layout == LAYOUT_STAT ? FTSENT_##field : FTSENT64_##field)
enum { FTSENT_ERRNO = FTSENT_ACCPATH + 2 * sizeof(char *) };

static int ask_fts(const struct asker *asker, const struct place *place, struct stat *st, bool children)
{
    char *const paths[] = {(char *)place->path, NULL};
    void *(*open)(char *const *, int, void *) = relative_of(asker, "_open");
    int (*close)(void *) = relative_of(asker, "_close");
    void *fts = open && close ? open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    if (!fts)
        return failure();
    /* Before the first fts_read the children are the list of what fts_open was given. */
    const char *entry =
        children ? ((void *(*)(void *, int))asker->function)(fts, 0) : ((void *(*)(void *))asker->function)(fts);
    int error = !entry                                             ? failure()
                : FIELD(entry, FTSENT_AT(INFO), field16) == FTS_NS ? FIELD(entry, FTSENT_ERRNO, int)
                                                                   : 0;
    if (entry && !error)
        answer_read(FIELD(entry, FTSENT_AT(STATP), void *), asker->layout, st);
    close(fts);
    return error;
}

static int ask_fts_read(const struct asker *asker, const struct place *place, struct stat *st)
{
    return ask_fts(asker, place, st, false);
}

static int ask_fts_children(const struct asker *asker, const struct place *place, struct stat *st)
{
    return ask_fts(asker, place, st, true);
}
#else
#define ask_fts_read NULL
#define ask_fts_children NULL
#endif

static __thread struct stat *walked;
static __thread enum layout walked_layout;

static int keep_first(const char *path, const void *answer, int flag, struct FTW *ftw)
{
    (void)path, (void)flag, (void)ftw;
    answer_read(answer, walked_layout, walked);
    return 1;
}

static int keep_first_of_ftw(const char *path, const void *answer, int flag)
{
    return keep_first(path, answer, flag, NULL);
}

static int ask_ftw(const struct asker *asker, const struct place *place, struct stat *st)
{
    walked = st;
    walked_layout = asker->layout;
    int (*ftw)(const char *, int (*)(const char *, const void *, int), int) = asker->function;
    return ftw(place->path, keep_first_of_ftw, 4) == 1 ? 0 : failure();
}

static int ask_nftw(const struct asker *asker, const struct place *place, struct stat *st)
{
    walked = st;
    walked_layout = asker->layout;
    int (*nftw)(const char *, int (*)(const char *, const void *, int, struct FTW *), int, int) = asker->function;
    return nftw(place->path, keep_first, 4, FTW_PHYS) == 1 ? 0 : failure();
}

/* fts and nftw look, open and look again. By descriptor the shim may ask for the path too, to prove that it is live. */
enum { PASSES_OF_WALKS = 4, PASSES_OF_DESCRIPTORS = 2 };

/* How each shape asks, and whether it asks about what a symbolic link leads to, and needs the path. */
#define SHAPE_PATH ask_path, raw_by_path, true, true
#define SHAPE_LINK ask_path, raw_by_path, false, true
#define SHAPE_FD ask_fd, raw_by_fd, false, false
#define SHAPE_AT ask_at, raw_by_name, false, false
#define SHAPE_XPATH ask_xpath, raw_by_path, true, true
#define SHAPE_XLINK ask_xpath, raw_by_path, false, true
#define SHAPE_XFD ask_xfd, raw_by_fd, false, false
#define SHAPE_XAT ask_xat, raw_by_name, false, false
#define SHAPE_STATX patched_statx, raw_statx, false, false
#define SHAPE_FTS_READ ask_fts_read, raw_walk, false, true
#define SHAPE_FTS_CHILDREN ask_fts_children, raw_walk, false, true
#define SHAPE_FTW ask_ftw, raw_walk, true, true
#define SHAPE_NFTW ask_nftw, raw_walk, false, true

typedef int (*ask_function)(const struct asker *, const struct place *, struct stat *);

static const struct {
    char name[24];
    ask_function patched, raw;
    bool follows, by_path;
    enum layout layout;
} entry_points[] = {
#define ENTRY(name, shape, layout, relative) {#name, SHAPE_##shape, LAYOUT_##layout},
#include "../shim/symbols.def"
#undef ENTRY
};

bool ask_by_entry_point(size_t number, const struct place *place, mode_t mode, struct asker *asker, bool *walks)
{
    if (number >= sizeof entry_points / sizeof *entry_points)
        return false;
    bool follows = entry_points[number].follows, by_path = entry_points[number].by_path;
    bool unfit = (by_path && !place->path) || (follows && S_ISLNK(mode)) || (by_path && !follows && place->follow);
    *asker = (struct asker){
        .name = entry_points[number].name, .raw = entry_points[number].raw, .layout = entry_points[number].layout};
    *walks = asker->raw == raw_walk;
    asker->passes = *walks ? PASSES_OF_WALKS : asker->raw == raw_by_fd ? PASSES_OF_DESCRIPTORS : by_path;
    unfit |= asker->raw == raw_statx && statx_error();
    asker->function = entry_points[number].patched && !unfit ? dlsym(RTLD_DEFAULT, asker->name) : NULL;
    if (asker->function)
        asker->patched = entry_points[number].patched;
    return true;
}
