/* Which names are ordinary: a successful lookup by one proves that the entry is linked. Pure, text only. */
#ifndef NLINKSHIM_NAME_H
#define NLINKSHIM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum name_kind {
    NAME_ORDINARY,
    NAME_DESCRIPTOR, /* names an open object, not an entry: judged as a descriptor call */
    NAME_RELATIVE,   /* ordinary unless the folder it starts from lies in /proc, /dev or is / */
};

/* What `path` is as it stands; `directory` tells whether it resolved to one. */
enum name_kind name_kind(const char *path, bool directory);

/* Settle a NAME_RELATIVE one: `base` is the folder it starts from, an absolute path. */
enum name_kind name_kind_from(const char *base, const char *path);

/* The second letters with which a first component could be one of /, /dev or /proc, a bit a letter (mod 32). */
extern const uint32_t name_second_letters[128] __attribute__((visibility("hidden")));

/* libc's own is fast, safe in a signal handler, and known to valgrind; there is none before relocation. */
extern size_t strlen(const char *) __attribute__((weak));

/* The quick look: true only where name_kind says NAME_ORDINARY, and for nearly every name. This runs on each
 * corrected call; only a directory can be reached by `.` or `..`, so nothing else pays for finding the end. */
static inline bool name_is_plain(const char *path, bool directory)
{
    if (!path)
        return false;
    path += *path == '/';
    if (!*path || name_second_letters[*path & 127] >> (path[1] & 31) & 1)
        return false;
    if (!directory)
        return true;
    if (!strlen)
        return false;
    char last = path[strlen(path) - 1];
    return last != '.' && last != '/';
}

#endif
