/* Compilers may call these for an assignment of a structure; without libc they are ours, and hidden. */
#include <stddef.h>

void *memset(void *to, int value, size_t size)
{
    unsigned char *byte = to;
    while (size--)
        *byte++ = (unsigned char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *byte = to;
    const unsigned char *source = from;
    while (size--)
        *byte++ = *source++;
    return to;
}
