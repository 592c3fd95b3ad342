#include "name.h"

/* What a letter can belong to, by its place: a number of one digit or of more, one of `links`, or, where it is a
 * slash or dot, anything. */
enum { DIGIT = 1, NUMBER = 2, CWD = 4, EXE = 8, STDIN = 16, STDERR = 32, ROOT_OR_STDOUT = 64, ANY = 128 };
/* The same for the start of an absolute path. */
enum { PROC = 1, DEV = 2 };

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define BIT(bits, condition) ((condition) ? (bits) : 0)
#define LAST(c)                                                                                                        \
    (BIT(ANY, (c) == '/' || (c) == '.') | BIT(CWD, (c) == 'd') | BIT(EXE, (c) == 'e') | BIT(STDIN, (c) == 'n') |       \
     BIT(STDERR, (c) == 'r') | BIT(ROOT_OR_STDOUT, (c) == 't') | BIT(DIGIT | NUMBER, IS_DIGIT(c))),
#define LAST_BUT_ONE(c)                                                                                                \
    (ANY | BIT(CWD, (c) == 'w') | BIT(EXE, (c) == 'x') | BIT(STDIN, (c) == 'i') | BIT(STDERR, (c) == 'r') |            \
     BIT(ROOT_OR_STDOUT, (c) == 'o' || (c) == 'u') | BIT(DIGIT, (c) == '/') | BIT(NUMBER, IS_DIGIT(c))),
#define LAST_BUT_TWO(c)                                                                                                \
    (ANY | DIGIT | BIT(CWD, (c) == 'c') | BIT(EXE | STDERR, (c) == 'e') | BIT(STDIN, (c) == 'd') |                     \
     BIT(ROOT_OR_STDOUT, (c) == 'o') | BIT(NUMBER, (c) == '/' || IS_DIGIT(c))),
#define SECOND(c) (BIT(ANY, (c) == '/' || (c) == '.') | BIT(PROC, (c) == 'p') | BIT(DEV, (c) == 'd')),
#define THIRD(c) (ANY | BIT(PROC, (c) == 'r') | BIT(DEV, (c) == 'e')),

#define FOUR(X, c) X((c)) X((c) + 1) X((c) + 2) X((c) + 3)
#define SIXTEEN(X, c) FOUR(X, c) FOUR(X, (c) + 4) FOUR(X, (c) + 8) FOUR(X, (c) + 12)
#define SIXTY_FOUR(X, c) SIXTEEN(X, c) SIXTEEN(X, (c) + 16) SIXTEEN(X, (c) + 32) SIXTEEN(X, (c) + 48)
/* clang-format off */
#define EACH_LETTER(X) {SIXTY_FOUR(X, 0) SIXTY_FOUR(X, 64) SIXTY_FOUR(X, 128) SIXTY_FOUR(X, 192)}
/* clang-format on */
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
    const char *rest = text_after(path, name);
    return rest && (!*rest || *rest == '/') ? rest : NULL;
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
    if (!IS_DIGIT(*path))
        return false;
    while (IS_DIGIT(*path))
        path++;
    return !*path || *path == '/';
}

static bool is_address_letter(char c)
{
    return c >= 'a' && c <= 'f';
}

static const char *skip_address(const char *path)
{
    while (IS_DIGIT(*path) || is_address_letter(*path))
        path++;
    return path;
}

/* START-END in hexadecimal digits, the addresses of pages: a link in map_files. */
static bool is_range(const char *path)
{
    const char *dash = skip_address(path), *end = *dash == '-' ? skip_address(dash + 1) : path;
    return dash > path && end > dash + 3 && end[-1] == '0' && end[-2] == '0' && end[-3] == '0' &&
           (!*end || *end == '/');
}

static bool is_one_of(const char *path, const char (*names)[8], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (*path == *names[i] && after(path, names[i]))
            return true;
    return false;
}
#define IS_ONE_OF(path, names) is_one_of(path, names, sizeof(names) / sizeof *(names))

static const char dots[][8] = {".", ".."};
/* The last components that can be links of /proc to an open object, besides numbers and ranges; and of /dev to such
 * links. */
static const char objects[][8] = {"cwd", "root", "exe"}, streams[][8] = {"stdin", "stdout", "stderr"};

static bool may_be_link(const char *last)
{
    return is_number(last) || is_range(last) || IS_ONE_OF(last, objects) || IS_ONE_OF(last, streams);
}

/* Whether that component, in this folder, is one of them, wherever /proc and /dev are mounted. */
static bool is_link_in(const char *folder, const char *last)
{
    if (is_number(last))
        return after(folder, "fd");
    if (is_range(last))
        return after(folder, "map_files");
    if (IS_ONE_OF(last, streams))
        return after(folder, "dev");
    return is_number(folder) || after(folder, "self") || after(folder, "thread-self");
}

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

/* The last component, and the one before it without any `.`, or NULL; `climbs` tells whether one before it is `..`. */
static const char *last_component(const char *path, const char **folder, bool *climbs)
{
    *climbs = false;
    *folder = NULL;
    for (const char *last = path = skip_slashes(path);; last = path) {
        while (*path && *path != '/')
            path++;
        path = skip_slashes(path);
        if (!*path)
            return last;
        *climbs |= after(last, "..") != NULL;
        if (!after(last, "."))
            *folder = last;
    }
}

bool name_is_plain_second_look(const char *path)
{
    const char *end = text_end(path);
    /* Short ones that are not ordinary end in a dot, a slash or a digit: those come before the letters. */
    if (end > path && end < path + 3 && end[-1] > '9')
        return true;
    if (*path == '/' && (path[1] == '/' || path[1] == '.' || after(path + 1, "proc") || after(path + 1, "dev")))
        return false;
    if (end > path && end[-1] == '/') {
        while (end > path && end[-1] == '/')
            end--;
        if (end >= path + NAME_QUICK && name_ends_are_plain(path, end))
            return true;
    }
    const char *last = end;
    while (last > path && IS_DIGIT(last[-1]))
        last--;
    bool numbered = last < end; /* by what may be all of a number, or the end of a range */
    if (numbered && last > path && last[-1] != '/' && last[-1] != '-' && !is_address_letter(last[-1]))
        return true;
    while (last > path && last[-1] != '/')
        last--;
    if (numbered)
        return !is_number(last) && !is_range(last);
    if (end < last + 3)
        return end > last && *last != '.';
    return end > last + 6 || (!IS_ONE_OF(last, objects) && !IS_ONE_OF(last, streams));
}

enum name_kind name_kind(const char *path, bool directory)
{
    bool climbs;
    const char *folder;
    if (!path || !*path)
        return NAME_DESCRIPTOR;
    const char *last = last_component(path, &folder, &climbs);
    if (directory && IS_ONE_OF(last, dots))
        return NAME_DESCRIPTOR;
    if (*path == '/' && names_a_descriptor(path))
        return NAME_DESCRIPTOR;
    if (!may_be_link(last))
        return NAME_ORDINARY;
    if (climbs || (folder && is_link_in(folder, last)))
        return NAME_DESCRIPTOR;
    return folder || *path == '/' ? NAME_ORDINARY : NAME_RELATIVE;
}

enum name_kind name_kind_from(const char *base, const char *path)
{
    const char *folder = base + text_length(base);
    while (folder > base && folder[-1] != '/')
        folder--;
    bool special = after(base, "/proc") || after(base, "/dev") || is_link_in(folder, skip_dots(path));
    return special ? NAME_DESCRIPTOR : NAME_ORDINARY;
}
