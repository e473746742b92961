/* local.h: names of UNIX sockets, and the files that come with them. */
#ifndef IO_LOCAL_H
#define IO_LOCAL_H

#include "base/cc.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct local {
    socklen_t size; /* of the name */
    struct sockaddr_un name;
    /* Of who listens: the file that it has made. */
    dev_t device;
    ino_t inode;
};

/* A path; or @ and an abstract name, which has no file. Returns 0, -EINVAL (empty),
 * -ENAMETOOLONG. */
CC_MUST_CHECK int local_parse(struct local *local, const char *path);
/* A socket that listens there; a file that nobody listens at any more is replaced.
 * Returns it, or -EADDRINUSE and what else the system says. */
CC_MUST_CHECK int local_listen(struct local *local, int backlog);
/* Nobody will listen: removes the file, if it is still ours. */
void local_unlink(const struct local *local);
/* A socket for local_connect, or an error. */
CC_MUST_CHECK int local_socket(void);
/* Returns 0; -EAGAIN: too many wait there; or what else the system says. */
CC_MUST_CHECK int local_connect(int fd, const struct local *local);

#endif
