/* ELF images: those of this process, and such as nobody should believe. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "pure.h"

static int check_image(struct dl_phdr_info *object, size_t size, void *libc)
{
    struct image image;
    (void)size;
    if (!object->dlpi_name || !strstr(object->dlpi_name, "/libc.so"))
        return 0;
    if (!image_open(&image, object))
        fail("libc cannot be read");
    static const char *const names[] = {
#define ENTRY(name, shape, layout, relative) #name,
#include "symbols.def"
#undef ENTRY
        "gnu_get_libc_version", "__libc_start_main", "malloc", "no_such_function", "", "environ", "regexec"};
    for (unsigned both = 0; both < 2; both++) {
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            void *expected = strcmp(names[i], "environ") ? dlsym(libc, names[i]) : NULL; /* not a function */
            if (image_function(&image, names[i]) != expected)
                fail("%s is not where dlsym finds it", names[i]);
        }
        if (!image.sysv_hash)
            break;
        image.gnu_hash = 0;
    }
    return 1;
}

/* An image in memory of its own, a block of exactly its size. */
struct forged {
    char *memory;
    size_t size;
    ElfW(Phdr) segments[4];
    struct dl_phdr_info object;
};

/* Where it was linked: at 0, where it lies, or elsewhere, as the vDSOs of some kernels are. */
enum { MOVABLE, FIXED, PRELINKED, LINKED };

/* A small shared object of a function `known` and one `hidden`. Its parts lie behind one another; what is mapped ends
 * with the last. */
struct layout {
    ElfW(Dyn) dynamic[8];
    ElfW(Sym) symbols[3];
    ElfW(Half) versions[4];
    uint32_t sysv[2 + 1 + 3];
    uint32_t gnu[4 + 2 + 1 + 2];
    char strings[16];
};

static void forge(struct forged *forged, unsigned how, int relocated)
{
    static const char strings[16] = "\0known\0hidden";
    forged->size = sizeof(struct layout);
    forged->memory = malloc(forged->size);
    struct layout *in = (struct layout *)forged->memory;
    ElfW(Addr) at = (ElfW(Addr))in,
               linked = how == MOVABLE ? 0
                        : how == FIXED ? at
                                       : 0xffffffffff700000,
               base = at - linked;
    ElfW(Addr) tables = relocated ? at : linked;
    memset(in, 0, sizeof *in);
    memcpy(in->strings, strings, sizeof strings);
    in->symbols[1] = (ElfW(Sym)){.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = linked + 8};
    in->symbols[2] = (ElfW(Sym)){.st_name = 7, .st_info = STT_FUNC, .st_shndx = 1, .st_value = linked + 16};
    in->versions[2] = 0x8002;
    memcpy(in->sysv, (uint32_t[]){1, 3, 1, 0, 2, 0}, sizeof in->sysv);
    uint32_t hash[2] = {5381, 5381};
    for (unsigned i = 0; i < 2; i++)
        for (const char *c = in->strings + in->symbols[i + 1].st_name; *c; c++)
            hash[i] = hash[i] * 33 + (unsigned char)*c;
    memcpy(in->gnu, (uint32_t[]){1, 1, 1, 6, ~0u, ~0u, 1, hash[0] & ~1u, hash[1] | 1}, sizeof in->gnu);
#define TABLE(member) (tables + offsetof(struct layout, member))
    ElfW(Dyn) dynamic[] = {{DT_SYMTAB, {TABLE(symbols)}},
                           {DT_STRTAB, {TABLE(strings)}},
                           {DT_VERSYM, {TABLE(versions)}},
                           {DT_HASH, {TABLE(sysv)}},
                           {DT_GNU_HASH, {TABLE(gnu)}}};
#undef TABLE
    memcpy(in->dynamic, dynamic, sizeof dynamic);
    forged->segments[0] =
        (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = linked, .p_memsz = forged->size};
    forged->segments[1] =
        (ElfW(Phdr)){.p_type = PT_DYNAMIC, .p_flags = PF_R, .p_vaddr = linked, .p_memsz = sizeof in->dynamic};
    forged->object = (struct dl_phdr_info){.dlpi_addr = base, .dlpi_phdr = forged->segments, .dlpi_phnum = 2};
}

static void *found_in(const struct forged *forged, const char *name, int sysv)
{
    struct image image;
    if (!image_open(&image, &forged->object))
        return NULL;
    if (sysv)
        image.gnu_hash = 0;
    return image_function(&image, name);
}

/* What is found must lie in the image. */
static void look_around(const struct forged *forged)
{
    static const char *const names[] = {"known", "hidden", "absent", ""};
    for (unsigned i = 0; i < 8; i++) {
        char *function = found_in(forged, names[i / 2], i % 2);
        if (function && (function < forged->memory || function >= forged->memory + forged->size))
            fail("%s is found outside of the image", names[i / 2]);
    }
}

static void sound_images(void)
{
    for (unsigned how = 0; how < 4 * LINKED; how++) {
        struct forged forged;
        int sysv = how & 1, relocated = how >> 1 & 1;
        forge(&forged, how >> 2, relocated);
        if (found_in(&forged, "known", sysv) != forged.memory + 8 ||
            found_in(&forged, "hidden", sysv) != forged.memory + 16)
            fail("image %u %s is not read", how >> 2, relocated ? "with relocated pointers" : "as linked");
        forged.segments[0].p_flags = PF_R;
        if (found_in(&forged, "known", sysv))
            fail("a function is taken from what cannot be executed");
        forged.segments[0].p_flags = PF_X;
        if (found_in(&forged, "known", sysv))
            fail("an image is read that cannot be read");
        free(forged.memory);
    }
}

/* Each word and each half of it takes the values that hurt; the chains go in circles and the ends are missing. */
static void damaged_images(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      7,
                                      8,
                                      0x7f,
                                      0xff,
                                      0x8000,
                                      0xffff,
                                      1u << 20,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      1ull << 32,
                                      1ull << 47,
                                      0x7fffffffffffffff,
                                      0xffffffffff700120,
                                      -8ull,
                                      -1ull};
    for (unsigned how = 0; how < 2 * LINKED; how++) {
        for (size_t at = 0; at + 4 <= sizeof(struct layout); at += 4) {
            for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
                struct forged forged;
                forge(&forged, how / 2, how % 2);
                memcpy(forged.memory + at, &values[i], at + 8 <= sizeof(struct layout) && at % 8 == 0 ? 8 : 4);
                look_around(&forged);
                free(forged.memory);
            }
        }
    }
}

/* Several bytes at once, or a segment that ends early. */
static void random_images(unsigned rounds)
{
    while (rounds--) {
        struct forged forged;
        forge(&forged, below(LINKED), (int)below(2));
        for (unsigned n = below(6); n; n--)
            forged.memory[below(sizeof(struct layout))] ^= (char)(1 << below(8));
        if (!below(3))
            forged.segments[0].p_memsz = below((unsigned)forged.size);
        look_around(&forged);
        free(forged.memory);
    }
}

void images_in_memory(unsigned rounds)
{
    if (!dl_iterate_phdr(check_image, dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD)))
        fail("libc was not found");
    sound_images();
    damaged_images();
    random_images(rounds);
}
