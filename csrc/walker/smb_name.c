#include "smb_name.h"

#include <stdbool.h>

#include "walker.h"

enum {
    FIRST_PRIVATE = 0xf001, /* U+F001 to U+F029 stand for reserved characters on the wire */
    LAST_PRIVATE = 0xf029,
};

/* The bytes of the UTF-8 sequence at `at`, and its code point; 0 if there is none. Surrogates, overlong forms and what
 * lies beyond U+10FFFF are none. */
static size_t decode(const unsigned char *at, uint32_t *code)
{
    static const struct {
        unsigned char mask, mark;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < sizeof forms / sizeof *forms; more++) {
        if ((at[0] & forms[more].mask) != forms[more].mark)
            continue;
        *code = at[0] & (unsigned char)~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            *code = *code << 6 | (at[i] & 0x3f);
        }
        bool surrogate = *code >= 0xd800 && *code < 0xe000;
        return *code >= forms[more].least && *code <= 0x10ffff && !surrogate ? more + 1 : 0;
    }
    return 0;
}

/* Of ASCII: the control characters and " * : < > ? \ | */
static bool is_reserved(unsigned char c)
{
    static const uint32_t reserved[4] = {0xffffffff, 0xd4000404, 0x10000000, 0x10000000};
    return reserved[c >> 5] >> (c & 31) & 1;
}

uint32_t smb_name(const char *name, size_t *length, uint64_t *hash)
{
    const unsigned char *at = (const unsigned char *)name;
    uint32_t found = 0;
    uint64_t mixed = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    while (*at) {
        uint32_t code = *at;
        size_t size = 1;
        if (code < 0x80) {
            if (is_reserved(*at))
                found |= NAME_RESERVED;
        } else if (!(size = decode(at, &code))) {
            found |= NAME_NOT_UTF8;
            size = 1;
        } else if (code >= FIRST_PRIVATE && code <= LAST_PRIVATE) {
            found |= NAME_RESERVED;
        }
        for (; size; size--, at++)
            mixed = (mixed ^ *at) * UINT64_C(0x100000001b3);
    }
    *length = (size_t)(at - (const unsigned char *)name);
    *hash = mixed;
    if (*length && (at[-1] == '.' || at[-1] == ' '))
        found |= NAME_RESERVED;
    return found;
}

uint32_t walk_smb_name(const char *name)
{
    size_t length;
    uint64_t hash;
    return smb_name(name, &length, &hash);
}
