#include "name.h"

/* What a letter can belong to, by its place: a number of one digit or of more, one of `links`, or, where it is a
 * slash or dot, anything. */
enum { DIGIT = 1, NUMBER = 2, CWD = 4, EXE = 8, STDIN = 16, STDERR = 32, ROOT_OR_STDOUT = 64, ANY = 128 };
/* The same for the start of an absolute path. */
enum { PROC = 1, DEV = 2 };

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define BIT(bits, condition) ((condition) ? (bits) : 0)
#define LAST(c)                                                                                                      \
    (BIT(ANY, (c) == '/' || (c) == '.') | BIT(CWD, (c) == 'd') | BIT(EXE, (c) == 'e') | BIT(STDIN, (c) == 'n') |     \
     BIT(STDERR, (c) == 'r') | BIT(ROOT_OR_STDOUT, (c) == 't') | BIT(DIGIT | NUMBER, IS_DIGIT(c))),
#define LAST_BUT_ONE(c)                                                                                              \
    (ANY | BIT(CWD, (c) == 'w') | BIT(EXE, (c) == 'x') | BIT(STDIN, (c) == 'i') | BIT(STDERR, (c) == 'r') |          \
     BIT(ROOT_OR_STDOUT, (c) == 'o' || (c) == 'u') | BIT(DIGIT, (c) == '/') | BIT(NUMBER, IS_DIGIT(c))),
#define LAST_BUT_TWO(c)                                                                                              \
    (ANY | DIGIT | BIT(CWD, (c) == 'c') | BIT(EXE | STDERR, (c) == 'e') | BIT(STDIN, (c) == 'd') |                   \
     BIT(ROOT_OR_STDOUT, (c) == 'o') | BIT(NUMBER, (c) == '/' || IS_DIGIT(c))),
#define SECOND(c) (BIT(ANY, (c) == '/' || (c) == '.') | BIT(PROC, (c) == 'p') | BIT(DEV, (c) == 'd')),
#define THIRD(c) (ANY | BIT(PROC, (c) == 'r') | BIT(DEV, (c) == 'e')),

#define FOUR(X, c) X((c)) X((c) + 1) X((c) + 2) X((c) + 3)
#define SIXTEEN(X, c) FOUR(X, c) FOUR(X, (c) + 4) FOUR(X, (c) + 8) FOUR(X, (c) + 12)
#define SIXTY_FOUR(X, c) SIXTEEN(X, c) SIXTEEN(X, (c) + 16) SIXTEEN(X, (c) + 32) SIXTEEN(X, (c) + 48)
#define EACH_LETTER(X) {SIXTY_FOUR(X, 0) SIXTY_FOUR(X, 64) SIXTY_FOUR(X, 128) SIXTY_FOUR(X, 192)}
const struct name_letters name_letters = {
    EACH_LETTER(LAST), EACH_LETTER(LAST_BUT_ONE), EACH_LETTER(LAST_BUT_TWO), EACH_LETTER(SECOND), EACH_LETTER(THIRD),
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

bool name_is_plain_second_look(const char *path, size_t length)
{
    /* Short ones that are not ordinary end in a dot, a slash or a digit: those come before the letters. */
    if (length && length < 3 && path[length - 1] > '9')
        return true;
    if (*path == '/' && (path[1] == '/' || path[1] == '.' || after(path + 1, "proc") || after(path + 1, "dev")))
        return false;
    if (length && path[length - 1] == '/') {
        while (length && path[length - 1] == '/')
            length--;
        return name_is_plain(path, length);
    }
    size_t start = length;
    while (start && IS_DIGIT(path[start - 1]))
        start--;
    if (start < length)
        return start && path[start - 1] != '/';
    while (start && path[start - 1] != '/')
        start--;
    size_t size = length - start;
    if (size < 3)
        return size && path[start] != '.';
    return size > 6 || !IS_ONE_OF(path + start, links);
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
