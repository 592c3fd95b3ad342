/* The few questions about strings that the shim asks; libc's functions may be another preload's, or not be there yet. */
#ifndef NLINKSHIM_TEXT_H
#define NLINKSHIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_equals(const char *text, const char *other);

/* What follows `prefix` in `text`, or NULL if it does not begin with it. */
static inline const char *text_after(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return *prefix ? NULL : text;
}

/* Whether the `length` bytes at `text` end with `suffix`. */
bool text_ends_with(const char *text, size_t length, const char *suffix);

/* A string is read in aligned blocks: no page ends in one. */
#ifdef __SSE2__
typedef char text_block __attribute__((vector_size(16), may_alias));

/* A bit for each byte that is 0, the first byte's lowest. */
__attribute__((no_sanitize_address)) static inline unsigned text_ends(const text_block *block)
{
    return (unsigned)__builtin_ia32_pmovmskb128((text_block)(*block == (text_block){0}));
}
#else
typedef uintptr_t __attribute__((may_alias)) text_block;

__attribute__((no_sanitize_address)) static inline unsigned text_ends(const text_block *block)
{
    unsigned ends = 0;
    for (size_t i = 0; i < sizeof *block; i++)
        ends |= (unsigned)!((const char *)block)[i] << i;
    return ends;
}
#endif

/* Where the string ends. Not by libc's strlen: that is an IFUNC, which ld.so cannot resolve while libc itself is the
 * program. */
__attribute__((no_sanitize_address)) static inline const char *text_end(const char *text)
{
    unsigned before = (uintptr_t)text % sizeof(text_block);
    const text_block *block = (const text_block *)(text - before);
    unsigned ends = text_ends(block) >> before << before;
    while (!ends)
        ends = text_ends(++block);
    return (const char *)block + (unsigned)__builtin_ctz(ends);
}

static inline size_t text_length(const char *text)
{
    return (size_t)(text_end(text) - text);
}

#endif
