/* Calls by their plain names, as a program of its time does: by what libc's headers make of them when it is built. It
 * prints the link counts of the file and the folder that it is given. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(const char *name, int result, const struct stat *st)
{
    printf("%s %d %lu %o\n", name, result, (unsigned long)st->st_nlink, (unsigned)st->st_mode & S_IFMT);
}

static int step(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)path, (void)place;
    show("nftw", type == FTW_NS, st);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st = {0};
        int fd = open(argv[i], O_PATH | O_CLOEXEC);
        show("stat", stat(argv[i], &st), &st);
        show("lstat", lstat(argv[i], &st), &st);
        show("fstat", fstat(fd, &st), &st);
        show("fstatat", fstatat(AT_FDCWD, argv[i], &st, AT_SYMLINK_NOFOLLOW), &st);
        nftw(argv[i], step, 8, FTW_PHYS);
        close(fd);
    }
    return 0;
}
