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

/* For each byte of a block whether it is 0. As long as none is, that is all zeros again, to compare the next with. */
#ifdef __SSE2__
typedef char text_zeros __attribute__((vector_size(TEXT_BLOCK), may_alias));
typedef char text_bytes __attribute__((vector_size(TEXT_BLOCK), may_alias, aligned(1)));

__attribute__((no_sanitize_address)) static inline unsigned text_ends(const char *block, text_zeros *zeros)
{
    *zeros = *(const text_bytes *)block == *zeros;
    return (unsigned)__builtin_ia32_pmovmskb128(*zeros);
}
#else
typedef char text_zeros;

__attribute__((no_sanitize_address)) static inline unsigned text_ends(const char *block, const text_zeros *zeros)
{
    unsigned ends = 0;
    for (unsigned i = 0; i < TEXT_BLOCK; i++)
        ends |= (unsigned)(block[i] == *zeros) << i;
    return ends;
}
#endif

/* text_end of a string that begins in the last block of its page. */
const char *text_end_across_pages(const char *text);

/* text_end, or NULL if that is less than `least` bytes away (TEXT_BLOCK at most) or takes text_end_across_pages. Five
 * instructions a block on x86-64. */
static inline const char *text_end_beyond(const char *text, unsigned least)
{
    if (__builtin_expect((uintptr_t)text % SMALLEST_PAGE > SMALLEST_PAGE - TEXT_BLOCK, 0))
        return NULL;
    text_zeros zeros = {0};
    const char *block = text;
    unsigned ends = text_ends(block, &zeros); /* a bit for each byte that is 0, the first byte's lowest */
    if (!ends) {
        block -= (uintptr_t)block % TEXT_BLOCK;
        do {
            block += TEXT_BLOCK;
            ends = text_ends(__builtin_assume_aligned(block, TEXT_BLOCK), &zeros);
        } while (!ends);
    } else if (ends & ((1u << least) - 1)) {
        return NULL;
    }
    return block + (unsigned)__builtin_ctz(ends);
}

/* Where the string ends. Not by libc's strlen: that is an IFUNC, which ld.so cannot resolve while libc itself is the
 * program. */
static inline const char *text_end(const char *text)
{
    const char *end = text_end_beyond(text, 0);
    return end ? end : text_end_across_pages(text);
}

static inline size_t text_length(const char *text)
{
    return (size_t)(text_end(text) - text);
}

#endif
