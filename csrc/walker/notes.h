/* Other lies than that about the link count, from what the walk has in hand and from bounded samples. They are told as
 * notes, and change nothing else: calls made for them that fail are forgotten. */
#ifndef NLINKSHIM_NOTES_H
#define NLINKSHIM_NOTES_H

#include <stdint.h>
#include <sys/stat.h>

struct folder;
struct place;
struct record;
struct walk;

/* What the first names of a folder were listed with. */
struct listed {
    uint64_t path; /* a hash */
    unsigned count;
    struct {
        uint64_t name, inode; /* a hash */
    } first[8];
};

/* Before the walk, and behind it: notes_end asks once more where time had to pass, and frees. The phase is NOTING then,
 * so that a call that hangs takes nothing back. */
void notes_begin(struct walk *walk);
void notes_end(struct walk *walk);

/* A folder was opened, one of its names listed, and an entry looked at (`folder` NULL: the root itself). `raw` is the
 * first answer, `number` the entry's place in the walk. One thread lists a folder, while others look already. */
void notes_open(struct folder *folder);
void notes_listed(struct folder *folder, const struct record *record);
void notes_looked(struct walk *walk, const struct folder *folder, const struct place *place, const struct stat *raw,
                  uint64_t number);

#endif
