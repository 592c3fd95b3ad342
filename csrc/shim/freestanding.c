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

#ifdef __ARM_EABI__
/* Unwind tables name these, for the linker to find the unwinder by; the unwinder goes by their numbers. */
void __aeabi_unwind_cpp_pr0(void)
{
}

void __aeabi_unwind_cpp_pr1(void)
{
}

void __aeabi_unwind_cpp_pr2(void)
{
}
#endif
