#include "survey.h"

#include "fstype.h"

unsigned survey_path(struct survey *survey, const char *text, size_t length)
{
    survey->path[survey->path_count] = (struct survey_path){text, length == 1 ? 0 : length};
    return survey->path_count++;
}

void survey_start(struct survey *survey)
{
    survey->found = (struct survey_findings){.count = 0};
}

void survey_begin(struct survey *survey)
{
    survey->on_path = (1u << survey->path_count) - 1;
    survey->length = 0;
}

void survey_point(struct survey *survey, size_t at, char c)
{
    for (uint32_t i = 0; survey->on_path >> i; i++) {
        const struct survey_path *path = &survey->path[i];
        bool same = at == 0 ? c == '/' : at < path->length && path->text[at] == c;
        survey->on_path &= ~((uint32_t)!same << i);
    }
    if (survey->elsewhere && survey->found.elsewhere_used + at < survey->elsewhere_room)
        survey->elsewhere[survey->found.elsewhere_used + at] = c;
}

void survey_end_point(struct survey *survey, size_t length)
{
    survey->length = length;
    if (length > 1)
        for (uint32_t i = 0; survey->on_path >> i; i++) {
            const struct survey_path *path = &survey->path[i];
            bool whole = length == path->length || (length < path->length && path->text[length] == '/');
            survey->on_path &= ~((uint32_t)!whole << i);
        }
    if (length == 0)
        survey->on_path = 0;
}

static void note_device(struct survey *survey, const struct mount *mount, unsigned traits)
{
    survey->found.device_seen = true;
    survey->found.device_is_fuse |= (traits & FSTYPE_FUSE) != 0;
    survey->found.device_in_parts |= mount->root != ROOT_WHOLE;
    survey->found.device_has_removed |= mount->root == ROOT_REMOVED;
    survey->found.device_identity = mount->identity;
    if (mount->root != ROOT_WHOLE)
        return;
    survey->found.device_elsewhere |= mount->id != survey->id;
    size_t end = survey->found.elsewhere_used + survey->length;
    if (survey->elsewhere && end < survey->elsewhere_room && survey->found.elsewhere_count < SURVEY_ELSEWHERE) {
        survey->elsewhere[end] = '\0';
        survey->found.elsewhere_id[survey->found.elsewhere_count++] = (uint32_t)mount->id;
        survey->found.elsewhere_used = end + 1;
    }
}

/* Of a mount that is covered where it stands, nothing but the cover is looked up: let that take its place. */
static void make_room(struct survey *survey)
{
    for (uint32_t i = 0; i < survey->found.count; i++)
        for (uint32_t j = 0; j < survey->found.count; j++) {
            struct step *covered = &survey->found.step[i], *cover = &survey->found.step[j];
            if (i == j || cover->parent != covered->id || cover->length != covered->length ||
                cover->paths != covered->paths || covered->id == survey->id)
                continue;
            cover->parent = covered->parent;
            cover->traits |= covered->traits & (FSTYPE_WAITS | FSTYPE_TRIGGERS);
            *covered = survey->found.step[--survey->found.count];
            return;
        }
}

void survey_mount(struct survey *survey, const struct mount *mount)
{
    unsigned traits = fstype_traits(mount->type);
    if (mount->device == survey->device)
        note_device(survey, mount, traits);
    if (mount->id == survey->id) {
        survey->found.listed = true;
        survey->found.whole = mount->root == ROOT_WHOLE;
        survey->found.id_device = mount->device;
    } else {
        survey->found.has_children |= mount->parent == survey->id;
    }
    if (!survey->on_path)
        return;
    if (survey->found.count == SURVEY_STEPS)
        make_room(survey);
    if (survey->found.count == SURVEY_STEPS) {
        survey->found.overflow = true;
        return;
    }
    survey->found.step[survey->found.count++] = (struct step){
        .identity = mount->identity,
        .id = (uint32_t)mount->id,
        .parent = (uint32_t)mount->parent,
        .device = (uint32_t)mount->device,
        .paths = survey->on_path,
        .length = (uint16_t)(survey->length > 1 ? survey->length : 0),
        .traits = (uint8_t)traits,
    };
}

static bool is_on(const struct step *step, unsigned path)
{
    return step->paths >> path & 1;
}

static const struct step *step_of(const struct survey *survey, unsigned path, uint64_t id)
{
    for (uint32_t i = 0; i < survey->found.count; i++)
        if (is_on(&survey->found.step[i], path) && survey->found.step[i].id == id)
            return &survey->found.step[i];
    return NULL;
}

/* The mount that a lookup along the path meets next in `from`, or first of all if that is NULL: the one that stands
 * nearest to where it starts. What the first stands on is not listed. */
static const struct step *next_of(const struct survey *survey, unsigned path, const struct step *from)
{
    const struct step *next = NULL;
    for (uint32_t i = 0; i < survey->found.count; i++) {
        const struct step *step = &survey->found.step[i];
        if (!is_on(step, path) || step == from)
            continue;
        bool follows = from ? step->parent == from->id && step->length >= from->length
                            : step->parent == step->id || !step_of(survey, path, step->parent);
        if (follows && (!next || step->length < next->length))
            next = step;
    }
    return next;
}

const struct step *survey_visible(const struct survey *survey, unsigned path)
{
    const struct step *step = NULL, *next = next_of(survey, path, NULL);
    for (uint32_t i = 0; next && i < survey->found.count; i++) {
        step = next;
        next = next_of(survey, path, step);
    }
    return step && step->length == survey->path[path].length ? step : NULL;
}

long survey_length(const struct survey *survey, unsigned path, uint64_t id)
{
    const struct step *mount = step_of(survey, path, id);
    return mount ? mount->length : -1;
}

bool survey_reaches(const struct survey *survey, unsigned path, uint64_t id)
{
    const struct step *mount = step_of(survey, path, id), *step = next_of(survey, path, NULL);
    if (!mount || survey->found.overflow)
        return false;
    for (uint32_t i = 0; step && step != mount && i < survey->found.count; i++) {
        /* What stands at / is where the host lives itself, and what stands at the mount point is not looked into. */
        bool passed = step->length && step->length < mount->length;
        if (step->traits & FSTYPE_TRIGGERS || (step->traits & FSTYPE_WAITS && passed))
            return false;
        step = next_of(survey, path, step);
    }
    const struct step *next = step == mount ? next_of(survey, path, mount) : NULL;
    return step == mount && !(next && next->length == mount->length);
}

bool survey_stays(const struct survey *survey, unsigned path, uint64_t id)
{
    const struct step *mount = step_of(survey, path, id);
    return mount && !next_of(survey, path, mount) && !survey->found.overflow;
}
