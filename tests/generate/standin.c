/* Stands in for two programs of an Alpine image, by the name it is called by: find, as far as the entrypoint uses it,
 * and smbd, which tells the link count of all that the mount holds and then waits for its end. */
#include <dirent.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int paths_only;
static const char *wanted; /* a count, or + and a count to exceed; NULL: tell it of each */

static void visit(const char *path, int levels)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return;
    if (paths_only) {
        fwrite(path, 1, strlen(path) + 1, stdout);
    } else if (!wanted) {
        printf("%lu %s\n", (unsigned long)st.st_nlink, path);
    } else if (wanted[0] == '+' ? st.st_nlink > strtoul(wanted, NULL, 10) : st.st_nlink == strtoul(wanted, NULL, 10)) {
        puts(path);
        exit(0);
    }
    DIR *folder = levels > 0 && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char below[4096];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        visit(below, levels - 1);
    }
    if (folder)
        closedir(folder);
}

static void end(int number)
{
    _exit(number == SIGTERM ? 0 : 1);
}

int main(int count, char **words)
{
    if (!strcmp(basename(words[0]), "find")) { /* PATH -maxdepth LEVELS -links COUNT -print -quit */
        if (!strcmp(words[2], "-mindepth")) { /* PATH -mindepth 1 -maxdepth LEVELS -print0 ... */
            paths_only = 1;
            visit(words[1], atoi(words[5]));
            return 0;
        }
        wanted = words[5];
        visit(words[1], atoi(words[3]));
        return 0;
    }
    puts("Version 0.0-standin");
    if (count == 2 && !strcmp(words[1], "-b"))
        puts("   MODULESDIR: /usr/lib/samba");
    if (count == 2)
        return 0;
    signal(SIGTERM, end); /* the first process has no default action */
    visit(MOUNT, 9);
    fflush(stdout);
    pause();
    return 1;
}
