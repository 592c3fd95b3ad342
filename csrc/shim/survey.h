/* What is asked of the table of mounts, and what one reading of it tells, whoever reads it: mountinfo.c from /proc, or
 * statmount.c from the kernel itself. Pure: no system call, no allocation, mount points of any length. */
#ifndef NLINKSHIM_SURVEY_H
#define NLINKSHIM_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

enum {
    SURVEY_PATHS = SCOPE_MAX_PATHS + 1,
    SURVEY_STEPS = 40, /* of more, none is known */
    SURVEY_ELSEWHERE = 4,
};

/* What a mount shows of its file system. */
enum shown { ROOT_PART, ROOT_WHOLE, ROOT_REMOVED /* an entry that has been unlinked */ };

/* One mount of the table, its mount point aside. */
struct mount {
    uint64_t id, parent; /* as in mountinfo */
    uint64_t identity;   /* the number that is never given again; 0: not told */
    uint64_t device;     /* as in st_dev */
    const char *type;
    enum shown root;
};

/* A mount that a path of the survey goes through. */
struct step {
    uint64_t identity;
    uint32_t id, parent, device;
    uint32_t paths;  /* a bit for each of them */
    uint16_t length; /* of the mount point, bytes; 0 for / */
    uint8_t traits;  /* FSTYPE_* */
};

struct survey_path {
    const char *text;
    size_t length; /* bytes; 0 for / */
};

struct survey {
    /* What is asked: zero all, then set these. */
    uint64_t device; /* which mounts show it? */
    uint64_t id;     /* one mount (as in mountinfo): what is in it, what does it show? */
    uint32_t path_count;
    struct survey_path path[SURVEY_PATHS];
    char *elsewhere; /* NULL, or room for mount points that show the device from its root, one after the other */
    size_t elsewhere_room;

    struct survey_findings {
        bool complete; /* all mounts have been read */
        /* Of the device: */
        bool device_seen, device_is_fuse;
        bool device_in_parts;     /* a mount does not show it from its root, */
        bool device_has_removed;  /* but something that has been unlinked */
        bool device_elsewhere;    /* a mount that is not `id` shows it from its root */
        uint64_t device_identity; /* of one of its mounts */
        uint32_t elsewhere_count, elsewhere_id[SURVEY_ELSEWHERE];
        size_t elsewhere_used;
        /* of the mount: */
        bool listed, whole;
        bool has_children; /* something is mounted in it, or over it */
        uint64_t id_device;
        /* and of the paths: */
        bool overflow;
        uint32_t count;
        struct step step[SURVEY_STEPS];
    } found;

    /* The mount being read. */
    uint32_t on_path;
    size_t length;
};

/* Ask for an absolute path without `.`, `..` or double slash; the text stays the caller's. Returns its number. */
unsigned survey_path(struct survey *survey, const char *text, size_t length);

/* Before the first mount, and to begin all over. */
void survey_start(struct survey *survey);

/* For each mount: begin, its mount point byte by byte, the end of that, then the rest. */
void survey_begin(struct survey *survey);
void survey_point(struct survey *survey, size_t at, char c);
void survey_end_point(struct survey *survey, size_t length);
void survey_mount(struct survey *survey, const struct mount *mount);

/* After the last mount: the one that a lookup of the path finds mounted there; NULL if there is none. */
const struct step *survey_visible(const struct survey *survey, unsigned path);

/* How much of the path is the mount point of the mount `id`, bytes (0 for /), or -1 if it does not go there. */
long survey_length(const struct survey *survey, unsigned path, uint64_t id);

/* Whether a lookup of that mount point goes by no mount that may wait, and ends on this very mount. */
bool survey_reaches(const struct survey *survey, unsigned path, uint64_t id);

/* Whether the path, from where that mount starts, goes into no other. */
bool survey_stays(const struct survey *survey, unsigned path, uint64_t id);

#endif
