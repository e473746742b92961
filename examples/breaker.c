/* breaker.c: a server falls ill; after two failures its clients do not wait any more. */
#include <cadre.h>
#include <cadre/actors/breaker.h>
#include <cadre/timer.h>

#include <stdio.h>

typedef struct {
    int number;
} request;
static CADRE_TYPE(request);
static const cadre_type next_type = {.name = "next"};

/* Ill from the third request on to the fourth: it forgets to answer. */
static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int asked = ++*(int *)state;
    if (asked == 3 || asked == 4)
        return 0;
    return cadre_reply(self, m, request, asked);
}
static const cadre_class server = {
    .name = "server", .state_size = sizeof(int), .receive = server_receive};

struct client {
    cadre_ref front;
    int sent;
};

static int client_start(cadre_self *self, void *state)
{
    struct client *me = state;
    cadre_breaker config = {.failures = 2, .cooldown = 100 * CADRE_MS};
    int err = cadre_spawn(self, &config.target, &server, NULL);
    if (!err)
        err = cadre_spawn(self, &me->front, &cadre_breaker_class, &config);
    return err ? err : cadre_every_as(self, NULL, 30 * CADRE_MS, &next_type, NULL);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    cadre_failure *f = cadre_body(m, cadre_failure);
    if (m->type == &next_type)
        return cadre_ask(self, NULL, me->front, CADRE_SECOND, request, ++me->sent);
    printf("%d: %s%s%s\n", me->sent, f ? cadre_strerror(f->code) : "answered",
           f && f->message ? ", " : "", f && f->message ? f->message : "");
    return me->sent < 10 ? 0 : CADRE_STOP;
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct client),
                                   .start = client_start,
                                   .receive = client_receive};

int main(void) { return cadre_run(NULL, &client, NULL) < 0; }
