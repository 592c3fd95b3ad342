#include "counters.h"

#include "kernel.h"

struct counters *counters_in_use;

void counters_begin(void)
{
    struct counters *none = 0;
    __atomic_compare_exchange_n(&counters_in_use, &none, &state.own, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void counters_share(void)
{
    long page = kernel_map_shared(sizeof(struct counters));
    if (page < 0 && page >= -K_MAX_ERRNO)
        return;
    struct counters *shared = (struct counters *)page;
    *shared = state.own;
    __atomic_store_n(&state.shared, shared, __ATOMIC_RELEASE);
    __atomic_store_n(&counters_in_use, shared, __ATOMIC_RELEASE);
}
