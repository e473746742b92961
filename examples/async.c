/* async.c: a proxy, written in sequence: pauses and asks until it has an answer. */
#include <cadre/async.h>
#include <cadre/future.h>
#include <cadre/timer.h>
#include <stdio.h>

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);

static int upstream_receive(cadre_self *self, void *asked, cadre_msg *m)
{
    /* It does not answer the first two. */
    return ++*(int *)asked < 3 ? 0 : cadre_reply(self, m, number, .value = 42);
}
static const cadre_class upstream = {.state_size = sizeof(int),
                                     .receive = upstream_receive};

struct proxy {
    cadre_ref upstream;
    cadre_async run;
    cadre_promise client;
    int asked;
};

static int proxy_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct proxy *me = state;
    CADRE_ASYNC(&me->run, proxy_receive, self, state, m);
    cadre_async_lock(self, &me->run, NULL); /* one after the other */
    me->asked = cadre_body(m, number)->value;
    if ((!me->upstream.id && cadre_spawn(self, &me->upstream, &upstream, NULL)) ||
        cadre_defer(self, m, &me->client))
        CADRE_ASYNC_RETURN(0); /* unanswered, which its sender is told */
    do {
        CADRE_AWAIT(cadre_after(self, &me->run.token, 10 * CADRE_MS, number, 0));
        CADRE_AWAIT(cadre_ask(self, &me->run.token, me->upstream, CADRE_SECOND, number,
                              me->asked));
    } while (!cadre_body(m, number));
    cadre_answer_as(self, me->client, m->type, m->body);
    CADRE_ASYNC_END;
}
static const cadre_class proxy = {.state_size = sizeof(struct proxy),
                                  .receive = proxy_receive};

int main(void)
{
    cadre_system *sys;
    cadre_future *future;
    cadre_msg m;
    if (cadre_system_new(&sys, NULL, &proxy, NULL) ||
        cadre_call(sys, &future, cadre_system_root(sys), number, 21) ||
        cadre_future_wait(future, CADRE_NEVER, &m))
        return 1;
    printf("the answer is %d\n", cadre_body(&m, number)->value);
    cadre_future_free(future);
    return cadre_system_stop_by(sys, CADRE_SECOND) || cadre_system_free(sys);
}
