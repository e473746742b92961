/* look.h: the call that begins to watch, for a thread of a pool: paths may block. */
#ifndef ACTORS_IO_LOOK_H
#define ACTORS_IO_LOOK_H

#include <cadre/message.h>

/* Owns the buffers and the descriptor. */
typedef struct changes_look {
    cadre_buf *path;
    /* The result: a descriptor of inotify, or -1 and why. */
    int fd, code;
    size_t name; /* where in the path the one name is; its end: all in the folder */
} changes_look;
extern const cadre_type changes_look_type;

/* A cadre_work that returns 0. */
int changes_look_work(void *body);

#endif
