/* The interpreter of the verbs, and the calls of the stat family. See probe.h. */
#define _GNU_SOURCE
#include "probe.h"

#include "machine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

enum { UNTOUCHED = 0xa5, ERRNO_BEFORE = 77, STATX_BASIC = 0x7ff };

/* The kernel's structure, since musl's headers may lack it. */
struct kernel_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode;
    char rest[256 - 30];
};

union answer {
    unsigned char bytes[256];
    struct stat stat;
    struct kernel_statx statx;
};

enum shape { PATH, LINK, FD, AT, XPATH, XLINK, XFD, XAT, STATX, FTS_READ, FTS_CHILDREN, FTW, NFTW };
/* How much of the answer is shown. On 32-bit machines libc has several structures, and none is larger. */
enum { STAT_SHOWN = sizeof(void *) == 8 ? sizeof(struct stat) : 160, STATX_SHOWN = sizeof(struct kernel_statx) };
enum layout { LAYOUT_STAT, LAYOUT_STAT64, LAYOUT_TIME64, LAYOUT_STATX };

static const struct entry_point {
    const char *name;
    enum shape shape;
    enum layout layout;
} entry_points[] = {
#define ENTRY(name, shape, layout, relative) {#name, shape, LAYOUT_##layout},
#include "symbols.def"
#undef ENTRY
};

static int current_fd = -1;

#ifdef PROBE_STATIC
/* No dlsym: the names that libc.a has, as weak references (the build pulls them in with -u). */
#define ENTRY(name, shape, layout, relative) extern char static_##name[] __asm__(#name) __attribute__((weak));
#include "symbols.def"
#undef ENTRY

void *find_function(const struct options *options, const char *name)
{
    static const struct {
        const char *name;
        char *address;
    } functions[] = {
#define ENTRY(name, shape, layout, relative) {#name, static_##name},
#include "symbols.def"
#undef ENTRY
    };
    (void)options;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].address;
    return NULL;
}
#else
void *find_function(const struct options *options, const char *name)
{
    if (!options->library)
        return dlsym(RTLD_DEFAULT, name);
    void *library = dlopen(options->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "probe: %s\n", dlerror());
        exit(2);
    }
    return dlsym(library, name);
}
#endif

long raw_nlink(const char *path)
{
    struct kernel_statx answer;
    if (syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC, &answer) != 0)
        return -1;
    return answer.nlink;
}

/* Make one call of the stat family. The function is cast to what its shape says. */
static int call(const struct entry_point *entry, void *function, const struct options *options, const char *operand,
                int opened, void *answer)
{
    typedef int path_call(const char *, void *);
    typedef int fd_call(int, void *);
    typedef int at_call(int, const char *, void *, int);
    typedef int xpath_call(int, const char *, void *);
    typedef int xfd_call(int, int, void *);
    typedef int xat_call(int, int, const char *, void *, int);
    typedef int statx_call(int, const char *, int, unsigned, void *);
    int base = AT_FDCWD;
    int flags = (int)options->flags;
    const char *path = options->null_path ? NULL : operand;
    if (operand[0] == '@') {
        base = current_fd;
        path = operand[1] == '/' ? operand + 2 : "";
        if (!*path) {
            flags |= AT_EMPTY_PATH;
            path = options->null_path ? NULL : path;
        }
    }

    errno = ERRNO_BEFORE;
    switch (entry->shape) {
    case PATH:
    case LINK:
        return ((path_call *)function)(path, answer);
    case FD:
        return ((fd_call *)function)(opened, answer);
    case AT:
        return ((at_call *)function)(base, path, answer, flags);
    case XPATH:
    case XLINK:
        return ((xpath_call *)function)((int)options->version, path, answer);
    case XFD:
        return ((xfd_call *)function)((int)options->version, opened, answer);
    case XAT:
        return ((xat_call *)function)((int)options->version, base, path, answer, flags);
    case STATX:
        return ((statx_call *)function)(base, path, flags, options->mask, answer);
    default:
        abort();
    }
}

static void stat_family(const struct entry_point *entry, void *function, const struct options *options,
                        const char *operand)
{
    static union answer answer, first;
    size_t shown = entry->layout == LAYOUT_STATX ? STATX_SHOWN : STAT_SHOWN;
    int needs_fd = entry->shape == FD || entry->shape == XFD;
    int opened = -1, result = 0, error = 0, same = 1;
    if (needs_fd) {
        char *end;
        long number = strtol(operand, &end, 10);
        if (operand[0] == '@')
            opened = current_fd;
        else if (*operand && !*end)
            opened = (int)number;
        else
            opened = open(operand, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    for (unsigned i = 0; i < options->repeat; i++) {
        memset(&answer, UNTOUCHED, sizeof answer);
        int again = call(entry, function, options, operand, opened, &answer);
        int again_error = errno;
        if (i == 0) {
            result = again;
            error = again_error;
            first = answer;
        } else if (again != result || again_error != error || memcmp(&first, &answer, shown) != 0) {
            same = 0;
        }
    }
    unsigned long nlink =
        entry->layout == LAYOUT_STATX ? answer.statx.nlink : FIELD(answer.bytes, STAT_NLINK, stat_nlink_t);
    unsigned mode = entry->layout == LAYOUT_STATX ? answer.statx.mode : FIELD(answer.bytes, STAT_MODE, field32);
    printf("call\t%s\t%d\t%d\t%lu\t%o\t", entry->name, result, error, nlink, mode);
    for (size_t i = 0; i < shown; i++)
        printf("%02x", answer.bytes[i]);
    printf("\t%d\n", same);
    if (needs_fd && operand[0] != '@' && opened > 2)
        close(opened);
}

#if __SIZEOF_POINTER__ == 8
#define WALK_BY(walk) walk
#else
#define WALK_BY(walk)                                                                                                  \
    (entry->layout == LAYOUT_TIME64 ? walk##_time64 : entry->layout == LAYOUT_STAT64 ? walk##_64 : walk)
#endif

static void entry_point_verb(const struct entry_point *entry, const struct options *options, const char *operand)
{
    void *function = find_function(options, entry->name);
    int failed = 0;
    if (!function) {
        printf("absent\t%s\n", entry->name);
        return;
    }
    switch (entry->shape) {
    case FTS_READ:
        failed = WALK_BY(walk_fts)(options, entry->name, operand);
        break;
    case FTS_CHILDREN:
        failed = WALK_BY(walk_fts_children)(options, entry->name, operand);
        break;
    case FTW:
        failed = WALK_BY(walk_ftw)(options, entry->name, operand);
        break;
    case NFTW:
        failed = WALK_BY(walk_nftw)(options, entry->name, operand);
        break;
    default:
        stat_family(entry, function, options, operand);
        return;
    }
    printf("call\t%s\t%d\t%d\t0\t0\t\t1\n", entry->name, failed, failed ? errno : 0);
}

/* Verbs that set a scene. Return 0, or -1 with errno. */

static int do_open(const struct options *options, const char *path)
{
    current_fd = open(path, options->path_only ? O_PATH | O_NOFOLLOW : O_RDONLY);
    return current_fd < 0 ? -1 : 0;
}

static int do_unlink(const struct options *options, const char *path)
{
    (void)options;
    return unlink(path);
}

static int do_rmdir(const struct options *options, const char *path)
{
    (void)options;
    return rmdir(path);
}

static int do_chdir(const struct options *options, const char *path)
{
    (void)options;
    return chdir(path);
}

static int do_sleep(const struct options *options, const char *seconds)
{
    (void)options;
    double value = atof(seconds);
    struct timespec time = {(time_t)value, (long)((value - (double)(time_t)value) * 1e9)};
    return nanosleep(&time, NULL);
}

/* Say so, and go on when a line comes on stdin. */
static int do_pause(const struct options *options, const char *label)
{
    char line[8];
    (void)options;
    printf("paused\t%s\n", label);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) ? 0 : -1;
}

/* Fork; the rest runs in the child, and the parent ends as the child does. */
static int do_fork(const struct options *options, const char *unused)
{
    (void)options, (void)unused;
    fflush(stdout);
    pid_t child = fork();
    if (child > 0) {
        int status;
        while (waitpid(child, &status, 0) < 0)
            ;
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return child < 0 ? -1 : 0;
}

static int do_raw(const struct options *options, const char *path)
{
    (void)options;
    printf("raw\t%ld\n", raw_nlink(path));
    return 0;
}

static int do_close(const struct options *options, const char *number)
{
    (void)options;
    return close(atoi(number));
}

static int do_watch(const struct options *options, const char *unused)
{
    (void)unused;
    return watch(options, current_fd);
}

static const struct verb {
    const char *name;
    int (*run)(const struct options *options, const char *operand);
} verbs[] = {
    {"open", do_open},
    {"unlink", do_unlink},
    {"rmdir", do_rmdir},
    {"chdir", do_chdir},
    {"close", do_close},
    {"sleep", do_sleep},
    {"pause", do_pause},
    {"fork", do_fork},
    {"raw", do_raw},
    {"watch", do_watch},
    {"clearenv", do_clearenv},
    {"euid", do_euid},
    {"chroot", do_chroot},
    {"limit", do_limit},
    {"fill", do_fill},
    {"list", do_list},
    {"deny", do_deny},
    {"steal", do_steal},
    {"state", do_state},
    {"storm-child", storm_child},
    {"storm-threads", storm_threads},
    {"storm-signals", storm_signals},
    {"storm-walks", storm_walks},
    {"storm-trampolines", storm_trampolines},
    {"storm-unlinks", storm_unlinks},
    {"storm-descriptors", storm_descriptors},
};

static int set_option(struct options *options, const char *text)
{
    const char *value = strchr(text, '=');
    if (!value)
        return 0;
    size_t length = (size_t)(value++ - text);
#define IS(key) (length == sizeof key - 1 && strncmp(text, key, length) == 0)
    if (IS("flags"))
        options->flags = (unsigned)strtoul(value, NULL, 0);
    else if (IS("mask"))
        options->mask = (unsigned)strtoul(value, NULL, 0);
    else if (IS("version"))
        options->version = (unsigned)strtoul(value, NULL, 0);
    else if (IS("repeat"))
        options->repeat = (unsigned)strtoul(value, NULL, 0);
    else if (IS("threads"))
        options->threads = (unsigned)strtoul(value, NULL, 0);
    else if (IS("interval"))
        options->interval = (unsigned)strtoul(value, NULL, 0);
    else if (IS("seconds"))
        options->seconds = atof(value);
    else if (IS("want"))
        options->want = strtoul(value, NULL, 0);
    else if (IS("null"))
        options->null_path = atoi(value);
    else if (IS("path-only"))
        options->path_only = atoi(value);
    else if (IS("in"))
        options->library = value;
    else
        return 0;
#undef IS
    return 1;
}

static void expand(const char *operand, char *text, size_t size)
{
    const char *place = strstr(operand, "{fd}");
    if (place)
        snprintf(text, size, "%.*s%d%s", (int)(place - operand), operand, current_fd, place + 4);
    else
        snprintf(text, size, "%s", operand);
}

static int run_verb(const char *name, const struct options *options, const char *operand)
{
    for (size_t i = 0; i < sizeof entry_points / sizeof *entry_points; i++) {
        if (strcmp(entry_points[i].name, name) == 0) {
            entry_point_verb(&entry_points[i], options, operand);
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            int failed = verbs[i].run(options, operand);
            if (failed)
                fprintf(stderr, "probe: %s %s: %s\n", name, operand, strerror(errno));
            return failed;
        }
    }
    fprintf(stderr, "probe: unknown verb %s\n", name);
    return -1;
}

int probe_main(int argc, char **argv)
{
    static const struct options defaults = {
        .mask = STATX_BASIC, .version = XSTAT_VERSION, .repeat = 1, .threads = 8, .seconds = 1.0, .want = 1};
    struct options options = defaults;
    for (int i = 1; i < argc; i++) {
        static char operand[8192];
        if (set_option(&options, argv[i]))
            continue;
        if (i + 1 == argc) {
            fprintf(stderr, "probe: %s lacks an operand\n", argv[i]);
            return 2;
        }
        expand(argv[i + 1], operand, sizeof operand);
        if (run_verb(argv[i++], &options, operand) != 0)
            return 2;
        options = defaults;
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
