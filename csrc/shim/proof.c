#include "proof.h"

#include "kernel.h"
#include "name.h"

enum { PATH_SIZE = 2048 }; /* longer ones prove nothing: the host may be on a signal stack */

/* "/proc/thread-self/cwd" or ".../fd/N" */
struct proc_link {
    char text[40];
};

static void append(char **end, const char *text)
{
    while (*text)
        *(*end)++ = *text++;
    **end = '\0';
}

static struct proc_link link_of(const char *process, int fd)
{
    struct proc_link link;
    char *end = link.text;
    append(&end, process);
    if (fd == K_AT_FDCWD) {
        append(&end, "cwd");
        return link;
    }
    append(&end, "fd/");
    char digits[12], *digit = digits + sizeof digits - 1;
    *digit = '\0';
    unsigned number = (unsigned)fd;
    do {
        *--digit = (char)('0' + number % 10);
    } while (number /= 10);
    append(&end, digit);
    return link;
}

/* The path of what `fd` (or AT_FDCWD) stands for, as this process sees it. Returns its length or -1. */
static long path_of(int fd, char *path)
{
    long length = kernel_readlink(link_of("/proc/thread-self/", fd).text, path, PATH_SIZE);
    if (length < 0)
        length = kernel_readlink(link_of("/proc/self/", fd).text, path, PATH_SIZE);
    return length > 0 && path[0] == '/' ? length : -1;
}

/* Does `path`, its last link not followed, lead to the entry of `device` (and `inode`, unless 0), and does
 * that entry report 0? */
static bool reports_zero(const char *path, uint64_t device, uint64_t inode)
{
    char answer[STAT_STRUCT_SIZE] __attribute__((aligned(8))) = {0};
    if (kernel_call(NR_NEWFSTATAT, K_AT_FDCWD, (long)path, (long)answer,
                    K_AT_SYMLINK_NOFOLLOW | K_AT_NO_AUTOMOUNT, 0) != 0)
        return false;
    return FIELD(answer, STAT_DEV, field64) == device && (!inode || FIELD(answer, STAT_INO, field64) == inode) &&
           FIELD(answer, STAT_NLINK, stat_nlink_t) == 0;
}

/* The open file, found again by its name, still reports 0. */
static bool open_file_lies(int fd, uint64_t device, uint64_t inode)
{
    static const char suffix[] = " (deleted)";
    char path[PATH_SIZE];
    long length = path_of(fd, path);
    if (length < 0 || !inode)
        return false;
    if (reports_zero(path, device, inode))
        return true;
    /* FUSE drops cached names of files that live on, and then the suffix is false. */
    long end = length - (long)(sizeof suffix - 1);
    for (unsigned i = 0; i < sizeof suffix - 1; i++)
        if (end <= 0 || path[end + i] != suffix[i])
            return false;
    path[end] = '\0';
    return reports_zero(path, device, inode);
}

/* A root cannot be unlinked: if it reports 0, the file system does not count. It may be hidden under another
 * mount at some of the places where it is mounted. */
static bool root_lies(uint64_t device)
{
    enum { PLACES = 4 };
    char path[PATH_SIZE];
    for (unsigned skip = 0; skip < PLACES && scope_root(device, skip, path, sizeof path); skip++)
        if (reports_zero(path, device, 0))
            return true;
    return false;
}

/* What the open file shows decides this call alone: while an unlink is under way on an honest file system, it
 * can be found by its name with a count of 0 already. */
static bool open_entry_lies(const struct lookup *lookup, const struct entry *entry)
{
    if (!lookup->path || !*lookup->path)
        return open_file_lies(lookup->dirfd, entry->device, entry->inode);
    int follow = lookup->flags & K_AT_SYMLINK_NOFOLLOW ? K_O_NOFOLLOW : 0;
    int fd = kernel_open(lookup->dirfd, lookup->path, K_O_PATH | follow);
    if (fd < 0)
        return false;
    bool lies = open_file_lies(fd, entry->device, entry->inode);
    kernel_close(fd);
    return lies;
}

/* Settle a relative name that could be one of /proc by the folder it starts from. */
static bool starts_outside_proc(const struct lookup *lookup)
{
    char path[PATH_SIZE];
    return path_of(lookup->dirfd, path) > 0 && name_kind_from(path, lookup->path) == NAME_ORDINARY;
}

bool is_lie(const struct lookup *lookup, const struct entry *entry)
{
    struct coarse_time now;
    uintptr_t stamp = scope_stamp(&now);
    enum verdict verdict = scope_cached(entry->device, stamp);
    if (verdict == VERDICT_NONE)
        verdict = scope_revalidate(lookup, entry->device, stamp);
    if (verdict < VERDICT_INSIDE)
        return verdict == VERDICT_LIAR;

    enum name_kind kind = name_kind(lookup->path, entry->directory);
    if (kind == NAME_ORDINARY || (kind == NAME_RELATIVE && starts_outside_proc(lookup)))
        return true;

    bool lies = open_entry_lies(lookup, entry);
    if (verdict == VERDICT_INSIDE) {
        verdict = root_lies(entry->device) ? VERDICT_LIAR : VERDICT_COUNTS;
        scope_remember(entry->device, stamp, verdict);
    }
    return lies || verdict == VERDICT_LIAR;
}
