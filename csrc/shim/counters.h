/* The counters of a process and of all that it forks, in one page that they share: so what smbd's children corrected
 * is still known when their clients, and they, have gone. A program that is started anew begins with another page. */
#ifndef NLINKSHIM_COUNTERS_H
#define NLINKSHIM_COUNTERS_H

#include "state.h"

/* The process's own, or once it is there the page. Whoever has found a next definition finds this set. */
extern struct counters *counters_in_use __attribute__((visibility("hidden")));

/* Before any next definition is told. */
void counters_begin(void);

/* Called once, by the constructor; where the page cannot be had, each process counts for itself. */
void counters_share(void);

static inline struct counters *counters(void)
{
    return __atomic_load_n(&counters_in_use, __ATOMIC_RELAXED);
}

/* Many processes add at once. */
static inline void count(uintptr_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

#endif
