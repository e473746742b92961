/* web.h: a system with an HTTP server on loopback, and a client that is bytes. */
#ifndef SUPPORT_WEB_H
#define SUPPORT_WEB_H

#include "support/open.h"
#include "support/sockets.h"

#include <cadre/actors/http.h>

/* The server's; set before web_serve(), which fills in host and port. */
extern cadre_http web;
/* Where `to` of the config and of routes is to be the root: its receive. */
extern cadre_receive *web_root;
extern cadre_ref web_root_ref; /* known when the system has started */

/* Starts it, with the port in web.port. */
cadre_system *web_serve(void);
/* Stops it; the config is zero again. */
void web_served(cadre_system *sys);

/* Sends it, and reads until the server closes. Returns what came, with a zero; valid
 * until the next call. */
const char *web_talk(const char *request);
/* The same for any bytes, over a connection of the caller's. */
const char *web_rest(int fd);
/* Reads one answer, of a server that does not close: up to the end of this text. */
void web_expect_end(int fd, const char *text);
/* The status of the first answer there. */
int web_status(const char *answer);
/* How many times it is there. */
unsigned web_count(const char *text, const char *what);

/* As the server says. */
cadre_http_status web_ask(cadre_system *sys);

#endif
