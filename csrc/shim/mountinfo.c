#include "mountinfo.h"

#include "machine.h"

/* The fields of a line, in order; any number of optional ones stand between OPTIONS and "-". */
enum { ID, PARENT, DEVICE, ROOT, MOUNT_POINT, OPTIONS, OPTIONAL };
/* After "-", counted anew. */
enum { TYPE };

/* The types that answer from the machine itself: no lookup on them waits for a daemon or a server. A path of the
 * scope counts unless it is one of those that `counts` rules out: every Kubernetes volume is a mount point, and a
 * FUSE mount that is missing must not put what lies below it in scope. */
static const struct local {
    char type[12];
    bool counts;
} locals[] = {
    {"ext2", false},      {"ext3", false},      {"ext4", false},     {"xfs", false},      {"btrfs", false},
    {"f2fs", false},      {"zfs", false},       {"tmpfs", false},    {"ramfs", false},    {"proc", false},
    {"sysfs", false},     {"devtmpfs", false},  {"rootfs", true},    {"devpts", true},    {"cgroup", true},
    {"cgroup2", true},    {"mqueue", true},     {"hugetlbfs", true}, {"debugfs", true},   {"tracefs", true},
    {"securityfs", true}, {"configfs", true},   {"bpf", true},       {"pstore", true},    {"efivarfs", true},
    {"binfmt_misc", true}, {"squashfs", true},  {"erofs", true},     {"iso9660", true},   {"udf", true},
    {"vfat", true},       {"exfat", true},      {"ntfs3", true},     {"bcachefs", true},  {"jfs", true},
    {"reiserfs", true},   {"nilfs2", true},
};

static bool starts_with(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return !*prefix;
}

static bool equals(const char *text, const char *other)
{
    return starts_with(text, other) && starts_with(other, text);
}

static bool is_fuse(const char *type)
{
    return equals(type, "fuse") || starts_with(type, "fuse.") || equals(type, "fuseblk");
}

static const struct local *local(const char *type)
{
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++)
        if (equals(type, locals[i].type))
            return &locals[i];
    return NULL;
}

static bool never_counts(const char *type)
{
    const struct local *known = local(type);
    return starts_with(type, "ext") || (known && !known->counts);
}

void mountinfo_begin(struct mountinfo *info)
{
    info->field = ID;
    info->position = 0;
    info->escape_digits = 0;
    info->id = info->parent = info->major = info->minor = 0;
    info->length = 0;
    info->candidates = info->scope ? (1u << info->scope->count) - 1 : 0;
    info->dash = info->behind_dash = info->behind_colon = false;
    info->at_root = info->on_path = true;
    info->type[0] = '\0';
}

static void end_line_of_scope(struct mountinfo *info, uint64_t device)
{
    if (device == info->device) {
        info->device_seen = true;
        info->device_is_fuse |= is_fuse(info->type);
    }
    for (uint32_t i = 0; i < info->scope->count; i++) {
        struct top *top = &info->top[i];
        /* A mount stacked on another has it as parent, whatever the order of the lines. */
        if (!(info->candidates >> i & 1) || (top->found && top->parent == info->id))
            continue;
        *top = (struct top){info->id, info->parent, device, true, !never_counts(info->type)};
    }
}

static void end_line_of_walk(struct mountinfo *info, uint64_t device)
{
    struct walk *walk = info->walk;
    walk->has_children |= info->parent == walk->id && info->id != walk->id;
    if (info->id == walk->id) {
        walk->listed = true;
        walk->whole = info->at_root;
    } else {
        walk->has_others |= device == walk->device && info->at_root;
    }
    if (walk->elsewhere && !walk->elsewhere_found && device == walk->device && info->at_root) {
        walk->elsewhere_found = info->length < walk->elsewhere_size && walk->elsewhere_skip-- == 0;
        walk->elsewhere_id = info->id;
    }
    if (!info->on_path)
        return;
    if (walk->count == WALK_STEPS) {
        walk->overflow = true;
        return;
    }
    walk->step[walk->count++] = (struct step){
        .id = (uint32_t)info->id,
        .parent = (uint32_t)info->parent,
        .length = (uint16_t)info->length,
        .waits = !starts_with(info->type, "ext") && !local(info->type),
        .triggers = equals(info->type, "autofs"),
    };
}

static void end_line(struct mountinfo *info)
{
    uint64_t device = device_number(info->major, info->minor);
    if (!info->type[0])
        return; /* not a line of mountinfo */
    if (info->walk)
        end_line_of_walk(info, device);
    else
        end_line_of_scope(info, device);
}

static void end_mount_point_of_walk(struct mountinfo *info)
{
    struct walk *walk = info->walk;
    size_t length = info->position;
    if (info->on_path && length == 1)
        length = 0; /* / */
    else if (info->on_path)
        info->on_path = walk->path[length] == '/' || !walk->path[length];
    info->length = length;
    if (walk->elsewhere && !walk->elsewhere_found && info->position < walk->elsewhere_size)
        walk->elsewhere[info->position] = '\0';
}

static void end_field(struct mountinfo *info)
{
    if (info->field == MOUNT_POINT && !info->behind_dash) {
        if (info->walk)
            end_mount_point_of_walk(info);
        else
            for (uint32_t i = 0; i < info->scope->count; i++)
                if (info->scope->path[i].length != info->position)
                    info->candidates &= ~(1u << i);
    }
    if (!info->behind_dash && info->dash && info->position == 1) {
        info->behind_dash = true;
        info->field = TYPE;
    } else {
        info->field++;
    }
    info->dash = false;
    info->position = 0;
}

static void digit(uint64_t *number, char c)
{
    if (c >= '0' && c <= '9')
        *number = *number * 10 + (uint64_t)(c - '0');
}

static void take_mount_point(struct mountinfo *info, size_t at, char c)
{
    struct walk *walk = info->walk;
    if (!walk) {
        for (uint32_t i = 0; i < info->scope->count; i++)
            if (at >= info->scope->path[i].length || info->scope_text[info->scope->path[i].start + at] != c)
                info->candidates &= ~(1u << i);
        return;
    }
    info->on_path = info->on_path && walk->path[at] && walk->path[at] == c;
    if (walk->elsewhere && !walk->elsewhere_found && at < walk->elsewhere_size)
        walk->elsewhere[at] = c;
}

/* One decoded byte of the field being read. */
static void take(struct mountinfo *info, char c)
{
    size_t at = info->position++;
    if (info->behind_dash) {
        if (info->field == TYPE && at < sizeof info->type - 1) {
            info->type[at] = c;
            info->type[at + 1] = '\0';
        }
        return;
    }
    switch (info->field) {
    case ID:
        digit(&info->id, c);
        break;
    case PARENT:
        digit(&info->parent, c);
        break;
    case DEVICE:
        if (c == ':')
            info->behind_colon = true;
        else
            digit(info->behind_colon ? &info->minor : &info->major, c);
        break;
    case ROOT:
        info->at_root = at == 0 && c == '/';
        break;
    case MOUNT_POINT:
        take_mount_point(info, at, c);
        break;
    default:
        if (at == 0)
            info->dash = info->field >= OPTIONAL && c == '-';
        break;
    }
}

void mountinfo_feed(struct mountinfo *info, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (info->escape_digits) {
            info->escape_value = info->escape_value * 8 + ((unsigned)c & 7);
            if (--info->escape_digits == 0)
                take(info, (char)info->escape_value);
        } else if (c == '\\') {
            info->escape_digits = 3;
            info->escape_value = 0;
        } else if (c == ' ') {
            end_field(info);
        } else if (c == '\n') {
            end_field(info);
            end_line(info);
            mountinfo_begin(info);
        } else {
            take(info, c);
        }
    }
}

bool mountinfo_in_scope(const struct mountinfo *info, uint64_t id)
{
    if (info->scope->kind == SCOPE_FUSE)
        return info->device_is_fuse;
    for (uint32_t i = 0; i < info->scope->count; i++) {
        const struct top *top = &info->top[i];
        if (top->found && top->counts && (id ? top->id == id : top->device == info->device))
            return true;
    }
    return false;
}

static const struct step *step_of(const struct walk *walk, uint64_t id)
{
    for (unsigned i = 0; i < walk->count; i++)
        if (walk->step[i].id == id)
            return &walk->step[i];
    return NULL;
}

long walk_length(const struct walk *walk)
{
    const struct step *mount = step_of(walk, walk->id);
    return mount ? mount->length : -1;
}

bool walk_reaches(const struct walk *walk)
{
    const struct step *mount = step_of(walk, walk->id), *step = mount, *parent;
    if (!mount || walk->overflow)
        return false;
    /* From the mount down through those that it stands on. Where they end, or at /, the host lives itself. */
    unsigned chained = 1;
    while (chained < walk->count && (parent = step_of(walk, step->parent)) && parent != step) {
        bool passed = parent->length && parent->length < mount->length;
        if (parent->length > step->length || parent->triggers || (parent->waits && passed))
            return false;
        step = parent;
        chained++;
    }
    /* A mount at or above the mount point that is none of them hides it. */
    for (unsigned i = 0; i < walk->count; i++)
        if (walk->step[i].length <= mount->length)
            chained--;
    return chained == 0;
}

bool walk_stays(const struct walk *walk)
{
    long length = walk_length(walk);
    for (unsigned i = 0; i < walk->count; i++)
        if (walk->step[i].length > length)
            return false;
    return length >= 0 && !walk->overflow;
}
