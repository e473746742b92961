/* others.h: other people's servers of the folder, and proxies, on loopback. */
#ifndef SUPPORT_OTHERS_H
#define SUPPORT_OTHERS_H

#include "support/fetching.h"
#include "support/folder.h"

#include <sys/types.h>

bool has_python(void); /* new enough */
bool has_nginx(void);
/* With TLS by the certificate and key of that name in the folder; NULL: without. */
pid_t start_python(uint16_t *port, const char *certificate);
/* nginx; behind `listen` and in the server's block stands this, too. */
pid_t start_nginx(uint16_t *port, const char *listen, const char *lines);
/* tinyproxy; with these lines in its configuration. */
bool has_tinyproxy(void);
pid_t start_tinyproxy(uint16_t *port, const char *lines);
void end_server(pid_t pid);
/* Whatever serves the folder there, in its own words of HTTP, is understood. */
void expect_folder(cadre_system *sys, const char *scheme, uint16_t port);

#endif
