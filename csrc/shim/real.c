#include "real.h"

#include "counters.h"
#include "image.h"
#include "kernel.h"
#include "scope.h"

extern int dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *)
    __attribute__((weak, visibility("default")));
extern int *__errno_location(void) __attribute__((weak, visibility("default")));

void *real_next[ENTRY_COUNT];
bool real_is_glibc;
static bool resolved;

/* Arrays, not pointers: before relocation a pointer in data would be wrong. */
static const char names[ENTRY_COUNT][24] = {
#define ENTRY(name, shape, layout, relative) #name,
#include "symbols.def"
#undef ENTRY
};

struct search {
    bool behind_self;
    struct image libc_before; /* the shim was dlopen'ed behind libc; symbols NULL: it was not */
};

static bool is_self(const struct dl_phdr_info *object)
{
    ElfW(Addr) here = (ElfW(Addr)) & real_resolve;
    for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && here - object->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

static void take_from(const struct image *image)
{
    for (int entry = 0; entry < ENTRY_COUNT; entry++) {
        if (real((enum entry_point)entry))
            continue;
        void *function = image_function(image, names[entry]);
        if (function)
            __atomic_store_n(&real_next[entry], function, __ATOMIC_RELEASE);
    }
}

/* A clock that answers once always will: it only reads memory. So later calls need not test what it returns. */
static void try_clock(clock_function clock)
{
    struct coarse_time now;
    if (clock && clock(K_CLOCK_MONOTONIC_COARSE, &now) == 0)
        __atomic_store_n(&scope_clock, clock, __ATOMIC_RELAXED);
}

static int visit_object(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    struct image image;
    (void)size;
    if (is_self(object)) {
        search->behind_self = true;
        return 0;
    }
    if (!image_open(&image, object))
        return 0;
    if (scope_clock == scope_count)
        try_clock((clock_function)image_function(&image, VDSO_CLOCK));
    if (!real_is_glibc)
        real_is_glibc = image_function(&image, "gnu_get_libc_version") != NULL;
    if (search->behind_self)
        take_from(&image);
    else if (image_function(&image, "__libc_start_main"))
        search->libc_before = image;
    return 0;
}

void real_resolve(bool final)
{
    struct search search = {.behind_self = false};
    counters_begin();
    if (!scope_clock)
        __atomic_store_n(&scope_clock, scope_count, __ATOMIC_RELAXED);
    if (dl_iterate_phdr) {
        dl_iterate_phdr(visit_object, &search);
        if (search.libc_before.symbols)
            take_from(&search.libc_before);
    }
    if (final)
        __atomic_store_n(&resolved, true, __ATOMIC_RELEASE);
}

void *real_late(enum entry_point entry, enum entry_point relative)
{
    if (!__atomic_load_n(&resolved, __ATOMIC_ACQUIRE))
        real_resolve(false);
    void *next = real(entry);
    return next || (STAT_HAS_OTHERS && real_is_glibc) ? next : real(relative);
}

static int answer(long result)
{
    if (result >= 0)
        return (int)result;
    if (__errno_location)
        *__errno_location() = (int)-result;
    return -1;
}

int raw_fstatat(int dirfd, const char *path, void *st, int flags)
{
    return answer(kernel_call(NR_NEWFSTATAT, dirfd, (long)path, (long)st, flags, 0));
}

int raw_stat(const char *path, void *st)
{
    return raw_fstatat(K_AT_FDCWD, path, st, 0);
}

int raw_lstat(const char *path, void *st)
{
    return raw_fstatat(K_AT_FDCWD, path, st, K_AT_SYMLINK_NOFOLLOW);
}

int raw_fstat(int fd, void *st)
{
    return answer(kernel_call(NR_FSTAT, fd, (long)st, 0, 0, 0));
}

int raw_statx(int dirfd, const char *path, int flags, unsigned mask, void *stx)
{
    return answer(kernel_call(NR_STATX, dirfd, (long)path, flags, mask, (long)stx));
}

int raw_absent(void)
{
    return answer(-K_ENOSYS);
}
