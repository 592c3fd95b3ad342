/* What the loader put into this process. */
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include "../shim/state.h"
#include "ask.h"
#include "walker.h"

void walk_identify_shim(struct walk_report *report)
{
    report->stale_error = statx_error();
    const struct nlinkshim_state *found = dlsym(RTLD_DEFAULT, "nlinkshim_state");
    if (!found || memcmp(found->magic, STATE_MAGIC, sizeof found->magic) != 0 || found->layout != STATE_LAYOUT)
        return;
    memcpy(report->shim_version, found->version, sizeof report->shim_version - 1);
    memcpy(report->shim_scope, found->scope, sizeof report->shim_scope - 1);
}

void walk_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}
