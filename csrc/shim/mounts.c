#include "mounts.h"

#include "mountinfo.h"
#include "scope.h"
#include "statmount.h"
#include "text.h"

/* The processes of /proc that are this thread; the first since Linux 3.17. */
static const char threads[][18] = {"/proc/thread-self", "/proc/self"};
enum { THREADS = sizeof threads / sizeof *threads };
static const char working[THREADS][22] = {"/proc/thread-self/cwd", "/proc/self/cwd"};

enum { OPENINGS = 4 }; /* how often it is opened again if the host took the descriptor */

enum { EITHER_ID = K_STATX_MNT_ID | K_STATX_MNT_ID_UNIQUE };

static void append(char **end, const char *text)
{
    while (*text)
        *(*end)++ = *text++;
    **end = '\0';
}

static void append_number(char **end, unsigned number)
{
    char digits[12], *digit = digits + sizeof digits - 1;
    *digit = '\0';
    do {
        *--digit = (char)('0' + number % 10);
    } while (number /= 10);
    append(end, digit);
}

/* A file of /proc of this thread: "/proc/thread-self/fd/N" */
struct proc_link {
    char text[44];
};

static struct proc_link link_of(unsigned thread, const char *folder, int fd)
{
    struct proc_link link;
    char *end = link.text;
    append(&end, threads[thread]);
    append(&end, folder);
    if (fd >= 0)
        append_number(&end, (unsigned)fd);
    return link;
}

/* Open a file of this thread's in /proc to read. */
static int open_own(const char *name, int fd)
{
    int file = -1;
    for (unsigned thread = 0; file < 0 && thread < THREADS; thread++)
        file = kernel_open(K_AT_FDCWD, link_of(thread, name, fd).text, K_O_RDONLY);
    return file;
}

long mounts_path(int fd, char *path, size_t size)
{
    long length = -1;
    for (unsigned thread = 0; length < 0 && thread < THREADS; thread++)
        length = fd < 0 ? kernel_readlink(working[thread], path, size)
                        : kernel_readlink(link_of(thread, "/fd/", fd).text, path, size);
    return length > 0 && path[0] == '/' ? length : -1;
}

/* A descriptor of the shim's is a number that the host may take: by dup2 onto the low number that its own open()
 * did not get, or onto all numbers. What is read then ends at once, as if nothing were mounted. */
static bool was_taken(int mountinfo)
{
    char path[64];
    long length = mounts_path(mountinfo, path, sizeof path);
    if (length < 0 || length == sizeof path)
        return false; /* not told */
    return !text_ends_with(path, (size_t)length, "/mountinfo");
}

/* -1 if it cannot be had. */
static int open_mountinfo(void)
{
    int file;
    for (unsigned i = 0; i < OPENINGS && (file = open_own("/mountinfo", -1)) >= 0; i++) {
        if (!was_taken(file))
            return file;
        kernel_close(file);
    }
    return -1;
}

static __attribute__((noinline)) bool read_mountinfo(struct survey *survey)
{
    struct mountinfo info = {.survey = survey};
    mountinfo_begin(&info);
    int file = open_mountinfo();
    if (file < 0)
        return false;
    char piece[1024]; /* small: the host may be on a signal stack */
    long got;
    while ((got = kernel_read(file, piece, sizeof piece)) > 0)
        mountinfo_feed(&info, piece, (size_t)got);
    bool whole = got == 0 && !was_taken(file);
    kernel_close(file);
    return whole;
}

bool mounts_survey(struct survey *survey, uint64_t *newest)
{
    survey_start(survey);
    /* Without a vDSO an emulator stands before the kernel: valgrind writes about calls that are younger than itself. */
    survey->found.complete = scope_clock != scope_count && statmount_all(survey, newest);
    if (survey->found.complete)
        return true;
    *newest = 0;
    survey_start(survey);
    return survey->found.complete = read_mountinfo(survey);
}

/* A struct statx that no daemon is asked for. */
struct statx_answer {
    char bytes[STATX_STRUCT_SIZE] __attribute__((aligned(8)));
};

static bool ask_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx_answer *answer)
{
    path = path ? path : "";
    flags = (flags & K_AT_SYMLINK_NOFOLLOW) | K_AT_NO_AUTOMOUNT | K_AT_STATX_DONT_SYNC | (*path ? 0 : K_AT_EMPTY_PATH);
    return kernel_call(NR_STATX, dirfd, (long)path, flags, mask, (long)answer->bytes) == 0;
}

/* The mount's number, of the kinds in `mask`, or 0; `attributes` are STATX_ATTR_* that must be set. */
static uint64_t ask_mount(int dirfd, const char *path, int flags, unsigned mask, uint64_t attributes)
{
    struct statx_answer answer = {{0}};
    if (!ask_statx(dirfd, path, flags, mask, &answer) ||
        (FIELD(answer.bytes, STATX_AT_ATTRIBUTES, field64) & attributes) != attributes)
        return 0;
    return FIELD(answer.bytes, STATX_AT_MASK, field32) & mask ? FIELD(answer.bytes, STATX_AT_MNT_ID, field64) : 0;
}

/* The number behind "mnt_id:" in the fdinfo of a descriptor (Linux 3.15). */
static uint64_t ask_fdinfo(int fd)
{
    static const char label[] = "mnt_id:";
    char text[256];
    int file = open_own("/fdinfo/", fd);
    if (file < 0)
        return 0;
    long got = kernel_read(file, text, sizeof text - 1);
    kernel_close(file);
    uint64_t id = 0;
    for (long at = 0, matched = 0; at < got; at++) {
        if (label[matched])
            matched = text[at] == label[matched] ? matched + 1 : text[at] == label[0];
        else if (text[at] >= '0' && text[at] <= '9')
            id = id * 10 + (uint64_t)(text[at] - '0');
        else if (id || text[at] == '\n')
            break;
    }
    return id;
}

uint64_t mounts_id(int dirfd, const char *path, int flags)
{
    uint64_t id = ask_mount(dirfd, path, flags, K_STATX_MNT_ID, 0);
    return id || dirfd < 0 || (path && *path) ? id : ask_fdinfo(dirfd);
}

uint64_t mounts_identity(int dirfd, const char *path, int flags)
{
    uint64_t id = ask_mount(dirfd, path, flags, EITHER_ID, 0);
    return id ? id : mounts_id(dirfd, path, flags);
}

bool mounts_may_start_at(int dirfd, const char *path, int flags)
{
    struct statx_answer answer = {{0}};
    if (!ask_statx(dirfd, path, flags, 0, &answer))
        return true;
    uint64_t told = FIELD(answer.bytes, STATX_AT_ATTRIBUTES_MASK, field64);
    return !(told & K_STATX_ATTR_MOUNT_ROOT) ||
           FIELD(answer.bytes, STATX_AT_ATTRIBUTES, field64) & K_STATX_ATTR_MOUNT_ROOT;
}

bool mounts_starts_at(int dirfd, const char *path, uint64_t identity)
{
    return ask_mount(dirfd, path, K_AT_SYMLINK_NOFOLLOW, EITHER_ID, K_STATX_ATTR_MOUNT_ROOT) == identity;
}
