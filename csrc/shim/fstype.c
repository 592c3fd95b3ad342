#include "fstype.h"

#include "text.h"

/* The types that answer from the machine itself: no lookup on them waits for a daemon or a server. A path of the
 * scope counts unless it is one of those that `counts` rules out: every Kubernetes volume is a mount point, and a
 * FUSE mount that is missing must not put what lies below it in scope. */
static const struct local {
    char type[12];
    bool counts;
} locals[] = {
    {"ext2", false},       {"ext3", false},     {"ext4", false},     {"xfs", false},     {"btrfs", false},
    {"f2fs", false},       {"zfs", false},      {"tmpfs", false},    {"ramfs", false},   {"proc", false},
    {"sysfs", false},      {"devtmpfs", false}, {"rootfs", true},    {"devpts", true},   {"cgroup", true},
    {"cgroup2", true},     {"mqueue", true},    {"hugetlbfs", true}, {"debugfs", true},  {"tracefs", true},
    {"securityfs", true},  {"configfs", true},  {"bpf", true},       {"pstore", true},   {"efivarfs", true},
    {"binfmt_misc", true}, {"squashfs", true},  {"erofs", true},     {"iso9660", true},  {"udf", true},
    {"vfat", true},        {"exfat", true},     {"ntfs3", true},     {"bcachefs", true}, {"jfs", true},
    {"reiserfs", true},    {"nilfs2", true},
};

/* "fuse" and "fuseblk", alone or with a subtype. */
static bool is_fuse(const char *type)
{
    const char *rest = text_after(type, "fuse");
    if (rest && text_after(rest, "blk"))
        rest = text_after(rest, "blk");
    return rest && (!*rest || *rest == '.');
}

unsigned fstype_traits(const char *type)
{
    unsigned traits = FSTYPE_COUNTS | FSTYPE_WAITS | (is_fuse(type) ? FSTYPE_FUSE : 0);
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++)
        if (text_equals(type, locals[i].type))
            traits = locals[i].counts ? FSTYPE_COUNTS : 0;
    if (text_after(type, "ext"))
        traits = 0;
    return traits | (text_equals(type, "autofs") ? FSTYPE_TRIGGERS : 0);
}
