/* limiter.c: twelve calls at once: five per second, a burst of three, two may wait. */
#include <cadre.h>
#include <cadre/actors/limiter.h>

#include <stdio.h>

typedef struct {
    int number;
} call;
static CADRE_TYPE(call);

static int service_receive(cadre_self *self, void *state, cadre_msg *m)
{
    call *c = cadre_body(m, call);
    return c ? cadre_reply(self, m, call, c->number) : cadre_unhandled(self, m);
}
static const cadre_class service = {.name = "service", .receive = service_receive};

struct client {
    int left;
    cadre_time start;
};

static int client_start(cadre_self *self, void *state)
{
    struct client *me = state;
    cadre_limiter config = {.rate = 5, .burst = 3, .waiting = 2};
    cadre_ref front;
    int err = cadre_spawn(self, &config.target, &service, NULL);
    if (!err)
        err = cadre_spawn(self, &front, &cadre_limiter_class, &config);
    for (int i = 1; i <= me->left && !err; i++)
        err = cadre_ask(self, NULL, front, CADRE_NEVER, call, i);
    me->start = cadre_now(self);
    return err;
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    call *c = cadre_body(m, call);
    cadre_failure *f = cadre_body(m, cadre_failure);
    double seconds = (double)(cadre_now(self) - me->start) / (double)CADRE_SECOND;
    if (c)
        printf("after %.1f s: call %d was served\n", seconds, c->number);
    if (f)
        printf("after %.1f s: one was refused: %s\n", seconds, cadre_strerror(f->code));
    return --me->left > 0 ? 0 : CADRE_STOP;
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct client),
                                   .start = client_start,
                                   .receive = client_receive};

int main(void) { return cadre_run(NULL, &client, &(struct client){.left = 12}) < 0; }
