#include "text.h"

__attribute__((cold)) const char *text_end_across_pages(const char *text)
{
    while (*text)
        text++;
    return text;
}

bool text_equals(const char *text, const char *other)
{
    const char *rest = text_after(text, other);
    return rest && !*rest;
}

bool text_ends_with(const char *text, size_t length, const char *suffix)
{
    size_t end = text_length(suffix);
    while (length > 0 && end > 0 && text[length - 1] == suffix[end - 1])
        length--, end--;
    return end == 0;
}
