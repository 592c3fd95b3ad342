/* Which names are ordinary: a successful lookup by one proves that the entry is linked. Pure, text only.
 *
 * Not ordinary are the names that stand for an open object: `.` and `..`, and the links of /proc that lead to
 * descriptors, folders and programs (/proc/N/fd/N, cwd, root, exe; /dev/stdin). What a symbolic link of the
 * user's leads to cannot be told from its name. */
#ifndef NLINKSHIM_NAME_H
#define NLINKSHIM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum name_kind {
    NAME_ORDINARY,
    NAME_DESCRIPTOR, /* judged as a descriptor call */
    NAME_RELATIVE,   /* ordinary unless the folder it starts from lies in /proc or /dev or is / */
};

/* What `path` is as it stands; `directory` tells whether it resolved to one. */
enum name_kind name_kind(const char *path, bool directory);

/* Settle a NAME_RELATIVE one: `base` is the folder it starts from, an absolute path. */
enum name_kind name_kind_from(const char *base, const char *path);

/* libc's own: fast, safe in a signal handler, and known to valgrind. */
extern size_t strlen(const char *) __attribute__((weak));

/* For the last letter of a name, the letters (a bit each, mod 32) before it with which it could be one that is
 * not ordinary. '/' stands for the start of the name. */
extern const uint32_t name_endings[128] __attribute__((visibility("hidden")));

/* Whether an absolute path could lie in /proc or /dev, by its first letters. */
static inline bool name_starts_specially(const char *path)
{
    const uint64_t letters = UINT64_C(1) << ('p' & 63) | UINT64_C(1) << ('d' & 63) | UINT64_C(1) << ('/' & 63) |
                             UINT64_C(1) << ('.' & 63);
    return path[0] == '/' && letters >> (path[1] & 63) & 1 && (path[1] != 'd' || path[2] == 'e');
}

/* The quick look: true only where name_kind says NAME_ORDINARY, and for nearly every name. It runs on each
 * corrected call, so it reads no more than the two ends. Not to be called before this object is relocated:
 * there is no strlen then. */
static inline bool name_is_plain(const char *path)
{
    if (!path)
        return false;
    size_t length = strlen(path);
    if (length < 2 || name_starts_specially(path))
        return false;
    if (!(name_endings[path[length - 1] & 127] >> (path[length - 2] & 31) & 1))
        return true;
    while (length && path[length - 1] >= '0' && path[length - 1] <= '9')
        length--;
    return length && path[length - 1] != '/' && path[length] >= '0' && path[length] <= '9';
}

#endif
