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

/* libc's own: fast, safe in a signal handler, and known to valgrind. There is none before this object is relocated. */
extern size_t strlen(const char *) __attribute__((weak));

/* Letters near the two ends of a path, each with a number: where those of neighbours have a bit in common, the name
 * may not be ordinary. */
extern const struct name_letters {
    uint8_t last[256], last_but_one[256], last_but_two[256], second[256], third[256];
} name_letters __attribute__((visibility("hidden")));

/* For a path that the quick look does not settle. */
bool name_is_plain_second_look(const char *path, size_t length);

/* The quick look at a path of this length: true only where name_kind says NAME_ORDINARY, and for nearly every name
 * that is. It runs on each corrected call, so it reads no more than the two ends. */
static inline bool name_is_plain(const char *path, size_t length)
{
    const unsigned char *letter = (const unsigned char *)path;
    const struct name_letters *in = &name_letters;
    if (__builtin_expect(length >= 3, 1) && __builtin_expect(!(in->second[letter[1]] & in->third[letter[2]]), 1) &&
        __builtin_expect(!(in->last[letter[length - 1]] & in->last_but_one[letter[length - 2]] &
                           in->last_but_two[letter[length - 3]]), 1))
        return true;
    return name_is_plain_second_look(path, length);
}

#endif
