/* operations.c: what does one operation of each kind cost, that ask.c, await.c, future.c
 * and the timers have no row of?
 *
 * One actor starts one after the other, each when the one before is over. `step`: a
 * promise, a step that follows it, and the answer that keeps it. `apply`: a function
 * called in another actor's turn, and one back. `offload`: a call that does nothing, on
 * the threads for that, and its result. `cancel`: a request that is deferred, and a
 * second one for its sake, deferred as well; the first is cancelled, and whoever had that
 * hears of it. `follow`: the same where it was passed on on its way. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/apply.h>
#include <cadre/chain.h>
#include <cadre/offload.h>

typedef struct {
    uint64_t value;
} item;
static CADRE_TYPE(item);

enum kind { STEP, APPLY, OFFLOAD, CANCEL, FOLLOW, KINDS };

struct job {
    enum kind kind;
    uint64_t n, over, messages;
    int64_t start, end;
};

struct client {
    struct job *job;
    cadre_ref to;
    cadre_token token;
};

static int go_on(cadre_self *self, struct client *me);

/* ---- what the client starts ---- */

static int take_step(cadre_self *self, void *state, cadre_msg *m)
{
    return go_on(self, state);
}
static int begin_step(cadre_self *self, struct client *me)
{
    cadre_token token;
    cadre_promise promise;
    int err = cadre_promise_new(self, &token, &promise, CADRE_NEVER);
    if (!err)
        err = cadre_chain(self, NULL, token, take_step, NULL);
    return err ? err : cadre_answer(self, promise, item, me->job->over);
}

struct client_and_ref {
    struct client *client;
    cadre_ref ref;
};
static int back(cadre_self *self, void *state, void *arg) { return go_on(self, state); }
static int forth(cadre_self *self, void *state, void *arg)
{
    const struct client_and_ref *caller = arg;
    return cadre_apply(self, caller->ref, back, NULL);
}
static int begin_apply(cadre_self *self, struct client *me)
{
    static struct client_and_ref caller; /* no writer while it is under way */
    caller = (struct client_and_ref){me, cadre_me(self)};
    return cadre_apply(self, me->to, forth, &caller);
}

static int no_work(void *body) { return 0; }

static int begin(cadre_self *self, struct client *me)
{
    switch (me->job->kind) {
    case STEP:
        return begin_step(self, me);
    case APPLY:
        return begin_apply(self, me);
    case OFFLOAD:
        return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_NEVER, no_work, item,
                             me->job->over);
    default:
        return cadre_ask(self, &me->token, me->to, CADRE_NEVER, item, me->job->over);
    }
}

static int go_on(cadre_self *self, struct client *me)
{
    struct job *job = me->job;
    if (job->over++ < job->n)
        return begin(self, me);
    job->end = bench_now();
    return CADRE_STOP;
}

/* ---- whom it asks ---- */

/* Says so to the one behind the one that asks: the request has come as far as it will. */
static int hold(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err : cadre_send(self, cadre_parent(self), item, 0);
}
static const cadre_class store = {.name = "store", .receive = hold};

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    if (!cadre_body(m, item)) /* it was cancelled */
        return cadre_send(self, cadre_parent(self), item, 1);
    int err = cadre_defer(self, m, &promise);
    return err ? err : cadre_ask(self, NULL, *(cadre_ref *)state, CADRE_NEVER, item, 0);
}
static const cadre_class worker = {
    .name = "worker", .state_size = sizeof(cadre_ref), .receive = work};

static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, *(cadre_ref *)state, m);
}
static const cadre_class front = {
    .name = "front", .state_size = sizeof(cadre_ref), .receive = pass_on};

/* ---- the client ---- */

static bool cancels(const struct client *me)
{
    return me->job->kind == CANCEL || me->job->kind == FOLLOW;
}

static int start(cadre_self *self, void *state)
{
    struct client *me = state;
    int err = cadre_spawn(self, &me->to, &store, NULL);
    if (!err && cancels(me))
        err = cadre_spawn(self, &me->to, &worker, &me->to);
    if (!err && me->job->kind == FOLLOW)
        err = cadre_spawn(self, &me->to, &front, &me->to);
    me->job->start = bench_now();
    return err ? err : go_on(self, me);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    const item *i = cadre_body(m, item);
    if (cadre_body(m, cadre_failure))
        return cadre_body(m, cadre_failure)->code;
    if (cancels(me) && i && i->value == 0)
        return cadre_cancel(self, me->token);
    return go_on(self, me);
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct client),
                                   .start = start,
                                   .receive = receive};

static const struct {
    const char *name, *operation;
    uint64_t messages; /* of each operation */
} kinds[KINDS] = {{"step", "future and step", 1},
                  {"apply", "call there and back", 2},
                  {"offload", "call", 1},
                  {"cancel", "request", 5},
                  {"follow", "request", 6}};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.kind = (enum kind)setting->size, .n = n};
    int err =
        trial_run("operations", setting->workers, &client,
                  &(struct client){.job = &job}, n * kinds[setting->size].messages);
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t n = 200000;
    struct plan plan = {0};
    struct bench bench = {.name = "operations",
                          .question = "What does one operation of each kind cost?",
                          .method = "time from the first to the end of the last",
                          .repeat = 5,
                          .warmup = 1};
    const struct option_row own[] = {
        {"operations", "N", "operations per run", &n, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    for (uint64_t kind = 0; kind < KINDS; kind++) {
        struct bench_row row = {.name = kinds[kind].name,
                                .operation = kinds[kind].operation,
                                .n = n,
                                .run = run};
        plan_sweep(&plan, &row, kind);
    }
    return plan_run(&plan, &bench);
}
