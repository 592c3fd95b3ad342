/* The native side of verify: walks a tree in parallel, compares raw with interposed answers, and writes all it
 * finds into a `struct walk_report` that lies in memory shared with the parent process. So what is known
 * survives a walk that hangs or is killed. This file is also read by cffi: declarations only, no directives
 * but these plain constants. */

#define WALK_PATH_SIZE 4096
#define WALK_MAX_SAMPLES 64
#define WALK_NAMES_SIZE 65536
#define WALK_ERRNOS 134 /* errno numbers, 0 for what lies beyond */
#define WALK_MAX_JOBS 64

/* What is wrong with an entry; 0: a lie that was corrected. */
#define PROBLEM_NONE 0
#define PROBLEM_LEFT_ZERO 1     /* still 0 */
#define PROBLEM_WRONG_COUNT 2   /* neither what it was nor what it should be */
#define PROBLEM_FIELD_CHANGED 3 /* another field differs: `field` names it */
#define PROBLEM_FAILED 4        /* the raw call succeeded, this one did not: `error` */

#define WALK_STARTING 0
#define WALK_WALKING 1
#define WALK_NOTING 2 /* all is walked; what is asked now concerns notes alone */
#define WALK_DONE 3

/* Other lies than that about the link count: none changes the verdict. What each says is in nlinkshim/verifier/notes.py. */
#define NOTE_MTIME_MOVES 0
#define NOTE_LOOKUP_DIFFERS 1
#define NOTE_STATFS_ZERO 2
#define NOTE_STATFS_FAILS 3
#define NOTE_INODE_ZERO 4
#define NOTE_INODE_LISTED 5
#define NOTE_INODE_SHARED 6
#define NOTE_INODE_CHANGES 7
#define NOTE_BLOCKS_ZERO 8
#define NOTE_NAME_NOT_UTF8 9
#define NOTE_NAME_RESERVED 10
#define WALK_NOTES 11
#define WALK_NOTE_EXAMPLES 3

/* Why SMB cannot carry a name. */
#define NAME_NOT_UTF8 1
#define NAME_RESERVED 2 /* it has a reserved character, or ends in a dot or a space */

struct walk_options {
    uint32_t jobs;                  /* threads, WALK_MAX_JOBS at most */
    uint32_t thorough;              /* ask the daemon afresh for every entry, not for the sample alone */
    uint32_t every_entry_point;     /* compare all entry points for every entry, not for the sample alone */
    uint32_t sample;                /* one entry in this many is looked at closely; the root and the first 16 always */
    uint32_t directory_nlink;       /* what a directory's 0 shall become */
    uint64_t max_entries;           /* 0: no limit */
    const char *const *local_types; /* a folder of one of them is not walked; NULL-terminated, empty: all are */
    const char *const *excludes;    /* fnmatch(3) patterns, NULL-terminated; those with a '/' match relative paths */
};

struct walk_sample {
    char path[WALK_PATH_SIZE]; /* bytes as the file system gave them, terminated */
    char entry_point[24];
    char field[16];
    uint32_t problem;
    int32_t error;
    uint64_t raw, patched; /* link counts */
};

struct walk_note {
    uint64_t count; /* entries that lie so */
    /* Bits: for LOOKUP_DIFFERS what differs (see notes.c); for STATFS_FAILS the errno, 0: no answer. */
    uint32_t details;
    uint32_t example_count;
    char examples[WALK_NOTE_EXAMPLES][WALK_PATH_SIZE];
};

/* What is counted for nearly every entry, by each thread for itself: two that write one counter wait for each other. */
struct walk_counts {
    uint64_t judged;
    uint64_t lies;                   /* of these, live and with a count of 0 */
    uint64_t corrected;              /* of the lies, right in every answer */
    uint64_t looked_for[WALK_NOTES]; /* entries that were looked at for a note; 0: all of them */
};

/* What one thread is doing: if `ticks` stands still, it hangs there. `lookups` is how many names the call under way
 * may look up at most, 0 for one: a slow daemon takes its time for each. */
struct walk_slot {
    uint64_t ticks;
    struct walk_counts counts;
    uint32_t busy;
    uint32_t lookups;
    char folder[WALK_PATH_SIZE]; /* relative to the root; "" is the root itself */
    char name[256];
};

struct walk_report {
    uint32_t phase;
    uint32_t stop; /* set by either side to end early */

    /* the shim in this process; version empty: not loaded */
    char shim_version[32];
    char shim_scope[4096];

    /* the root */
    int32_t root_error;                  /* errno, 0: it could be opened */
    uint64_t root_mount_id;              /* 0: the kernel does not tell */
    uint32_t root_path_is_literal;       /* no symbolic link was followed, as far as it could be */
    char root_real_path[WALK_PATH_SIZE]; /* symbolic links followed; empty: not known */

    /* Entries: each that was looked at is judged (see struct walk_counts), unsettled, vanished or among the errors. */
    uint64_t left;                /* of the lies, still 0 */
    uint64_t wrong;               /* judged ones that were changed as they must not be */
    uint64_t moved;               /* judged, while other fields changed by themselves */
    uint64_t unsettled;           /* count or type never stood still */
    uint64_t vanished;            /* not there when it was their turn */
    uint64_t ghosts;              /* of these, still listed and still not there */
    uint64_t endless;             /* folders whose listing goes round: read once, and left */
    uint64_t errors;              /* could not be read */
    uint64_t unread[WALK_ERRNOS]; /* the same by errno */
    uint64_t transient;           /* calls that failed, and worked when they were repeated */
    uint64_t closely;             /* looked at by all entry points, and asked afresh */
    int32_t stale_error;          /* errno of statx, without which nothing can be asked afresh; 0: it answers */
    uint32_t limited;             /* max_entries was reached */
    int32_t dead_error;           /* errno of a dead connection: the walk ended there */
    int32_t first_error;          /* errno */
    char first_error_path[WALK_PATH_SIZE];
    char first_ghost_path[WALK_PATH_SIZE];
    char first_endless_path[WALK_PATH_SIZE];
    uint64_t entries;        /* counted up by all threads, so it lies apart from what they read all the time */
    uint32_t root_is_file;   /* it was judged, and there is nothing to walk */
    uint32_t root_is_folder; /* of this host's own file systems, and no mount: it was not walked */

    /* Folders that other file systems are mounted on: not entered. Their paths from the root, terminated, one behind
     * the other, as far as they fit. */
    uint64_t mounts_below;
    uint32_t mounts_below_size;
    char mounts_below_paths[WALK_NAMES_SIZE];

    uint32_t sample_count;
    struct walk_sample samples[WALK_MAX_SAMPLES];

    struct walk_note notes[WALK_NOTES];

    uint32_t slot_count;
    struct walk_slot slots[WALK_MAX_JOBS];
};

/* Walk `root` and fill `report`. Returns when the walk is over; a call that hangs keeps it from returning. */
void walk_run(struct walk_report *report, const char *root, const struct walk_options *options);

/* What this process has of the loader and the kernel: fills shim_version, shim_scope and stale_error. */
void walk_identify_shim(struct walk_report *report);

/* The NAME_* bits that hold for a name, 0: SMB carries it as it is. */
uint32_t walk_smb_name(const char *name);

/* Be killed when the parent dies. */
void walk_die_with_parent(void);
