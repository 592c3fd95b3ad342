/* A process under the shim that spoils the shim's image in its own memory: the ELF header and tables (what lies
 * before its code), its dynamic section, and the state object.
 *
 * For each line of stdin, a seed: restore the image, change some bytes, write "ready". Seed 0 changes nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, HEAD = PAGE, MOST_CHANGES = 12 };

int main(void)
{
    char *state = dlsym(RTLD_DEFAULT, "nlinkshim_state");
    Dl_info info;
    struct link_map *map;
    if (!state || !dladdr1(state, &info, (void **)&map, RTLD_DL_LINKMAP))
        return 1;
    char *parts[] = {info.dli_fbase, (char *)map->l_ld, state};
    size_t sizes[] = {HEAD, 512, 256}, count = sizeof sizes / sizeof *sizes;
    char saved[3][HEAD];
    for (size_t i = 0; i < count; i++) {
        char *page = (char *)((uintptr_t)parts[i] & ~(uintptr_t)(PAGE - 1));
        size_t length = ((size_t)(parts[i] - page) + sizes[i] + PAGE - 1) & ~(size_t)(PAGE - 1);
        if (mprotect(page, length, PROT_READ | PROT_WRITE) != 0)
            return 1;
        memcpy(saved[i], parts[i], sizes[i]);
    }
    for (char line[32]; fgets(line, sizeof line, stdin);) {
        unsigned seed = (unsigned)atoi(line);
        for (size_t i = 0; i < count; i++)
            memcpy(parts[i], saved[i], sizes[i]);
        for (int n = seed ? 1 + rand_r(&seed) % MOST_CHANGES : 0; n > 0; n--) {
            size_t i = (size_t)rand_r(&seed) % count;
            parts[i][(size_t)rand_r(&seed) % sizes[i]] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) : -1);
        }
        static const char ready[] = "ready\n";
        if (write(1, ready, sizeof ready - 1) < 0)
            return 1;
    }
    _exit(0); /* not through the spoilt image's destructors */
}
