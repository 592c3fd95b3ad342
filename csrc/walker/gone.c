#include "gone.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compare.h"
#include "listing.h"
#include "slot.h"

enum { PASSES = 3 };

void gone_note(struct gone *gone, const char *name)
{
    size_t size = strlen(name) + 1;
    gone->count++;
    if (gone->kept == GONE_NAMES || size > sizeof gone->names - gone->size)
        return;
    gone->start[gone->kept++] = (uint16_t)gone->size;
    memcpy(gone->names + gone->size, name, size);
    gone->size += size;
}

/* A call is made: the thread does not hang. */
/* Whether the entry is still missing. */
static bool is_missing(int fd, const char *name, struct walk_slot *slot)
{
    struct stat st;
    tick(slot);
    return raw_fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && error_of_vanished(errno);
}

/* One listing: a bit for each name that is in it and missing. */
static uint64_t listed_and_missing(const struct gone *gone, uint64_t suspected, int fd, char *buffer, size_t size,
                                   struct walk_slot *slot)
{
    uint64_t missing = 0;
    const struct record *record = NULL;
    struct listing_mark mark = {0};
    if (lseek(fd, 0, SEEK_SET) != 0)
        return 0;
    for (long got; tick(slot), (got = syscall(SYS_getdents64, fd, buffer, size)) > 0;) {
        for (long at = 0; at < got; at += record->length) {
            record = (const struct record *)(buffer + at);
            for (unsigned i = 0; i < gone->kept; i++)
                if (suspected >> i & 1 && strcmp(gone->names + gone->start[i], record->name) == 0 &&
                    is_missing(fd, record->name, slot))
                    missing |= UINT64_C(1) << i;
        }
        if (listing_goes_round(&mark, record))
            break;
    }
    return missing;
}

unsigned gone_ghosts(const struct gone *gone, int fd, void *buffer, size_t size, const char **first,
                     struct walk_slot *slot)
{
    uint64_t missing = ~UINT64_C(0);
    for (int pass = 0; pass < PASSES && missing; pass++)
        missing = listed_and_missing(gone, missing, fd, buffer, size, slot);
    unsigned ghosts = 0;
    for (unsigned i = gone->kept; i-- > 0;)
        if (missing >> i & 1) {
            *first = gone->names + gone->start[i];
            ghosts++;
        }
    /* The names that had no room are taken for what most of the others are. */
    return ghosts * 2 > gone->kept ? ghosts + gone->count - gone->kept : ghosts;
}
