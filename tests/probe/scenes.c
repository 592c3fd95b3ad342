/* Verbs that take something away from the process: descriptors, system calls, privileges, its root; and one that
 * watches a descriptor meanwhile. */
#define _GNU_SOURCE
#include "probe.h"

#include "machine.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

int do_clearenv(const struct options *options, const char *unused)
{
    (void)options, (void)unused;
    return clearenv();
}

int do_euid(const struct options *options, const char *user)
{
    (void)options;
    return seteuid((uid_t)atoi(user));
}

int do_chroot(const struct options *options, const char *path)
{
    (void)options;
    return chroot(path);
}

/* Descriptors below this number alone. */
int do_limit(const struct options *options, const char *number)
{
    struct rlimit limit;
    (void)options;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = (rlim_t)atoi(number);
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/* Take all descriptors but so many. */
int do_fill(const struct options *options, const char *left)
{
    int last = -1, fd;
    (void)options;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    for (int i = atoi(left); i > 0; i--)
        close(last--);
    return errno == EMFILE ? 0 : -1;
}

/* One line: the numbers of all descriptors. */
int do_list(const struct options *options, const char *label)
{
    (void)options;
    printf("descriptors\t%s\t", label);
    for (int fd = 0; fd < 20000; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    printf("\n");
    return 0;
}

/* A filter program (linux/filter.h, linux/seccomp.h, which musl has not). */
enum {
    LOAD_WORD = 0x20,
    JUMP_IF_EQUAL = 0x15,
    RETURN = 0x06,
    FILTER_MODE = 2,
    FAIL_WITH = 0x50000,
    ALLOW = 0x7fff0000
};
struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
struct filter_program {
    unsigned short length;
    struct instruction *filter;
};

/* NAME=ERRNO: that system call fails from now on. */
int do_deny(const struct options *options, const char *rule)
{
    static const struct {
        const char *name;
        unsigned number;
    } calls[] = {
        {"fcntl", SYS_fcntl},           {"statx", SYS_statx},          {"prlimit64", SYS_prlimit64}, {"openat2", 437},
        {"readlinkat", SYS_readlinkat}, {"newfstatat", NR_NEWFSTATAT}, {"statmount", 457},           {"listmount", 458},
        {"openat", SYS_openat}};
    const char *equals = strchr(rule, '=');
    (void)options;
    for (size_t i = 0; equals && i < sizeof calls / sizeof *calls; i++) {
        if (strncmp(calls[i].name, rule, (size_t)(equals - rule)) != 0)
            continue;
        struct instruction filter[] = {
            {LOAD_WORD, 0, 0, 0}, /* the number of the call */
            {JUMP_IF_EQUAL, 0, 1, calls[i].number},
            {RETURN, 0, 0, FAIL_WITH | (unsigned)atoi(equals + 1)},
            {RETURN, 0, 0, ALLOW},
        };
        struct filter_program program = {sizeof filter / sizeof *filter, filter};
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, FILTER_MODE, &program);
    }
    errno = EINVAL;
    return -1;
}

#ifdef __x86_64__
/* What the kernel hands to a filter: 16 bytes, then six arguments. */
enum { NUMBER_AT = 0, SIXTH_ARGUMENT_AT = 16 + 5 * 8, TRAP = 0x30000, OUR_OWN = 0x6e6c };
static long stolen_call;
static int thefts;

/* Whether a descriptor, or else a path, is of the mounts. */
static int is_mountinfo(int fd, const char *path)
{
    static const char name[] = "mountinfo";
    char link[32], room[64] = "";
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        syscall(SYS_readlink, link, room, sizeof room - 1);
        path = room;
    }
    size_t length = strlen(path);
    return length >= sizeof name - 1 && strcmp(path + length - (sizeof name - 1), name) == 0;
}

/* Another thread of the host takes the descriptor: right after it was opened, or before something more is read. */
static void steal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    static int reads;
    greg_t *set = ((ucontext_t *)context)->uc_mcontext.gregs;
    int opens = stolen_call == SYS_openat, saved = errno;
    int here =
        opens ? is_mountinfo(-1, (const char *)set[REG_RSI]) : is_mountinfo((int)set[REG_RDI], NULL) && reads++ > 0;
    int null = here && thefts > 0 ? (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_CLOEXEC, 0, 0, OUR_OWN) : -1;
    if (null >= 0 && !opens)
        dup2(null, (int)set[REG_RDI]);
    long result = syscall(stolen_call, set[REG_RDI], set[REG_RSI], set[REG_RDX], set[REG_R10], 0, OUR_OWN);
    if (null >= 0 && opens)
        dup2(null, (int)result);
    if (null >= 0)
        close(null), thefts--;
    set[REG_RAX] = result < 0 ? -errno : result;
    errno = saved;
}

/* CALL=TIMES: so many times, what is read of the mounts becomes another file after an `openat`, or after the first
 * `read`. */
int do_steal(const struct options *options, const char *rule)
{
    (void)options;
    struct sigaction action = {.sa_sigaction = steal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct instruction filter[] = {
        {LOAD_WORD, 0, 0, SIXTH_ARGUMENT_AT},
        {JUMP_IF_EQUAL, 2, 0, OUR_OWN},
        {LOAD_WORD, 0, 0, NUMBER_AT},
        {JUMP_IF_EQUAL, 1, 0, 0},
        {RETURN, 0, 0, ALLOW},
        {RETURN, 0, 0, TRAP},
    };
    stolen_call = filter[3].value = strncmp(rule, "openat=", 7) == 0 ? SYS_openat : SYS_read;
    thefts = atoi(strchr(rule, '=') + 1);
    sigaction(SIGSYS, &action, NULL);
    struct filter_program program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, FILTER_MODE, &program);
}
#else
/* The registers of a call are known on one machine alone. */
int do_steal(const struct options *options, const char *rule)
{
    (void)options, (void)rule;
    errno = ENOSYS;
    return -1;
}
#endif

static void interrupted(int number)
{
    (void)number;
}

/* fstat of the open file until `repeat` calls after the first count that is not 0 have been answered, with a signal
 * each `interval` microseconds. */
int watch(const struct options *options, int fd)
{
    unsigned long before = 0, zeros = 0, failed = 0, calls = 0, last = 0;
    struct sigaction action = {.sa_handler = interrupted};
    struct itimerval timer = {{0, (suseconds_t)options->interval}, {0, (suseconds_t)options->interval}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (unsigned long tries = 0; calls < options->repeat && tries < 3ul * options->repeat; tries++) {
        struct stat st;
        if (fstat(fd, &st) != 0) {
            failed++;
            continue;
        }
        last = (unsigned long)st.st_nlink;
        if (!calls && !last)
            before++;
        else
            calls++, zeros += !last;
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    printf("storm\twatch\tcalls=%lu\tzeros_before=%lu\tzeros=%lu\tfailed=%lu\tlast=%lu\n", calls, before, zeros, failed,
           last);
    return 0;
}

/* Print what the shim in this process tells of itself: `state CORRECTED LEFT_ALONE LAST_REVALIDATION`. */
int do_state(const struct options *options, const char *unused)
{
    static const struct options defaults;
    const struct nlinkshim_state *found = find_function(&defaults, "nlinkshim_state");
    (void)options, (void)unused;
    if (!found) {
        errno = ENOENT;
        return -1;
    }
    const struct counters *counted = found->shared ? found->shared : &found->own;
    printf("state\t%lu\t%lu\t%lu\n", (unsigned long)counted->corrected, (unsigned long)counted->left_alone,
           (unsigned long)found->last_revalidation);
    return 0;
}
