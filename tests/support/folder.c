/* folder.c: a folder for a test's files. */
#include "support/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char folder[] = "/tmp/cadre-files-XXXXXX";
static pid_t owner;

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    return remove(path);
}
static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
void make_folder(void)
{
    if (owner)
        return;
    assert_non_null(mkdtemp(folder));
    owner = getpid();
    atexit(remove_folder);
}

const char *in_folder(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void assert_file(const char *path, const char *text)
{
    static char found[1 << 16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(found, 1, sizeof found - 1, file);
    found[n] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

static unsigned names;
static int count_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    names += ftw->level == 1;
    return 0;
}
unsigned count_names(void)
{
    names = 0;
    nftw(folder, count_one, 8, FTW_PHYS);
    return names;
}
