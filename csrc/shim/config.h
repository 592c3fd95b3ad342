/* The settings: NLINKSHIM_SCOPE, NLINKSHIM_DIR_NLINK and NLINKSHIM_VERBOSE. */
#ifndef NLINKSHIM_CONFIG_H
#define NLINKSHIM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

enum { SCOPE_MAX_PATHS = 16 };

struct scope {
    enum scope_kind kind;
    uint32_t count;
    struct {
        uint16_t start, length; /* into the text, trailing slashes left out */
    } path[SCOPE_MAX_PATHS];
};

/* Pure: read `text` into `scope`. Returns NULL, or what is wrong with it (then `scope` means fuse). */
const char *scope_parse(struct scope *scope, const char *text);

/* Pure: the number that `text` stands for, 1 or 2, or 0 if it is neither. */
uint32_t directory_nlink_parse(const char *text);

/* The value of `name` (given with its '=') in a NULL-terminated environment, or NULL. */
const char *environment_value(char *const *environment, const char *name);

/* Read the environment once, copying what is needed (hosts overwrite theirs). An empty setting is none. `fallback` serves while libc
 * has not set `environ` yet. Returns whether the settings are there. */
bool configure(char *const *fallback);

/* Whether the settings are there, reading them if this is the first call of all. */
static inline bool configured(void)
{
    return __builtin_expect(__atomic_load_n(&state.configured, __ATOMIC_ACQUIRE) == 1, 1) || configure(0);
}

/* Write the one line that NLINKSHIM_VERBOSE=1 asks for, if it does. */
void announce(char *const *fallback);

extern struct scope scope;

#endif
