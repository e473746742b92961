/* changes.h: what changes in a folder, or with a file, as messages. Of the library
 * cadre-io.
 *
 * An actor watches a folder, and tells what happens to what is directly in it; or it
 * watches one name in a folder, whether there is a file now or not: so it sees also what
 * editors do, which write another file and rename that. A symbolic link is such a name,
 * not what it leads to. What is done to a file by another of its names, by mmap(), or on
 * another machine that has the same file system, the kernel does not tell.
 *
 *   const cadre_changes what = {.path = "/etc/service.conf"};
 *   err = cadre_spawn(self, &child, &cadre_changes_class, &what);
 *
 * The first message says that it watches: what was before that, look up then. The actor
 * ends with 0 when it has told that the folder is gone. It fails, with words, when it
 * cannot watch: -ENOENT, -ENOTDIR (no folder), -EACCES; -ENOSPC (raise the sysctl
 * fs.inotify.max_user_watches), -EMFILE (fs.inotify.max_user_instances: each of these
 * actors has one; or descriptors), -ENOMEM, and what else the system says. Then a
 * supervisor may start it again. In a simulation, and isolated, it fails with -ENOTSUP.
 *
 * Guarantees, each with a test of that name:
 *   changes_are_told      each change between the first message and the last; several of
 *                         one file within `settle` may be one message
 *   in_order              those of one name come in the order in which they happened
 *   loss_is_told          where the kernel, the memory or a mailbox had no room for some,
 *                         it is said that they are missing, before what comes after
 *   save_is_seen          a file that is replaced by a rename is told by its name
 *   end_of_folder_is_told when it is removed, moved away or unmounted; removed it is, for
 *                        the kernel, when nobody has it open, or works there, any more */
#ifndef CADRE_ACTORS_CHANGES_H
#define CADRE_ACTORS_CHANGES_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a path, or with a settle below
 * 0, the start fails with -EINVAL. */
typedef struct cadre_changes {
    const char *path;  /* copied at each start */
    cadre_ref to;      /* who is told. id 0: who has spawned it */
    cadre_time settle; /* what belongs together is waited for so long. 0: 20 ms */
    uint64_t own[8];   /* zero; the actor's own */
} cadre_changes;
CADRE_API extern const cadre_class cadre_changes_class;

enum cadre_change_kind {
    CADRE_CHANGE_WATCHED, /* from now on; the first message */
    CADRE_CHANGE_CREATED, /* it is there: made, moved to there, or in another's place */
    CADRE_CHANGE_CHANGED, /* contents, mode, times, owner */
    CADRE_CHANGE_REMOVED, /* it is not there any more: also moved away */
    CADRE_CHANGE_RENAMED, /* within the folder, from `from`; what was there is replaced.
                           * Seldom told as removed and created */
    CADRE_CHANGE_LOST,    /* some are missing: look at everything again */
    CADRE_CHANGE_GONE     /* the folder; the last message */
};
enum { CADRE_CHANGE_NAME = 256 };

typedef struct cadre_change {
    int kind;
    bool is_folder; /* what has this name */
    bool is_closed; /* who wrote it has closed it since; or it was moved */
    char name[CADRE_CHANGE_NAME]; /* in the folder; "" of the folder as a whole */
    char from[CADRE_CHANGE_NAME]; /* renamed; else "" */
} cadre_change;
CADRE_API extern const cadre_type cadre_change_type;

#ifdef __cplusplus
}
#endif
#endif
