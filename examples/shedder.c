/* shedder.c: ten times more requests than can be served; those served are quick. */
#include <cadre.h>
#include <cadre/actors/shedder.h>
#include <cadre/timer.h>
#include <stdio.h>

typedef struct {
    cadre_promise promise;
    cadre_time sent;
} request;
static CADRE_TYPE(request);
static const cadre_type next_type = {.name = "next"};

/* A request takes 10 ms, and there is one at a time. */
static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    request *r = cadre_body(m, request);
    if (r->promise.token.id) /* its time has come */
        return cadre_answer_as(self, r->promise, &request_type, r);
    int err = cadre_defer(self, m, &r->promise);
    return err ? err : cadre_after_as(self, NULL, 10 * CADRE_MS, &request_type, r);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

struct client {
    cadre_ref front;
    int sent, over, served;
    cadre_time longest;
};

static int client_start(cadre_self *self, void *state)
{
    cadre_shedder config = {.delay = 30 * CADRE_MS, .interval = 50 * CADRE_MS};
    int err = cadre_spawn(self, &config.target, &server, NULL);
    if (!err)
        err = cadre_spawn(self, state, &cadre_shedder_class, &config);
    return err ? err : cadre_every_as(self, NULL, CADRE_MS, &next_type, NULL);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    const request *r = cadre_body(m, request);
    cadre_time now = cadre_now(self), took = r ? now - r->sent : 0;
    if (m->type == &next_type)
        return me->sent++ >= 1000 ? 0
                                  : cadre_ask(self, NULL, me->front, CADRE_NEVER,
                                              request, .sent = now);
    me->served += r != NULL;
    me->longest = took > me->longest ? took : me->longest;
    if (++me->over < 1000)
        return 0;
    printf("%d served, in %d ms at most\n", me->served, (int)(me->longest / CADRE_MS));
    return CADRE_STOP;
}
static const cadre_class client = {.state_size = sizeof(struct client),
                                   .start = client_start,
                                   .receive = client_receive};

int main(void) { return cadre_run(NULL, &client, NULL) < 0; }
