/* await.c: a proxy in straight-line code: pauses and asks until it has an answer. */
#include <cadre/await.h>
#include <cadre/future.h>
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

/* Other requests for the proxy come when this has returned. */
static int proxy_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref *to = state;
    cadre_token token;
    cadre_msg answer;
    int err = to->id ? 0 : cadre_spawn(self, to, &upstream, NULL);
    for (int tries = 1; !err; tries++) {
        err = cadre_sleep(self, 10 * CADRE_MS);
        if (!err)
            err = cadre_ask(self, &token, *to, CADRE_SECOND, number,
                            cadre_body(m, number)->value);
        if (!err)
            err = cadre_await(self, token, &answer);
        if (!err && cadre_body(&answer, number)) {
            printf("asked %d times\n", tries);
            return cadre_reply_as(self, m, answer.type, answer.body);
        }
    }
    return err; /* the actor fails, and so does the request */
}
static const cadre_class proxy = {.state_size = sizeof(cadre_ref),
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
