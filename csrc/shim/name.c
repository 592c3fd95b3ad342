#include "name.h"

#define BIT(c) (UINT32_C(1) << ((c) & 31))
#define DIGITS (UINT32_C(0x3ff) << ('0' & 31))
const uint32_t name_endings[128] = {
    ['/'] = UINT32_MAX,
    ['.'] = BIT('/') | BIT('.'),
    ['0' ... '9'] = DIGITS | BIT('/'),
    ['d'] = BIT('w'), /* cwd */
    ['e'] = BIT('x'), /* exe */
    ['n'] = BIT('i'), /* stdin */
    ['r'] = BIT('r'), /* stderr */
    ['t'] = BIT('o') | BIT('u'), /* root, stdout */
};

/* Past slashes. */
static const char *skip_slashes(const char *path)
{
    while (*path == '/')
        path++;
    return path;
}

/* What follows the first component if that is `name`, else NULL. */
static const char *after(const char *path, const char *name)
{
    while (*name && *path == *name)
        path++, name++;
    if (*name || (*path && *path != '/'))
        return NULL;
    return path;
}

/* Past slashes and components `.` and `..`. */
static const char *skip_dots(const char *path)
{
    for (;;) {
        path = skip_slashes(path);
        const char *rest = after(path, ".");
        if (!rest)
            rest = after(path, "..");
        if (!rest || !*rest)
            return path;
        path = rest;
    }
}

static bool is_number(const char *path)
{
    if (*path < '0' || *path > '9')
        return false;
    while (*path >= '0' && *path <= '9')
        path++;
    return !*path || *path == '/';
}

static bool is_one_of(const char *path, const char (*names)[12], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (after(path, names[i]))
            return true;
    return false;
}
#define IS_ONE_OF(path, names) is_one_of(path, names, sizeof(names) / sizeof *(names))

static const char dots[][12] = {".", ".."};
/* The last components that can be links of /proc to an open object, besides numbers; two of /dev lead there. */
static const char links[][12] = {"cwd", "root", "exe", "stdin", "stdout", "stderr"};
/* The first components that a path to one of them can have where it starts in /, /dev or a folder of /proc. */
static const char beginnings[][12] = {"cwd",  "dev",  "exe",    "fd",     "proc", "root",
                                      "self", "stdin", "stdout", "stderr", "task", "thread-self"};

/* Under /proc, or one of the links of /dev into it; `path` is taken as starting from /. */
static bool names_a_descriptor(const char *path)
{
    path = skip_dots(path);
    if (after(path, "proc"))
        return true;
    path = after(path, "dev");
    if (!path)
        return false;
    path = skip_dots(path);
    return after(path, "fd") || after(path, "stdin") || after(path, "stdout") || after(path, "stderr");
}

/* The last component; `climbs` tells whether one before it is `..`. */
static const char *last_component(const char *path, bool *climbs)
{
    *climbs = false;
    for (const char *last = path = skip_slashes(path);; last = path) {
        while (*path && *path != '/')
            path++;
        path = skip_slashes(path);
        if (!*path)
            return last;
        *climbs |= after(last, "..") != NULL;
    }
}

enum name_kind name_kind(const char *path, bool directory)
{
    bool climbs;
    if (!path || !*path)
        return NAME_DESCRIPTOR;
    const char *last = last_component(path, &climbs);
    if (directory && IS_ONE_OF(last, dots))
        return NAME_DESCRIPTOR;
    if (*path == '/' && names_a_descriptor(path))
        return NAME_DESCRIPTOR;
    if (!is_number(last) && !IS_ONE_OF(last, links))
        return NAME_ORDINARY;
    if (climbs)
        return NAME_DESCRIPTOR;
    if (*path == '/')
        return NAME_ORDINARY;
    path = skip_dots(path);
    return is_number(path) || IS_ONE_OF(path, beginnings) ? NAME_RELATIVE : NAME_ORDINARY;
}

enum name_kind name_kind_from(const char *base, const char *path)
{
    const char *rest = skip_dots(base);
    bool special = after(rest, "proc") || after(rest, "dev") || (!*rest && names_a_descriptor(path));
    return special ? NAME_DESCRIPTOR : NAME_ORDINARY;
}
