/* cancel.c: deadlines and cancelling reach all that is done for the sake of a request. */
#include <cadre/ask.h>
#include <cadre/system.h>
#include <cadre/timer.h>
#include <stdio.h>

typedef struct {
    int what;
} query;
static CADRE_TYPE(query);

static int never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise; /* kept, and not answered */
    printf("the store has a deadline: %d\n", cadre_deadline(self) != CADRE_NEVER);
    return cadre_defer(self, m, &promise);
}
static const cadre_class store = {.receive = never};
/* Asks the store for the sake of what it was asked; it would wait for ever. */
static int look_up(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (f) {
        printf("the worker hears: %s\n", cadre_strerror(f->code));
        return cadre_stop(self, cadre_parent(self));
    }
    int err = cadre_defer(self, m, &promise);
    return err ? err
               : cadre_ask(self, NULL, *(cadre_ref *)state, CADRE_NEVER, query, 1);
}
static const cadre_class worker = {.state_size = sizeof(cadre_ref), .receive = look_up};

static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, *(cadre_ref *)state, m); /* the cancel finds it there */
}
static const cadre_class front = {.state_size = sizeof(cadre_ref), .receive = pass_on};

static int start(cadre_self *self, void *token)
{
    cadre_ref to;
    int err = cadre_spawn(self, &to, &store, NULL);
    if (!err)
        err = cadre_spawn(self, &to, &worker, &to);
    if (!err)
        err = cadre_spawn(self, &to, &front, &to);
    if (!err)
        err = cadre_ask(self, token, to, 60 * CADRE_SECOND, query, 1);
    return err ? err : cadre_after(self, NULL, 10 * CADRE_MS, query, 0);
}
static int receive(cadre_self *self, void *token, cadre_msg *m)
{
    return cadre_cancel(self, *(cadre_token *)token);
}
static const cadre_class root = {
    .state_size = sizeof(cadre_token), .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
