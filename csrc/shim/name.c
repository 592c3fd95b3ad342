#include "name.h"

static size_t length_of(const char *text)
{
    if (strlen)
        return strlen(text);
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

/* Past slashes and components `.` and `..`. */
static const char *skip_dots(const char *path)
{
    for (;;) {
        while (*path == '/')
            path++;
        const char *end = path;
        while (*end == '.')
            end++;
        if (end == path || end - path > 2 || *end != '/')
            return path;
        path = end;
    }
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

/* Under /proc, or one of the links of /dev into it; `path` is taken as starting from /. */
static bool names_a_descriptor(const char *path)
{
    path = skip_dots(path);
    if (*path != 'p' && *path != 'd')
        return false;
    if (after(path, "proc"))
        return true;
    path = after(path, "dev");
    if (!path)
        return false;
    path = skip_dots(path);
    return after(path, "fd") || after(path, "stdin") || after(path, "stdout") || after(path, "stderr");
}

#define BIT(c) (UINT32_C(1) << ((c) & 31))
const uint32_t name_second_letters[128] = {
    ['/'] = UINT32_MAX,
    ['.'] = UINT32_MAX,
    ['0' ... '9'] = 0x3ff << ('0' & 31) | BIT('/') | BIT('\0'),
    ['c'] = BIT('w'),            /* cwd */
    ['d'] = BIT('e'),            /* dev */
    ['e'] = BIT('x'),            /* exe */
    ['f'] = BIT('d'),            /* fd */
    ['m'] = BIT('a'),            /* map_files */
    ['p'] = BIT('r'),            /* proc */
    ['r'] = BIT('o'),            /* root */
    ['s'] = BIT('e') | BIT('t'), /* self, stdin, stdout, stderr */
    ['t'] = BIT('a') | BIT('h'), /* task, thread-self */
};

static bool is_number(const char *path)
{
    while (*path >= '0' && *path <= '9')
        path++;
    return !*path || *path == '/';
}

/* Could the first component be an entry of /, /dev, /proc or a folder of /proc? */
static bool starts_like_proc(const char *path)
{
    static const char names[][12] = {"cwd",  "dev",  "exe",   "fd",     "map_files", "proc",       "root",
                                     "self", "stdin", "stdout", "stderr", "task",      "thread-self"};
    path = skip_dots(path);
    if (*path >= '0' && *path <= '9')
        return is_number(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (after(path, names[i]))
            return true;
    return false;
}

static bool ends_in_dots(const char *path)
{
    size_t n = length_of(path);
    while (n && path[n - 1] == '/')
        n--;
    if (!n || path[n - 1] != '.')
        return false;
    n--;
    if (n && path[n - 1] == '.')
        n--;
    return !n || path[n - 1] == '/';
}

enum name_kind name_kind(const char *path, bool directory)
{
    if (!path || !*path)
        return NAME_DESCRIPTOR;
    if (directory && ends_in_dots(path))
        return NAME_DESCRIPTOR;
    if (*path == '/')
        return names_a_descriptor(path) ? NAME_DESCRIPTOR : NAME_ORDINARY;
    return starts_like_proc(path) ? NAME_RELATIVE : NAME_ORDINARY;
}

enum name_kind name_kind_from(const char *base, const char *path)
{
    const char *rest = skip_dots(base);
    bool special = after(rest, "proc") || after(rest, "dev") || ((!*rest || *path == '.') && names_a_descriptor(path));
    return special ? NAME_DESCRIPTOR : NAME_ORDINARY;
}
