/* retry.c: a client that knows nothing of it gets its answer from a shaky server. */
#include <cadre.h>
#include <cadre/actors/retry.h>

#include <stdio.h>

typedef struct {
    int value;
} question;
typedef struct {
    int value;
} answer;
static CADRE_TYPE(question);
static CADRE_TYPE(answer);

/* Answers every third time, and forgets the others. */
static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int *asked = state;
    question *q = cadre_body(m, question);
    if (!q)
        return cadre_unhandled(self, m);
    printf("server: attempt %d\n", ++*asked);
    return *asked % 3 ? 0 : cadre_reply(self, m, answer, q->value * 2);
}
static const cadre_class server = {
    .name = "server", .state_size = sizeof(int), .receive = server_receive};

static int client_start(cadre_self *self, void *state)
{
    cadre_retry config = {.delay = 10 * CADRE_MS, .codes = {CADRE_EUNANSWERED}};
    cadre_ref front;
    int err = cadre_spawn(self, &config.target, &server, NULL);
    if (!err)
        err = cadre_spawn(self, &front, &cadre_retry_class, &config);
    return err ? err : cadre_ask(self, NULL, front, CADRE_SECOND, question, 21);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    answer *a = cadre_body(m, answer);
    cadre_failure *f = cadre_body(m, cadre_failure);
    if (f)
        return f->code;
    printf("client: the answer is %d\n", a ? a->value : 0);
    return CADRE_STOP;
}
static const cadre_class client = {
    .name = "client", .start = client_start, .receive = client_receive};

int main(void)
{
    int err = cadre_run(NULL, &client, NULL);
    if (err < 0)
        fprintf(stderr, "retry: %s\n", cadre_strerror(err));
    return err < 0;
}
