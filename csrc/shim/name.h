/* Which names are ordinary: a successful lookup by one proves that the entry is linked. Pure, text only.
 *
 * Not ordinary are the names that stand for an open object: `.` and `..`, and the links of /proc, wherever that is
 * mounted, to descriptors, folders, programs and mapped files (/proc/N/fd/N, cwd, root, exe, map_files; /dev/stdin). What a symbolic link of the
 * user's leads to cannot be told from its name. */
#ifndef NLINKSHIM_NAME_H
#define NLINKSHIM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum name_kind {
    NAME_ORDINARY,
    NAME_DESCRIPTOR, /* judged as a descriptor call */
    NAME_RELATIVE,   /* one component: ordinary unless the folder it starts from is one of /proc's or /dev's */
};

/* What `path` is as it stands; `directory` tells whether it resolved to one. */
enum name_kind name_kind(const char *path, bool directory);

/* Settle a NAME_RELATIVE one: `base` is the folder it starts from, an absolute path as the kernel tells it. */
enum name_kind name_kind_from(const char *base, const char *path);

/* Letters near the two ends of a path, each with a number: where those of neighbours have a bit in common, the name
 * may not be ordinary. */
extern const struct name_letters {
    uint8_t last[256], last_but_one[256], last_but_two[256], second[256], third[256];
} name_letters;

/* Whether the two ends of a path of NAME_QUICK bytes or more show that it is ordinary. */
enum { NAME_QUICK = 3 };
static inline bool name_ends_are_plain(const char *path, const char *end)
{
    const unsigned char *first = (const unsigned char *)path, *behind = (const unsigned char *)end;
    const struct name_letters *in = &name_letters;
    return __builtin_expect(!(in->second[first[1]] & in->third[first[2]]), 1) &&
           __builtin_expect(!(in->last[behind[-1]] & in->last_but_one[behind[-2]] & in->last_but_two[behind[-3]]), 1);
}

/* For a path that they do not settle. */
bool name_is_plain_second_look(const char *path);

/* The quick look at a path: true only where name_kind says NAME_ORDINARY, and for nearly every name that is. It runs on
 * each corrected call, so it looks at no more than the two ends. */
static inline bool name_is_plain(const char *path)
{
    const char *end = text_end_beyond(path, NAME_QUICK);
    if (__builtin_expect(end && name_ends_are_plain(path, end), 1))
        return true;
    return name_is_plain_second_look(path);
}

#endif
