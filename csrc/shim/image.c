#include "image.h"

#include <stddef.h>

#include "text.h"

typedef ElfW(Addr) address;

enum { ALIGNED_BY = sizeof(uint32_t) };

/* A table that is longer, or a chain, is damaged. glibc has 3,000 symbols, the largest C++ libraries 500,000. */
enum { MOST_DYNAMIC = 4096, MOST_SYMBOLS = 1 << 22 };

/* The `size` bytes at `at`, if they lie in one segment of the object that has all these permissions (PF_*), else
 * NULL. */
static const void *within(const struct image *image, address at, size_t size, uint32_t permissions)
{
    for (ElfW(Half) i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        address offset = at - (image->base + segment->p_vaddr);
        if (segment->p_type == PT_LOAD && (segment->p_flags & permissions) == permissions &&
            offset < segment->p_memsz && size <= segment->p_memsz - offset)
            return (const void *)at;
    }
    return NULL;
}

/* One item of a table, if it is there; `index` may be anything. */
static const void *item(const struct image *image, address table, uint64_t index, size_t size)
{
    if (table % ALIGNED_BY || index > MOST_SYMBOLS)
        return NULL;
    return within(image, table + (address)index * size, size, PF_R);
}

/* A 32-bit number of a table; `absent` where there is none. */
static uint32_t number(const struct image *image, address table, uint64_t index, uint32_t absent)
{
    const uint32_t *found = item(image, table, index, sizeof *found);
    return found ? *found : absent;
}

/* glibc relocates the pointers of a dynamic section in place; musl does not, nor does anybody the vDSO's, which may
 * be linked at a fixed address (User-mode Linux, x86-64 before Linux 3.16): so what lies in the object as it stands,
 * is an address, and else an offset. 0: neither. */
static address table_at(const struct image *image, address pointer)
{
    if (within(image, pointer, 1, PF_R))
        return pointer;
    return within(image, image->base + pointer, 1, PF_R) ? image->base + pointer : 0;
}

int image_open(struct image *image, const struct dl_phdr_info *object)
{
    address dynamic = 0;
    *image =
        (struct image){.base = object->dlpi_addr, .segments = object->dlpi_phdr, .segment_count = object->dlpi_phnum};
    for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
    for (unsigned i = 0; i < MOST_DYNAMIC && dynamic % sizeof(address) == 0; i++) {
        const ElfW(Dyn) *entry = item(image, dynamic, i, sizeof *entry);
        if (!entry || entry->d_tag == DT_NULL)
            break;
        address table = table_at(image, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            image->symbols = table % sizeof(address) ? 0 : table;
            break;
        case DT_STRTAB:
            image->strings = table;
            break;
        case DT_GNU_HASH:
            image->gnu_hash = table % sizeof(address) ? 0 : table;
            break;
        case DT_HASH:
            image->sysv_hash = table;
            break;
        case DT_VERSYM:
            image->versions = table % sizeof(ElfW(Half)) ? 0 : table;
            break;
        }
    }
    return image->symbols && image->strings && (image->gnu_hash || image->sysv_hash);
}

/* Whether the string at `at` is `name`. */
static int names(const struct image *image, address at, const char *name)
{
    size_t size = text_length(name) + 1;
    const char *text = within(image, at, size, PF_R);
    for (size_t i = 0; text && i < size; i++)
        if (text[i] != name[i])
            text = NULL;
    return text != NULL;
}

/* The functions of ppc64le's vDSO have no type. */
static int is_code(const ElfW(Sym) * symbol)
{
    return ELF32_ST_TYPE(symbol->st_info) == STT_FUNC || ELF32_ST_TYPE(symbol->st_info) == STT_NOTYPE;
}

/* Not every machine divides, and compilers call libgcc where it does not. */
static uint32_t remainder_of(uint32_t number, uint32_t divisor)
{
#if defined __arm__ && !defined __ARM_FEATURE_IDIV
    uint32_t rest = 0;
    for (unsigned bit = 32; bit--;) {
        uint32_t carry = rest >> 31;
        rest = rest << 1 | (number >> bit & 1);
        if (carry || rest >= divisor)
            rest -= divisor;
    }
    return rest;
#else
    return number % divisor;
#endif
}

enum match { NO_MATCH, HIDDEN_VERSION, DEFAULT_VERSION };

static enum match matches(const struct image *image, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = item(image, image->symbols, index, sizeof *symbol);
    if (!symbol || symbol->st_shndx == SHN_UNDEF || !symbol->st_value || !is_code(symbol) ||
        !names(image, image->strings + symbol->st_name, name) ||
        !within(image, image->base + symbol->st_value, 1, PF_X))
        return NO_MATCH;
    const ElfW(Half) *version = image->versions ? item(image, image->versions, index, sizeof *version) : NULL;
    return version && *version & 0x8000 ? HIDDEN_VERSION : DEFAULT_VERSION;
}

/* Walk one chain by either hash; `found` keeps the index of the best match so far. Returns whether to stop. */
static int consider(const struct image *image, uint32_t index, const char *name, uint32_t *found)
{
    enum match match = matches(image, index, name);
    if (match != NO_MATCH)
        *found = index;
    return match == DEFAULT_VERSION;
}

static uint32_t gnu_lookup(const struct image *image, const char *name)
{
    uint32_t hash = 5381, found = 0;
    for (const char *c = name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    address table = image->gnu_hash;
    uint32_t bucket_count = number(image, table, 0, 0), first = number(image, table, 1, 0);
    uint32_t bloom_count = number(image, table, 2, 0), bloom_shift = number(image, table, 3, 0);
    enum { BITS = sizeof(address) * 8 };
    address bloom = table + 4 * sizeof(uint32_t), buckets = bloom + (address)bloom_count * sizeof(address);
    address chains = buckets + (address)bucket_count * sizeof(uint32_t);
    if (!bucket_count || !bloom_count || bloom_shift >= 32 || bloom_count > MOST_SYMBOLS || bucket_count > MOST_SYMBOLS)
        return 0;

    address wanted = (address)1 << (hash % BITS) | (address)1 << ((hash >> bloom_shift) % BITS);
    const address *filter = item(image, bloom, remainder_of(hash / BITS, bloom_count), sizeof *filter);
    if (!filter || (*filter & wanted) != wanted)
        return 0;
    uint32_t index = number(image, buckets, remainder_of(hash, bucket_count), 0);
    if (index < first)
        return 0;
    for (;; index++) {
        /* Where the chain leaves the object, it ends. */
        uint32_t chained = number(image, chains, index - first, 1);
        if ((chained | 1) == (hash | 1) && consider(image, index, name, &found))
            break;
        if (chained & 1)
            break;
    }
    return found;
}

static uint32_t sysv_lookup(const struct image *image, const char *name)
{
    uint32_t hash = 0, found = 0;
    for (const char *c = name; *c; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    address table = image->sysv_hash;
    uint32_t bucket_count = number(image, table, 0, 0), symbol_count = number(image, table, 1, 0);
    if (!bucket_count || bucket_count > MOST_SYMBOLS || !symbol_count)
        return 0;
    address buckets = table + 2 * sizeof(uint32_t), chains = buckets + (address)bucket_count * sizeof(uint32_t);
    uint32_t index = number(image, buckets, remainder_of(hash, bucket_count), 0);
    if (!item(image, chains, symbol_count - 1, sizeof index))
        return 0;
    /* A chain that is longer than the table goes in a circle. */
    for (uint32_t length = 0; index && index < symbol_count && length < symbol_count; length++) {
        if (consider(image, index, name, &found))
            break;
        index = number(image, chains, index, 0);
    }
    return found;
}

void *image_function(const struct image *image, const char *name)
{
    uint32_t index = image->gnu_hash ? gnu_lookup(image, name) : sysv_lookup(image, name);
    const ElfW(Sym) *symbol = index ? item(image, image->symbols, index, sizeof *symbol) : NULL;
    return symbol ? (void *)(image->base + symbol->st_value) : NULL;
}
