#include "mountinfo.h"

#include "machine.h"

/* The fields of a line, in order; any number of optional ones stand between OPTIONS and "-". */
enum { ID, PARENT, DEVICE, ROOT, MOUNT_POINT, OPTIONS, OPTIONAL };
/* After "-", counted anew. */
enum { TYPE };

/* Behind a root that has been unlinked; no path holds it. */
static const char removed[] = "//deleted";

void mountinfo_begin(struct mountinfo *info)
{
    info->field = ID;
    info->position = 0;
    info->escape_digits = 0;
    info->id = info->parent = info->major = info->minor = 0;
    info->removed = 0;
    info->dash = info->behind_dash = info->behind_colon = false;
    info->at_root = true;
    info->type[0] = '\0';
    survey_begin(info->survey);
}

static void end_line(struct mountinfo *info)
{
    if (!info->type[0])
        return; /* not a line of mountinfo */
    survey_mount(info->survey, &(struct mount){
                                   .id = info->id,
                                   .parent = info->parent,
                                   .device = device_number((uint32_t)info->major, (uint32_t)info->minor),
                                   .type = info->type,
                                   .root = info->at_root                         ? ROOT_WHOLE
                                           : info->removed == sizeof removed - 1 ? ROOT_REMOVED
                                                                                 : ROOT_PART,
                               });
}

static void end_field(struct mountinfo *info)
{
    if (info->field == MOUNT_POINT && !info->behind_dash)
        survey_end_point(info->survey, info->position);
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

static void take_root(struct mountinfo *info, size_t at, char c)
{
    info->at_root = at == 0 && c == '/';
    if (info->removed < sizeof removed - 1 && c == removed[info->removed])
        info->removed++;
    else if (c != '/')
        info->removed = 0;
    else
        info->removed = info->removed == 2 ? 2 : 1;
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
        take_root(info, at, c);
        break;
    case MOUNT_POINT:
        survey_point(info->survey, at, c);
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
