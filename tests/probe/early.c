/* A library whose constructor calls stat before a preload that it does not depend on is initialised.
 * It looks at `target` in the working directory, for the environment may not be there yet. */
#include <stdio.h>
#include <sys/stat.h>

static struct stat seen;
static int seen_result = -1;

__attribute__((constructor)) static void look_early(void)
{
    seen_result = stat("target", &seen);
}

void print_early(void)
{
    printf("early\t%d\t%lu\n", seen_result, (unsigned long)seen.st_nlink);
}
