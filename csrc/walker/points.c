#include "points.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int find_place(const char *path, uint32_t *literal)
{
    enum { NR_OPENAT2 = 437, NO_SYMLINKS = 0x4 }; /* <linux/openat2.h> is newer than the oldest headers */
    const uint64_t how[3] = {O_PATH | O_CLOEXEC, 0, NO_SYMLINKS};
    *literal = 1;
    int place = (int)syscall(NR_OPENAT2, AT_FDCWD, path, how, sizeof how);
    if (place >= 0 || (errno != ELOOP && errno != ENOSYS && errno != EPERM))
        return place;
    *literal = 0;
    return open(path, O_PATH | O_CLOEXEC);
}

uint64_t mount_id_of(int fd)
{
    char name[40], line[128];
    uint64_t id = 0;
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(name, "re");
    if (!info)
        return 0;
    while (fgets(line, sizeof line, info))
        if (sscanf(line, "mnt_id: %" SCNu64, &id) == 1)
            break;
    fclose(info);
    return id;
}

/* Decode the \ooo of mountinfo in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Room for one more element of `size` bytes behind `count`: doubled where that is a power of two, or 0. */
static bool make_room(void **list, size_t count, size_t size)
{
    if (count & (count - 1))
        return true;
    void *larger = realloc(*list, (count ? count * 2 : 1) * size);
    if (larger)
        *list = larger;
    return larger != NULL;
}

static bool add(struct points *points, uint64_t mount_id, const char *path)
{
    size_t start = points->size;
    do {
        if (!make_room((void **)&points->text, points->size, 1))
            return false;
        points->text[points->size++] = *path;
    } while (*path++);
    if (!make_room((void **)&points->list, points->count, sizeof *points->list))
        return false;
    points->list[points->count++] = (struct point){mount_id, start, NULL};
    return true;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct point *)a)->path, ((const struct point *)b)->path);
}

/* Whether `root`, on the mount of this line at `path`, is a folder of the host itself and no mount. `rest` is the line
 * behind the path. */
static bool is_folder_of_host(const char *root, const char *path, const char *rest, const char *const *local_types)
{
    const char *type = strstr(rest, " - ");
    if (!type || strcmp(root, path) == 0)
        return false;
    type += 3;
    size_t length = strcspn(type, " ");
    if (strcmp(path, "/") == 0 && *local_types && strncmp(type, "fuse", 4) != 0)
        return true;
    for (; *local_types; local_types++)
        if (strlen(*local_types) == length && strncmp(*local_types, type, length) == 0)
            return true;
    return false;
}

void points_read(struct points *points, const char *root, uint64_t mount_id, dev_t device,
                 const char *const *local_types)
{
    *points = (struct points){.list = NULL};
    size_t length = strlen(root);
    while (length && root[length - 1] == '/')
        length--;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    while (mounts && getline(&line, &size, mounts) > 0) {
        uint64_t id;
        unsigned major, minor;
        int at = 0;
        if (sscanf(line, "%" SCNu64 " %*u %u:%u %*s %n", &id, &major, &minor, &at) != 3 || !at)
            continue;
        char *path = line + at, *rest = path + strcspn(path, " ");
        if (*rest)
            *rest++ = '\0';
        unescape(path);
        if (id == mount_id)
            points->root_is_folder = is_folder_of_host(root, path, rest, local_types);
        if (makedev(major, minor) != device && strncmp(path, root, length) == 0 && path[length] == '/' &&
            path[length + 1] && !add(points, id, path + length + 1))
            break;
    }
    free(line);
    if (mounts)
        fclose(mounts);
    for (size_t i = 0; i < points->count; i++)
        points->list[i].path = points->text + points->list[i].start;
    if (points->count)
        qsort(points->list, points->count, sizeof *points->list, by_path);
}

void points_free(struct points *points)
{
    free(points->list);
    free(points->text);
}

bool points_cover(const struct points *points, const char *path, int dirfd, const char *name)
{
    const struct point wanted = {.path = path};
    const struct point *found = bsearch(&wanted, points->list, points->count, sizeof wanted, by_path);
    if (!found)
        return false;
    int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    uint64_t id = mount_id_of(fd);
    close(fd);
    /* Several can be stacked on one path, or be hidden with all of it. */
    while (found > points->list && strcmp(found[-1].path, path) == 0)
        found--;
    for (; found < points->list + points->count && strcmp(found->path, path) == 0; found++)
        if (found->mount_id == id)
            return true;
    return false;
}
