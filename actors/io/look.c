/* look.c: the call that begins to watch. */
#include "look.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static void drop(void *body)
{
    changes_look *look = body;
    if (look->fd >= 0)
        close(look->fd);
    look->fd = -1;
    cadre_buf_unref(cadre_buf_move(&look->path));
}
CADRE_TYPE_DROP(changes_look, drop);

/* One watch that tells all that happens in there. */
static int watch(int fd, const char *folder)
{
    const uint32_t events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                            IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF |
                            IN_MOVE_SELF | IN_ONLYDIR;
    return inotify_add_watch(fd, folder, events) < 0 ? -errno : 0;
}

/* The folder that the name is in. */
static int watch_around(changes_look *look, char *path)
{
    char *name = path + look->name;
    if (name == path)
        return watch(look->fd, ".");
    char first = *name;
    *name = '\0';
    int err = watch(look->fd, path);
    *name = first;
    return err;
}

int changes_look_work(void *body)
{
    changes_look *look = body;
    char *path = (char *)cadre_buf_data(look->path);
    const char *slash = strrchr(path, '/');
    struct stat there;
    look->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (look->fd < 0) {
        look->code = -errno;
        return 0;
    }
    bool is_folder = stat(path, &there) == 0 && S_ISDIR(there.st_mode);
    look->name = is_folder ? strlen(path) : slash ? (size_t)(slash + 1 - path) : 0;
    look->code = is_folder ? watch(look->fd, path) : watch_around(look, path);
    return 0;
}
