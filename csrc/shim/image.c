#include "image.h"

#include <stddef.h>
#include <stdint.h>

static const void *address(ElfW(Addr) base, ElfW(Addr) pointer)
{
    /* glibc relocates the pointers of a dynamic section in place; musl does not, nor does glibc the vDSO's. */
    return (const void *)(pointer < base ? base + pointer : pointer);
}

int image_open(struct image *image, const struct dl_phdr_info *object)
{
    const ElfW(Dyn) *entry = NULL;
    for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    *image = (struct image){.base = object->dlpi_addr};
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        const void *value = address(image->base, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            image->symbols = value;
            break;
        case DT_STRTAB:
            image->strings = value;
            break;
        case DT_GNU_HASH:
            image->gnu_hash = value;
            break;
        case DT_HASH:
            image->sysv_hash = value;
            break;
        case DT_VERSYM:
            image->versions = value;
            break;
        }
    }
    return image->symbols && image->strings && (image->gnu_hash || image->sysv_hash);
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

enum match { NO_MATCH, HIDDEN_VERSION, DEFAULT_VERSION };

static enum match matches(const struct image *image, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &image->symbols[index];
    if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value || ELF32_ST_TYPE(symbol->st_info) != STT_FUNC ||
        !same(image->strings + symbol->st_name, name))
        return NO_MATCH;
    return image->versions && (image->versions[index] & 0x8000) ? HIDDEN_VERSION : DEFAULT_VERSION;
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
    const uint32_t *table = image->gnu_hash;
    uint32_t bucket_count = table[0], first = table[1], bloom_count = table[2], bloom_shift = table[3];
    const ElfW(Addr) *bloom = (const ElfW(Addr) *)(table + 4);
    const uint32_t *buckets = (const uint32_t *)(bloom + bloom_count), *chains = buckets + bucket_count;
    enum { BITS = sizeof(ElfW(Addr)) * 8 };

    if (!bucket_count || !bloom_count)
        return 0;
    ElfW(Addr) wanted = (ElfW(Addr))1 << (hash % BITS) | (ElfW(Addr))1 << ((hash >> bloom_shift) % BITS);
    if ((bloom[hash / BITS % bloom_count] & wanted) != wanted)
        return 0;
    uint32_t index = buckets[hash % bucket_count];
    if (index < first)
        return 0;
    for (;; index++) {
        uint32_t chained = chains[index - first];
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
    const uint32_t *table = image->sysv_hash;
    uint32_t bucket_count = table[0];
    const uint32_t *chains = table + 2 + bucket_count;
    if (!bucket_count)
        return 0;
    for (uint32_t index = table[2 + hash % bucket_count]; index; index = chains[index])
        if (consider(image, index, name, &found))
            break;
    return found;
}

void *image_function(const struct image *image, const char *name)
{
    uint32_t index = image->gnu_hash ? gnu_lookup(image, name) : sysv_lookup(image, name);
    return index ? (void *)(image->base + image->symbols[index].st_value) : NULL;
}
