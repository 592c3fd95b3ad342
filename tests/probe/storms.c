/* Calls from places where a preload breaks first: many threads while others fork, vfork and exec; signal
 * handlers on small stacks; nested and concurrent walks; a thread that counts on the lowest descriptor. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong calls, wrong, failed, spoiled_errno;
static atomic_int over;
static const char *target;
static unsigned long want;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Sleep through interruptions. */
static void wait_for(double seconds)
{
    for (double end = now() + seconds; now() < end;)
        usleep(10000);
}

/* One answer by name and one by descriptor, both judged. */
static void look(int fd)
{
    struct stat st;
    errno = 77;
    if (stat(target, &st) != 0) {
        failed++;
    } else {
        wrong += st.st_nlink != want;
        spoiled_errno += errno != 77;
    }
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) != 0)
        failed++;
    else
        wrong += st.st_nlink != want;
    calls += 2;
}

static void begin(const struct options *options, const char *path)
{
    target = path;
    want = options->want;
    calls = wrong = failed = spoiled_errno = 0;
    over = 0;
}

static int report(const char *verb, const char *extra, unsigned long count)
{
    printf("storm\t%s\tcalls=%lu\twrong=%lu\tfailed=%lu\tspoiled_errno=%lu\t%s=%lu\n", verb, calls, wrong, failed,
           spoiled_errno, extra, count);
    return 0;
}

static void *looker(void *unused)
{
    (void)unused;
    int fd = open(target, O_PATH | O_CLOEXEC);
    while (!over)
        look(fd);
    close(fd);
    return NULL;
}

/* A child that answers by its exit status whether it saw the right count. */
static int child_status(void)
{
    struct stat st;
    return stat(target, &st) == 0 && st.st_nlink == want ? 0 : 1;
}

static atomic_ulong children, bad_children;

static void reap(pid_t child)
{
    int status;
    if (child < 0) {
        failed++;
        return;
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    children++;
    bad_children += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void *breeder(void *unused)
{
    (void)unused;
    while (!over) {
        pid_t child = fork();
        if (child == 0)
            _exit(child_status());
        reap(child);

        child = vfork();
        if (child == 0)
            _exit(child_status());
        reap(child);

        /* fork and exec of this program, which loads the preload afresh */
        child = fork();
        if (child == 0) {
            char number[24];
            snprintf(number, sizeof number, "want=%lu", want);
            execl("/proc/self/exe", "probe", number, "storm-child", target, (char *)NULL);
            _exit(127);
        }
        reap(child);
    }
    return NULL;
}

int storm_child(const struct options *options, const char *path)
{
    begin(options, path);
    _exit(child_status());
}

int storm_threads(const struct options *options, const char *path)
{
    enum { BREEDERS = 3 };
    pthread_t threads[256], breeders[BREEDERS];
    unsigned count = options->threads < 256 ? options->threads : 256;
    begin(options, path);
    children = bad_children = 0;
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, looker, NULL) != 0)
            return -1;
    for (unsigned i = 0; i < BREEDERS; i++)
        if (pthread_create(&breeders[i], NULL, breeder, NULL) != 0)
            return -1;
    wait_for(options->seconds);
    over = 1;
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < BREEDERS; i++)
        pthread_join(breeders[i], NULL);
    printf("children\t%lu\t%lu\n", children, bad_children);
    return report("threads", "bad_children", bad_children);
}

static int handler_fd;
static atomic_ulong interruptions;

static void handler(int signal)
{
    (void)signal;
    int error = errno;
    interruptions++;
    look(handler_fd);
    errno = error;
}

int storm_signals(const struct options *options, const char *path)
{
    /* The classic SIGSTKSZ, or what this processor's register frame and that leave; an overflow hits a guard page. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 8192;
#ifdef _SC_MINSIGSTKSZ
    size_t frame = (size_t)sysconf(_SC_MINSIGSTKSZ);
    size += (frame + page - 1) / page * page;
#else
    size += page;
#endif
    char *stack = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, page, PROT_NONE) != 0)
        return -1;
    stack_t alternate = {.ss_sp = stack + page, .ss_size = size};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};

    begin(options, path);
    interruptions = 0;
    handler_fd = open(path, O_PATH | O_CLOEXEC);
    if (sigaltstack(&alternate, NULL) != 0 || sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &often, NULL) != 0)
        return -1;
    for (double end = now() + options->seconds; now() < end;)
        look(handler_fd);
    setitimer(ITIMER_REAL, &never, NULL);
    return report("signals", "interruptions", interruptions);
}

/* Walks: each thread walks the tree, and each step at a folder below the top walks that folder. */

static atomic_ulong steps;
static _Thread_local unsigned depth;

static int judged_step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    steps++;
    if (type == FTW_NS)
        failed++;
    else
        wrong += st->st_nlink == 0;
    if (type == FTW_D && place->level > 0 && depth < 3) {
        depth++;
        if (nftw(path, judged_step, 8, FTW_PHYS) != 0)
            failed++;
        depth--;
    }
    return 0;
}

/* Two callbacks that end their walk at once, each with a value of its own. */
static int even_step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)path, (void)st, (void)type, (void)place;
    return 4;
}

static int odd_step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)path, (void)st, (void)type, (void)place;
    return 3;
}

static void *walker(void *count)
{
    static atomic_uint walkers;
    int odd = (int)(walkers++ % 2);
    /* Short walks that come and go, lest one be given the callback of another. Of a file: musl 1.2.3 leaks a
     * descriptor when a callback ends the walk at a folder. */
    for (unsigned i = 0; i < 20000; i++)
        wrong += nftw("/dev/null", odd ? odd_step : even_step, 8, FTW_PHYS) != (odd ? 3 : 4);
    if (nftw(target, judged_step, 8, FTW_PHYS) != 0)
        failed++;
    (*(atomic_ulong *)count)++;
    return NULL;
}

int storm_walks(const struct options *options, const char *path)
{
    pthread_t threads[256];
    unsigned count = options->threads < 256 ? options->threads : 256;
    atomic_ulong finished = 0;
    begin(options, path);
    steps = 0;
    walker(&finished);
    unsigned long alone = steps;
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, walker, &finished) != 0)
            return -1;
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    calls = steps;
    return report("walks", "missing_steps", alone * (count + 1) - steps);
}

/* One walk within the other, deeper than there are trampolines. The innermost ones pass through. */

enum { NESTING = 200 };
static unsigned level, entered, zero_steps, good_steps;

static int nested_step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)type;
    if (st->st_nlink == want)
        good_steps++;
    else if (st->st_nlink == 0)
        zero_steps++;
    else
        wrong++;
    if (place->level == 0 && level < NESTING) {
        level++;
        entered++;
        if (nftw(path, nested_step, 2, FTW_PHYS) != 0)
            failed++;
    }
    return 1; /* ends this walk; the value must come back */
}

static int nested_step_old(const char *path, const struct stat *st, int type)
{
    (void)path, (void)type;
    if (st->st_nlink != want)
        wrong++;
    return 42;
}

/* The operand is a file: each walk has one step. `after`: a later walk is corrected again. */
int storm_trampolines(const struct options *options, const char *path)
{
    begin(options, path);
    level = entered = zero_steps = good_steps = 0;
    int value = nftw(path, nested_step, 2, FTW_PHYS);
    unsigned long ended_by_step = failed; /* each inner nftw returned 1, as its step did */
    failed = 0;
    unsigned long wrong_inside = wrong;
    wrong = 0;
    int after = ftw(path, nested_step_old, 2);
    printf("trampolines\t%d\t%lu\t%u\t%u\t%u\t%lu\t%d\t%lu\n", value, ended_by_step, entered, good_steps, zero_steps,
           wrong_inside, after, wrong);
    return 0;
}

/* Files of an honest file system that are unlinked while others look at them. Each such look may see a race,
 * but a file that was unlinked before, and is held open, must show 0 throughout. The operand is a folder. */
static char racing_path[4096];
static atomic_int racing_fd = -1;

static void *racer(void *unused)
{
    (void)unused;
    while (!over) {
        struct stat st;
        int fd = racing_fd;
        if (fd >= 0)
            fstat(fd, &st);
        stat(racing_path, &st);
        calls += 2;
    }
    return NULL;
}

int storm_unlinks(const struct options *options, const char *path)
{
    pthread_t threads[256];
    unsigned count = options->threads < 256 ? options->threads : 256;
    unsigned long rounds = 0;
    char held_path[4096];
    begin(options, path);
    snprintf(racing_path, sizeof racing_path, "%s/racing", path);
    snprintf(held_path, sizeof held_path, "%s/held", path);
    int held = open(held_path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    if (held < 0 || unlink(held_path) != 0)
        return -1;
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, racer, NULL) != 0)
            return -1;
    for (double end = now() + options->seconds; now() < end; rounds++) {
        struct stat st;
        int fd = open(racing_path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
        racing_fd = fd;
        if (fd < 0 || unlink(racing_path) != 0 || fstat(held, &st) != 0)
            failed++;
        else
            wrong += st.st_nlink != 0;
        racing_fd = -1;
        close(fd);
    }
    over = 1;
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return report("unlinks", "rounds", rounds);
}

/* A host thread that frees the lowest number and expects it back, while others look. */
int storm_descriptors(const struct options *options, const char *path)
{
    pthread_t threads[256];
    unsigned count = options->threads < 256 ? options->threads : 256;
    unsigned long rounds = 0, stolen = 0;
    begin(options, path);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, looker, NULL) != 0)
            return -1;
    wait_for(0.1); /* the lookers' own descriptors are open now */
    for (double end = now() + options->seconds; now() < end; rounds++) {
        close(0);
        int got = open("/dev/null", O_RDONLY);
        if (got != 0) {
            stolen++;
            dup2(got, 0);
            close(got);
        }
    }
    over = 1;
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("rounds\t%lu\n", rounds);
    return report("descriptors", "stolen", stolen);
}
