/* A library whose IFUNC resolver calls stat: while objects are still being relocated, so that a preload's
 * own relocations may not be done. It looks at `target` in the working directory. */
#include <stdio.h>
#include <sys/stat.h>

static struct stat seen;
static int seen_result = -1;

static void print_now(void)
{
    printf("early\t%d\t%lu\n", seen_result, (unsigned long)seen.st_nlink);
}

static void (*resolve(void))(void)
{
    seen_result = stat("target", &seen);
    return print_now;
}

void print_early(void) __attribute__((ifunc("resolve")));
