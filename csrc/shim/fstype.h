/* What the type of a file system tells of it. Pure. */
#ifndef NLINKSHIM_FSTYPE_H
#define NLINKSHIM_FSTYPE_H

enum {
    FSTYPE_FUSE = 1,
    FSTYPE_COUNTS = 2,   /* a path of the scope may mean a mount of it */
    FSTYPE_WAITS = 4,    /* a lookup in it may wait for a daemon or a server */
    FSTYPE_TRIGGERS = 8, /* so it may where another mount stands on it already: autofs */
};

/* FSTYPE_* of a type as mountinfo ("fuse.sshfs") or statmount ("fuse") spells it. */
unsigned fstype_traits(const char *type);

#endif
