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

/* A string is read in blocks, which may reach behind its end, but never into the next page. */
enum { TEXT_BLOCK = 16, SMALLEST_PAGE = 4096 };

/* A bit for each byte of the block that is 0, the first byte's lowest. */
__attribute__((no_sanitize_address)) static inline unsigned text_ends(const char *block)
{
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(TEXT_BLOCK), may_alias, aligned(1)));
    return (unsigned)__builtin_ia32_pmovmskb128(*(const bytes *)block == (bytes){0});
#else
    unsigned ends = 0;
    for (unsigned i = 0; i < TEXT_BLOCK; i++)
        ends |= (unsigned)!block[i] << i;
    return ends;
#endif
}

/* text_end of a string that begins in the last block of its page. */
const char *text_end_across_pages(const char *text);

/* Where the string ends. Not by libc's strlen: that is an IFUNC, which ld.so cannot resolve while libc itself is the
 * program. */
__attribute__((no_sanitize_address)) static inline const char *text_end(const char *text)
{
    if (__builtin_expect((uintptr_t)text % SMALLEST_PAGE > SMALLEST_PAGE - TEXT_BLOCK, 0))
        return text_end_across_pages(text);
    const char *block = text;
    unsigned ends = text_ends(block);
    if (!ends) {
        block -= (uintptr_t)block % TEXT_BLOCK;
        do {
            ends = text_ends(block += TEXT_BLOCK);
        } while (!ends);
    }
    return block + (unsigned)__builtin_ctz(ends);
}

static inline size_t text_length(const char *text)
{
    return (size_t)(text_end(text) - text);
}

#endif
