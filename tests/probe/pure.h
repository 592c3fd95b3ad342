/* What the files of the property driver share; see pure.c. */
#ifndef PURE_H
#define PURE_H

/* A random number less than `limit`; the same ones for the same seed. */
unsigned below(unsigned limit);

/* Say what is wrong, and end with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* Up to `most` of the pieces joined, in a block that is as long as the text, so that one byte too far is seen. */
char *random_text(const char *const *pieces, unsigned count, unsigned most);
#define RANDOM_TEXT(pieces, most) random_text(pieces, sizeof pieces / sizeof *pieces, most)

/* pure_mounts.c */
void mountinfo_property(void);
void mountinfo_noise(void);
void walk_property(void);
void stack_property(void);

/* pure_images.c */
void images_in_memory(unsigned rounds);

#endif
