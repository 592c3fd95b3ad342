/* A FUSE file system that answers by rules, on /dev/fuse itself: each answer is just what the rules make it.
 *
 *     hostile [--folders N] [--files N] [--keep MS] [--twice 1] [--ghosts N] [--one-file 1]
 *             [--offsets K] [--statfs ERRNO] [--statfs-hangs 1] [--capacity BLOCKS] [RULE ...] MOUNTPOINT
 *
 * The root (entry 1) holds folders d00000 ..., each of these files f0000 ...; every tenth file is a symlink, l0009.
 * Entries are numbered as a walk in order meets them, and the number is node id and inode. Counts are true.
 * --keep: how long the kernel may keep names and attributes (0: every call is a request).
 * --twice: listings name everything twice. --ghosts: they also name g0000 ... which nobody finds.
 * --offsets: what a listing gives for the place behind a name: 0 that place; 1 the name's own; 2 that place, counted
 * from where the request began; 3 that place, but the beginning behind the last name. All but 0 make `ls` run for ever,
 * 2 where a folder needs two requests. --statfs: the errno of statfs, which --statfs-hangs leaves without an answer;
 * --capacity: what it tells.
 * --one-file: the root is a file. The first folder can be renamed to "moved" and back, and one file be unlinked.
 *
 * A RULE is words joined by commas; all that hold for an answer are applied, in order:
 *   which entries   root children files folders links each=K (its number divides by K) only=NUMBER
 *   which answers   lookup getattr readdir (with from=K: from the K-th name on); chance=K (one in K by the dice)
 *   what happens    errno=N; slow=MS; FIELD=HOW, the fields and ways of set() and apply() below; in readdir ino alone
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, BUFFER = 1 << 17, MOST_RULES = 16, MOST_FIELDS = 8, ROOT = 1 };
enum { ROOT_ITSELF = 1, FOLDERS = 2, FILES = 4, LINKS = 8, CHILDREN = FOLDERS | FILES | LINKS };
enum { LOOKUP = 1, GETATTR = 2, READDIR = 4 };

struct change {
    char field[12], how[12];
};

struct rule {
    unsigned kinds, answers;
    uint64_t each, only, chance, from, error, slow_ms;
    unsigned changes;
    struct change change[MOST_FIELDS];
};

static struct rule rules[MOST_RULES];
static unsigned rule_count;
static uint64_t folder_count = 4, file_count = 25, ghosts;
static uint64_t keep_ms = 60000, twice, one_file, offsets, statfs_error, statfs_hangs, capacity = 1 << 20;
static bool moved;
static uint64_t unlinked; /* the one file that was, or 0 */
static int device;
static uint64_t dice, growth;

static uint64_t roll(void)
{
    uint64_t x = __atomic_add_fetch(&dice, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static unsigned kind_of(uint64_t entry)
{
    if (entry == ROOT)
        return ROOT_ITSELF;
    uint64_t place = (entry - 2) % (file_count + 1);
    return place == 0 ? FOLDERS : (place - 1) % 10 == 9 ? LINKS : FILES;
}

static uint64_t folder_entry(uint64_t number)
{
    return 2 + number * (file_count + 1);
}

static bool holds(const struct rule *rule, uint64_t entry, unsigned answer)
{
    return rule->answers & answer && rule->kinds & kind_of(entry) && (!rule->each || entry % rule->each == 0) &&
           (!rule->only || entry == rule->only) && (!rule->chance || roll() % rule->chance == 0);
}

static void move_time(const char *how, uint64_t *seconds, uint32_t *nanoseconds)
{
    uint64_t number = roll();
    bool flips = strcmp(how, "flip") == 0;
    *seconds = flips ? *seconds + (number & 1 ? 86400 : 0) : (uint64_t)time(NULL);
    *nanoseconds = flips ? 0 : number % 1000000000; /* never the same twice */
}

/* FIELD=NUMBER; false for every other HOW. */
static bool set(const char *field, const char *how, struct fuse_attr *attr)
{
    uint64_t number = strtoull(how, NULL, 10);
    if (how[0] < '0' || how[0] > '9')
        return false;
    if (strcmp(field, "nlink") == 0)
        attr->nlink = (uint32_t)number;
    else if (strcmp(field, "mtime") == 0)
        attr->mtime = number;
    else if (strcmp(field, "size") == 0)
        attr->size = number;
    else if (strcmp(field, "blocks") == 0)
        attr->blocks = number;
    else if (strcmp(field, "ino") == 0)
        attr->ino = number;
    else if (strcmp(field, "uid") == 0)
        attr->uid = (uint32_t)number;
    else
        return false;
    return true;
}

static void apply(const struct change *change, struct fuse_attr *attr)
{
    const char *field = change->field, *how = change->how;
    uint64_t number = roll();
    bool flipped = number & 1;
    if (strcmp(how, "second") == 0) {
        attr->mtime = (uint64_t)time(NULL);
        attr->mtimensec = 0;
    } else if (set(field, how, attr)) {
        return;
    } else if (strcmp(field, "nlink") == 0) {
        if (strcmp(how, "flip") == 0) /* 0 or true */
            attr->nlink = flipped ? 0 : attr->nlink;
        else if (strcmp(how, "rise") == 0) /* true or one more */
            attr->nlink += flipped;
    } else if (strcmp(field, "atime") == 0) {
        move_time(how, &attr->atime, &attr->atimensec);
    } else if (strcmp(field, "mtime") == 0) {
        move_time(how, &attr->mtime, &attr->mtimensec);
    } else if (strcmp(field, "ctime") == 0) {
        move_time(how, &attr->ctime, &attr->ctimensec);
    } else if (strcmp(field, "size") == 0) {
        attr->size += strcmp(how, "flip") == 0 ? (flipped ? 512 : 0) : __atomic_add_fetch(&growth, 1, __ATOMIC_RELAXED);
    } else if (strcmp(field, "blocks") == 0) {
        attr->blocks = number % 1000003;
    } else if (strcmp(field, "blksize") == 0) {
        attr->blksize = 512u << number % 4;
    } else if (strcmp(field, "ino") == 0) {
        attr->ino = strcmp(how, "flip") == 0 ? attr->ino + (flipped ? 1u << 30 : 0) : 1 + number % (1u << 30);
    } else if (strcmp(field, "mode") == 0) {
        attr->mode ^= flipped ? 0022 : 0;
    } else if (strcmp(field, "uid") == 0) {
        attr->uid = flipped ? 1000 : 0;
    } else if (strcmp(field, "gid") == 0) {
        attr->gid = flipped ? 1000 : 0;
    } else if (strcmp(field, "type") == 0 && flipped) {
        attr->mode = S_ISDIR(attr->mode) ? S_IFREG | 0644 : S_IFDIR | 0755;
    }
}

/* What the rules make of an answer: fills `attr`, returns 0 or errno. */
static int answer(uint64_t entry, unsigned which, struct fuse_attr *attr)
{
    static const uint32_t modes[] = {
        [ROOT_ITSELF] = S_IFDIR | 0755, [FOLDERS] = S_IFDIR | 0755, [FILES] = S_IFREG | 0644, [LINKS] = S_IFLNK | 0777};
    unsigned kind = kind_of(entry);
    *attr = (struct fuse_attr){.ino = entry, .mode = modes[kind], .size = kind == LINKS ? 5 : 4096, .blocks = 8,
                               .blksize = 4096, .nlink = kind == FOLDERS ? 2 : 1};
    if (entry == ROOT && !one_file)
        attr->nlink = 2 + (uint32_t)folder_count;
    if (entry == ROOT && one_file)
        attr->mode = S_IFREG | 0644;
    attr->atime = attr->mtime = attr->ctime = 1700000000 + entry;
    if (entry == __atomic_load_n(&unlinked, __ATOMIC_RELAXED))
        attr->nlink = 0;
    for (unsigned i = 0; i < rule_count; i++) {
        const struct rule *rule = &rules[i];
        if (!holds(rule, entry, which))
            continue;
        if (rule->slow_ms)
            usleep((useconds_t)rule->slow_ms * 1000);
        if (rule->error)
            return (int)rule->error;
        for (unsigned j = 0; j < rule->changes; j++)
            apply(&rule->change[j], attr);
    }
    return 0;
}

/* The entry of that name, or 0. */
static uint64_t find(uint64_t folder, const char *name)
{
    unsigned number;
    int end = 0;
    if (folder == ROOT) {
        bool hidden = __atomic_load_n(&moved, __ATOMIC_RELAXED);
        if (strcmp(name, hidden ? "moved" : "d00000") == 0)
            return folder_count ? folder_entry(0) : 0;
        bool good = sscanf(name, "d%5u%n", &number, &end) == 1 && !name[end] && end == 6;
        return good && number > 0 && number < folder_count ? folder_entry(number) : 0;
    }
    bool good = sscanf(name + 1, "%4u%n", &number, &end) == 1 && !name[end + 1] && end == 4;
    if (!good || number >= file_count)
        return 0;
    return name[0] == (number % 10 == 9 ? 'l' : 'f') ? folder + 1 + number : 0;
}

/* The name at that place of a listing, and its entry; false behind the last. */
static bool listed(uint64_t folder, uint64_t place, char name[16], uint64_t *entry)
{
    uint64_t count = folder == ROOT ? folder_count : file_count;
    if (place >= (count + ghosts) * (twice ? 2 : 1))
        return false;
    place %= count + ghosts;
    if (place >= count) {
        snprintf(name, 16, "g%04u", (unsigned)(place - count) % 10000);
        *entry = UINT32_MAX;
    } else if (folder == ROOT) {
        snprintf(name, 16, "d%05u", (unsigned)place % 100000);
        if (place == 0 && __atomic_load_n(&moved, __ATOMIC_RELAXED))
            strcpy(name, "moved");
        *entry = folder_entry(place);
    } else {
        snprintf(name, 16, "%c%04u", place % 10 == 9 ? 'l' : 'f', (unsigned)place % 10000);
        *entry = folder + 1 + place;
    }
    return true;
}

/* What a listing that was asked to begin at `begin` gives for the place behind the name at `place`. */
static uint64_t offset_behind(uint64_t folder, uint64_t begin, uint64_t place)
{
    char name[16];
    uint64_t entry;
    switch (offsets) {
    case 1:
        return place;
    case 2:
        return place + 1 - begin;
    case 3:
        return listed(folder, place + 1, name, &entry) ? place + 1 : 0;
    default:
        return place + 1;
    }
}

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t size)
{
    struct fuse_out_header out = {.error = -error, .unique = in->unique};
    struct iovec parts[] = {{&out, sizeof out}, {(void *)data, error ? 0 : size}};
    out.len = (uint32_t)(sizeof out + parts[1].iov_len);
    if (writev(device, parts, 2) < 0 && errno != ENOENT && errno != ENODEV)
        perror("hostile: reply");
}

static void readdir_reply(const struct fuse_in_header *in, const struct fuse_read_in *read)
{
    char data[8192], name[16];
    size_t used = 0, room = read->size < sizeof data ? read->size : sizeof data;
    uint64_t limit = UINT64_MAX, entry;
    for (unsigned i = 0; i < rule_count; i++)
        if (rules[i].error && holds(&rules[i], in->nodeid, READDIR)) {
            if (read->offset >= rules[i].from) {
                reply(in, (int)rules[i].error, NULL, 0);
                return;
            }
            limit = rules[i].from;
        }
    for (uint64_t place = read->offset; place < limit && listed(in->nodeid, place, name, &entry); place++) {
        struct fuse_attr attr = {.ino = entry};
        for (unsigned i = 0; i < rule_count; i++)
            for (unsigned j = 0; j < rules[i].changes && holds(&rules[i], entry, READDIR); j++)
                apply(&rules[i].change[j], &attr);
        struct fuse_dirent record = {.ino = attr.ino, .namelen = (uint32_t)strlen(name)};
        record.off = offset_behind(in->nodeid, read->offset, place);
        size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + record.namelen);
        if (used + size > room)
            break;
        memset(data + used, 0, size);
        memcpy(data + used, &record, FUSE_NAME_OFFSET);
        memcpy(data + used + FUSE_NAME_OFFSET, name, record.namelen);
        used += size;
    }
    reply(in, 0, data, used);
}

static void lookup_reply(const struct fuse_in_header *in, const char *name)
{
    struct fuse_entry_out out = {.nodeid = find(in->nodeid, name)};
    bool there = out.nodeid && out.nodeid != __atomic_load_n(&unlinked, __ATOMIC_RELAXED);
    int error = there ? answer(out.nodeid, LOOKUP, &out.attr) : ENOENT;
    out.entry_valid = out.attr_valid = keep_ms / 1000;
    out.entry_valid_nsec = out.attr_valid_nsec = keep_ms % 1000 * 1000000;
    reply(in, error, &out, sizeof out);
}

static void getattr_reply(const struct fuse_in_header *in)
{
    struct fuse_attr_out out = {.attr_valid = keep_ms / 1000, .attr_valid_nsec = keep_ms % 1000 * 1000000};
    int error = answer(in->nodeid, GETATTR, &out.attr);
    reply(in, error, &out, sizeof out);
}

static void rename_reply(const struct fuse_in_header *in, const char *old)
{
    bool to_moved = strcmp(old, "d00000") == 0;
    bool known = in->nodeid == ROOT && strcmp(to_moved ? "moved" : "d00000", old + strlen(old) + 1) == 0;
    if (known)
        __atomic_store_n(&moved, to_moved, __ATOMIC_RELAXED);
    reply(in, known ? 0 : EXDEV, NULL, 0);
}

static void unlink_reply(const struct fuse_in_header *in, const char *name)
{
    uint64_t entry = find(in->nodeid, name);
    if (entry)
        __atomic_store_n(&unlinked, entry, __ATOMIC_RELAXED);
    reply(in, entry ? 0 : ENOENT, NULL, 0);
}

static void serve(const struct fuse_in_header *in)
{
    const char *body = (const char *)(in + 1);
    switch (in->opcode) {
    case FUSE_INIT: {
        struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 65536, .time_gran = 1};
        out.flags = FUSE_PARALLEL_DIROPS;
        reply(in, 0, &out, sizeof out);
        break;
    }
    case FUSE_LOOKUP:
        lookup_reply(in, body);
        break;
    case FUSE_GETATTR:
        getattr_reply(in);
        break;
    case FUSE_READDIR:
        readdir_reply(in, (const struct fuse_read_in *)body);
        break;
    case FUSE_READLINK:
        reply(in, 0, "f0000", 5);
        break;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        reply(in, 0, &(struct fuse_open_out){0}, sizeof(struct fuse_open_out));
        break;
    case FUSE_READ:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        reply(in, 0, NULL, 0);
        break;
    case FUSE_STATFS: {
        struct fuse_statfs_out out = {.st = {.bsize = 4096, .frsize = 4096, .namelen = 255}};
        out.st.blocks = out.st.bfree = out.st.bavail = capacity;
        if (!statfs_hangs)
            reply(in, (int)statfs_error, &out, sizeof out);
        break;
    }
    case FUSE_RENAME:
        rename_reply(in, body + sizeof(struct fuse_rename_in));
        break;
    case FUSE_UNLINK:
        unlink_reply(in, body);
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        break;
    default:
        reply(in, ENOSYS, NULL, 0);
    }
}

static void *work(void *unused)
{
    (void)unused;
    char *buffer = malloc(BUFFER);
    for (ssize_t size; buffer;) {
        size = read(device, buffer, BUFFER);
        if (size < 0 && errno == ENODEV) /* unmounted */
            exit(0);
        if (size > 0)
            serve((const struct fuse_in_header *)buffer);
    }
    return NULL;
}

static bool parse_rule(char *text)
{
    static const struct { const char *word; unsigned kind, answer; } words[] = {
        {"root", ROOT_ITSELF, 0}, {"children", CHILDREN, 0}, {"files", FILES, 0},     {"folders", FOLDERS, 0},
        {"links", LINKS, 0},      {"lookup", 0, LOOKUP},     {"getattr", 0, GETATTR}, {"readdir", 0, READDIR}};
    if (rule_count == MOST_RULES)
        return false;
    struct rule *rule = &rules[rule_count++];
    for (char *word, *rest = text; (word = strsep(&rest, ","));) {
        char *value = strchr(word, '=');
        uint64_t number = value ? strtoull(value + 1, NULL, 10) : 0;
        if (!value) {
            unsigned i = 0;
            while (i < sizeof words / sizeof *words && strcmp(words[i].word, word) != 0)
                i++;
            if (i == sizeof words / sizeof *words)
                return false;
            rule->kinds |= words[i].kind;
            rule->answers |= words[i].answer;
            continue;
        }
        *value++ = '\0';
        uint64_t *numbers[] = {&rule->each, &rule->only, &rule->chance, &rule->from, &rule->error, &rule->slow_ms};
        static const char *const names[] = {"each", "only", "chance", "from", "errno", "slow"};
        unsigned i = 0;
        while (i < sizeof names / sizeof *names && strcmp(word, names[i]) != 0)
            i++;
        if (i < sizeof names / sizeof *names)
            *numbers[i] = number;
        else if (rule->changes == MOST_FIELDS)
            return false;
        else {
            struct change *change = &rule->change[rule->changes++];
            snprintf(change->field, sizeof change->field, "%s", word);
            snprintf(change->how, sizeof change->how, "%s", value);
        }
    }
    rule->kinds = rule->kinds ? rule->kinds : ROOT_ITSELF | CHILDREN;
    rule->answers = rule->answers ? rule->answers : LOOKUP | GETATTR;
    return true;
}

int main(int argc, char **argv)
{
    static const struct { const char *name; uint64_t *value; } options[] = {
        {"--folders", &folder_count}, {"--files", &file_count}, {"--ghosts", &ghosts},
        {"--keep", &keep_ms},         {"--twice", &twice},      {"--one-file", &one_file},
        {"--offsets", &offsets},      {"--statfs", &statfs_error},
        {"--capacity", &capacity},    {"--statfs-hangs", &statfs_hangs}};
    for (int i = 1; i < argc - 1; i++) {
        size_t option = 0, known = sizeof options / sizeof *options;
        while (option < known && strcmp(argv[i], options[option].name) != 0)
            option++;
        if (option < known)
            *options[option].value = strtoull(argv[++i], NULL, 10);
        else if (!parse_rule(argv[i]))
            return fprintf(stderr, "hostile: what is %s?\n", argv[i]), 2;
    }
    device = argc > 1 ? open("/dev/fuse", O_RDWR | O_CLOEXEC) : -1;
    char data[128];
    snprintf(data, sizeof data, "fd=%d,rootmode=%o,user_id=0,group_id=0,allow_other", device,
             one_file ? S_IFREG : S_IFDIR);
    if (device < 0 || mount("hostile", argv[argc - 1], "fuse.hostile", MS_NOSUID | MS_NODEV, data) != 0)
        return perror("hostile: mount"), 1;
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
