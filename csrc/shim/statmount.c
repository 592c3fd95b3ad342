#include "statmount.h"

#include "kernel.h"
#include "text.h"

/* linux/mount.h, which is younger than most: struct mnt_id_req in its first version */
struct request {
    uint32_t size, unused;
    uint64_t identity;
    uint64_t parameter; /* statmount: what is asked; listmount: the identity after which the list begins */
};

/* struct statmount */
struct answer {
    uint32_t size, options;
    uint64_t mask;
    uint32_t major, minor;
    uint64_t magic;
    uint32_t flags, type; /* this and others: where its text begins */
    uint64_t identity, parent_identity;
    uint32_t id, parent;
    uint64_t attributes, propagation, peer_group, master, propagate_from;
    uint32_t root, mount_point;
    uint64_t later[50];
    char text[512]; /* small: the host may be on a signal stack; of longer ones mountinfo tells */
};
_Static_assert(offsetof(struct answer, root) == 104 && offsetof(struct answer, text) == 512, "struct statmount");

enum {
    ASK_DEVICE = 0x1,
    ASK_MOUNT = 0x2,
    ASK_ROOT = 0x8,
    ASK_MOUNT_POINT = 0x10,
    ASK_TYPE = 0x20,
    ASK_ALL = ASK_DEVICE | ASK_MOUNT | ASK_ROOT | ASK_MOUNT_POINT | ASK_TYPE,
    ASK_ENOUGH = ASK_DEVICE | ASK_MOUNT | ASK_TYPE,
};

static const uint64_t everything = UINT64_MAX; /* LSMT_ROOT */

/* How many identities were put into `list`, or -errno. */
static long list_mounts(uint64_t in, uint64_t after, uint64_t *list, size_t count)
{
    const struct request request = {.size = sizeof request, .identity = in, .parameter = after};
    __asm__("" : "=m"(*(uint64_t(*)[count])list)); /* (for the analyzers: this fills it) */
    return kernel_call(NR_LISTMOUNT, (long)&request, (long)list, (long)count, 0, 0);
}

static enum shown shown(const char *root)
{
    size_t length = text_length(root);
    if (length == 1)
        return ROOT_WHOLE;
    return text_ends_with(root, length, "//deleted") ? ROOT_REMOVED : ROOT_PART;
}

/* 0 or -errno. */
static __attribute__((noinline)) long feed(struct survey *survey, uint64_t identity)
{
    struct answer answer;
    const struct request request = {.size = sizeof request, .identity = identity, .parameter = ASK_ALL};
    __asm__("" : "=m"(answer)); /* (for the analyzers: this fills it) */
    long result = kernel_call(NR_STATMOUNT, (long)&request, (long)&answer, sizeof answer, 0, 0);
    if (result != 0)
        return result;
    if ((answer.mask & ASK_ENOUGH) != ASK_ENOUGH)
        return -K_ENOSYS;
    const char *point = answer.mask & ASK_MOUNT_POINT ? answer.text + answer.mount_point : "";
    size_t length = 0;
    survey_begin(survey);
    for (; point[length]; length++)
        survey_point(survey, length, point[length]);
    survey_end_point(survey, length);
    survey_mount(survey, &(struct mount){
                             .id = answer.id,
                             .parent = answer.parent,
                             .identity = identity,
                             .device = device_number(answer.major, answer.minor),
                             .type = answer.text + answer.type,
                             .root = answer.mask & ASK_ROOT ? shown(answer.text + answer.root) : ROOT_PART,
                         });
    return 0;
}

bool statmount_all(struct survey *survey, uint64_t *newest)
{
    uint64_t list[32];
    long count;
    *newest = 0;
    do {
        count = list_mounts(everything, *newest, list, sizeof list / sizeof *list);
        for (long i = 0; i < count; i++) {
            long result = feed(survey, list[i]);
            if (result != 0 && result != -K_ENOENT) /* that one has been unmounted meanwhile */
                return false;
            *newest = list[i];
        }
    } while (count == sizeof list / sizeof *list);
    return count >= 0 && *newest;
}

bool statmount_one(struct survey *survey, uint64_t identity)
{
    return feed(survey, identity) == 0;
}

bool statmount_none_since(uint64_t identity)
{
    uint64_t younger;
    return list_mounts(everything, identity, &younger, 1) == 0;
}

bool statmount_none_in(uint64_t identity)
{
    uint64_t child;
    return list_mounts(identity, 0, &child, 1) == 0;
}
