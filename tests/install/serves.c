/* serves.c: a user's program with HTTP: it asks itself. */
#include <cadre.h>
#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>

#include <stdio.h>

static cadre_ref client;

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    (void)state;
    return cadre_http_reply_text(self, m, 200, "here\n");
}
static const cadre_http_route routes[] = {{"GET", "/", page}, {NULL, NULL, NULL}};

static int start(cadre_self *self, void *state)
{
    const cadre_http config = {.host = "127.0.0.1", .routes = routes};
    cadre_ref server;
    (void)state;
    int err = cadre_spawn(self, &server, &cadre_http_class, &config);
    if (!err)
        err = cadre_spawn(self, &client, &cadre_http_client_class, NULL);
    return err ? err : cadre_ask(self, NULL, server, CADRE_NEVER, cadre_http_ask, 0);
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_http_response *response = cadre_body(m, cadre_http_response);
    char url[64];
    (void)state;
    if (!status)
        return response && response->status == 200 ? CADRE_STOP : CADRE_EUSER;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", status->port);
    const cadre_http_call call = {.url = url};
    return cadre_http_fetch(self, NULL, client, CADRE_NEVER, &call);
}
static const cadre_class class = {.name = "serves", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
