#include "mountinfo.h"

#include "machine.h"

/* The fields of a line, in order; any number of optional ones stand between OPTIONS and "-". */
enum { ID, PARENT, DEVICE, ROOT, MOUNT_POINT, OPTIONS, OPTIONAL };
/* After "-", counted anew. */
enum { TYPE };

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

/* Every Kubernetes volume is a mount point: a FUSE mount that is missing must not put what lies below it
 * in scope. */
static bool never_counts(const char *type)
{
    static const char names[][9] = {"xfs",   "btrfs", "f2fs",  "zfs",     "tmpfs",
                                    "ramfs", "proc",  "sysfs", "devtmpfs"};
    if (starts_with(type, "ext"))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (equals(type, names[i]))
            return true;
    return false;
}

void mountinfo_begin(struct mountinfo *info)
{
    info->field = ID;
    info->position = 0;
    info->escape_digits = 0;
    info->id = info->parent = info->major = info->minor = 0;
    info->candidates = (1u << info->scope->count) - 1;
    info->dash = info->behind_dash = info->behind_colon = info->too_long = false;
    info->at_root = true;
    info->type[0] = '\0';
}

static void end_line(struct mountinfo *info)
{
    uint64_t device = device_number(info->major, info->minor);
    if (!info->type[0])
        return; /* not a line of mountinfo */
    if (device == info->device) {
        info->device_seen = true;
        info->device_is_fuse |= is_fuse(info->type);
        if (info->root && !info->root_found && info->at_root && !info->too_long) {
            if (info->root_skip)
                info->root_skip--;
            else
                info->root_found = true;
        }
    }
    for (uint32_t i = 0; i < info->scope->count; i++) {
        struct top *top = &info->top[i];
        /* A mount stacked on another has it as parent, whatever the order of the lines. */
        if (!(info->candidates >> i & 1) || (top->found && top->parent == info->id))
            continue;
        *top = (struct top){info->id, info->parent, device, true, !never_counts(info->type)};
    }
}

static void end_field(struct mountinfo *info)
{
    if (info->field == MOUNT_POINT && !info->behind_dash) {
        for (uint32_t i = 0; i < info->scope->count; i++)
            if (info->scope->path[i].length != info->position)
                info->candidates &= ~(1u << i);
        if (info->root && !info->root_found) {
            if (info->position < info->root_size)
                info->root[info->position] = '\0';
            else
                info->too_long = true;
        }
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
        for (uint32_t i = 0; i < info->scope->count; i++)
            if (at >= info->scope->path[i].length || info->scope_text[info->scope->path[i].start + at] != c)
                info->candidates &= ~(1u << i);
        if (info->root && !info->root_found && at < info->root_size)
            info->root[at] = c;
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
