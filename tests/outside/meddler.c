/* A preload that stands for a wrong shim: it changes what the real one answered, for the entries it is told to.
 *
 * MEDDLE is words joined by commas:
 *   dev=MINOR            of the mount it meddles with (major 0)
 *   what=FIELD           nlink (set to value=N), size, mtime, ino, mode (changed), fails (errno value=N)
 *   each=K, rest=R       entries whose inode number leaves R when divided by K
 *   kind=MODE            entries of this S_IFMT alone (decimal)
 *   entry=NAME           this entry point alone;  fresh=1  statx with AT_STATX_FORCE_SYNC alone
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FORCE_SYNC 0x2000

static bool word(const char *key, char value[24])
{
    const char *at = getenv("MEDDLE");
    size_t length = strlen(key);
    for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, key, length) == 0 && at[length] == '=') {
            size_t size = strcspn(at + length + 1, ",");
            size = size < 23 ? size : 23;
            memcpy(value, at + length + 1, size);
            value[size] = '\0';
            return true;
        }
    return false;
}

static uint64_t number(const char *key, uint64_t otherwise)
{
    char value[24];
    return word(key, value) ? strtoull(value, NULL, 10) : otherwise;
}

static bool chosen(const char *entry, bool fresh, unsigned major, unsigned minor, uint64_t inode, unsigned mode)
{
    char name[24];
    return major == 0 && minor == number("dev", UINT32_MAX) && inode % number("each", 1) == number("rest", 0) &&
           (mode & S_IFMT) == number("kind", mode & S_IFMT) && (!word("entry", name) || strcmp(name, entry) == 0) &&
           (fresh || !number("fresh", 0));
}

#define CHANGE(answer, nlink, size, mtime, ino, mode)                                                                 \
    do {                                                                                                              \
        char what[24] = "";                                                                                           \
        word("what", what);                                                                                           \
        if (strcmp(what, "nlink") == 0)                                                                               \
            (answer)->nlink = number("value", 0);                                                                     \
        else if (strcmp(what, "size") == 0)                                                                           \
            (answer)->size++;                                                                                         \
        else if (strcmp(what, "mtime") == 0)                                                                          \
            (answer)->mtime++;                                                                                        \
        else if (strcmp(what, "ino") == 0)                                                                            \
            (answer)->ino++;                                                                                          \
        else if (strcmp(what, "mode") == 0)                                                                           \
            (answer)->mode ^= 0111;                                                                                   \
        else if (strcmp(what, "fails") == 0)                                                                          \
            return (errno = (int)number("value", EIO), -1);                                                           \
    } while (0)

static int meddle(const char *entry, int result, struct stat *st)
{
    if (result == 0 && chosen(entry, false, major(st->st_dev), minor(st->st_dev), st->st_ino, st->st_mode))
        CHANGE(st, st_nlink, st_size, st_mtim.tv_nsec, st_ino, st_mode);
    return result;
}

static int meddle_statx(int result, int flags, struct statx *stx)
{
    bool fresh = flags & FORCE_SYNC;
    if (result == 0 && chosen("statx", fresh, stx->stx_dev_major, stx->stx_dev_minor, stx->stx_ino, stx->stx_mode))
        CHANGE(stx, stx_nlink, stx_size, stx_mtime.tv_nsec, stx_ino, stx_mode);
    return result;
}

#define WRAP(name, arguments, ...)                                                                                    \
    int name(__VA_ARGS__)                                                                                             \
    {                                                                                                                 \
        static int (*next)(__VA_ARGS__);                                                                              \
        if (!next)                                                                                                    \
            next = (int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);                                                     \
        return meddle(#name, next arguments, (struct stat *)st);                                                      \
    }

WRAP(stat, (path, st), const char *path, struct stat *st)
WRAP(stat64, (path, st), const char *path, struct stat64 *st)
WRAP(lstat, (path, st), const char *path, struct stat *st)
WRAP(lstat64, (path, st), const char *path, struct stat64 *st)
WRAP(fstat, (fd, st), int fd, struct stat *st)
WRAP(fstat64, (fd, st), int fd, struct stat64 *st)
WRAP(fstatat, (dir, path, st, flags), int dir, const char *path, struct stat *st, int flags)
WRAP(fstatat64, (dir, path, st, flags), int dir, const char *path, struct stat64 *st, int flags)
WRAP(__xstat, (version, path, st), int version, const char *path, struct stat *st)
WRAP(__xstat64, (version, path, st), int version, const char *path, struct stat64 *st)
WRAP(__lxstat, (version, path, st), int version, const char *path, struct stat *st)
WRAP(__lxstat64, (version, path, st), int version, const char *path, struct stat64 *st)
WRAP(__fxstat, (version, fd, st), int version, int fd, struct stat *st)
WRAP(__fxstat64, (version, fd, st), int version, int fd, struct stat64 *st)
WRAP(__fxstatat, (version, dir, path, st, flags), int version, int dir, const char *path, struct stat *st, int flags)
WRAP(__fxstatat64, (version, dir, path, st, flags), int version, int dir, const char *path, struct stat64 *st, int flags)

int statx(int dir, const char *path, int flags, unsigned mask, struct statx *stx)
{
    static int (*next)(int, const char *, int, unsigned, struct statx *);
    if (!next)
        next = (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
    return meddle_statx(next(dir, path, flags, mask, stx), flags, stx);
}
