/* sockets.h: the other side of a socket, without Cadre: blocking, on the test's thread.
 * What does not come within a minute fails the test. */
#ifndef SUPPORT_SOCKETS_H
#define SUPPORT_SOCKETS_H

#include "support/support.h"

#include <dirent.h>

/* A TCP socket to or on loopback; `socket` alone is not connected yet. */
int raw_socket(void);
int raw_connect_socket(int fd, uint16_t port); /* 0 or -errno */
int raw_connect(uint16_t port);
int raw_listen(uint16_t *port, int backlog);
int raw_accept(int listener);
/* The same of UNIX sockets; path: a file's, or @ and a name. */
int raw_local_socket(void);
int raw_local_connect_socket(int fd, const char *path); /* 0 or -errno */
int raw_local_connect(const char *path);
int raw_local_listen(const char *path, int backlog);
/* The sender of the next close sends a reset. */
void raw_reset(int fd);

void raw_send(int fd, const void *bytes, size_t size);
/* Sends zeros as long as the socket takes them, or until there were `most`. Returns how
 * many. */
size_t raw_send_until_stuck(int fd, size_t most);
/* The same with these bytes again and again. */
size_t raw_repeat_until_stuck(int fd, const void *bytes, size_t size, size_t most);
/* Exactly these come. */
void raw_expect(int fd, const void *bytes, size_t size);
/* Reads up to size bytes until the end. Returns how many, or -errno. */
ssize_t raw_read_all(int fd, void *bytes, size_t size);
/* Nothing more comes: 0 at an orderly end, or -ECONNRESET. */
int raw_end(int fd);

/* One descriptor after the other, of a folder that has their numbers. */
bool raw_next_descriptor(DIR *dir, int *fd);
/* The other end of a TCP connection with this process itself. */
int raw_other_end(int fd);
int raw_find_other_end(int fd); /* or -1 */
/* How much of what was sent there has been read: the kernel has the rest. */
size_t raw_read_ahead(int fd, size_t sent);
/* How many descriptors this process has open. */
unsigned raw_descriptors(void);

#endif
