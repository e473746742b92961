/* pool.c: too much for one: a second worker comes, and leaves when it has no work. */
#include <cadre.h>
#include <cadre/actors/pool.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

typedef struct {
    cadre_promise promise;
} job;
static CADRE_TYPE(job);
static const cadre_type look_type = {.name = "look"};

/* A job takes a tenth of a second for each that the worker has. */
static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int *jobs = state;
    job *j = m->body;
    if (j->promise.token.id) { /* its time has come */
        --*jobs;
        return cadre_answer_as(self, j->promise, &job_type, j);
    }
    if (cadre_defer(self, m, &j->promise))
        return -ENOMEM;
    return cadre_after_as(self, NULL, ++*jobs * 100 * CADRE_MS, &job_type, j);
}
static const cadre_class worker = {
    .name = "worker", .state_size = sizeof(int), .receive = worker_receive};

static int office_start(cadre_self *self, void *state)
{
    cadre_ref *pool = state;
    const cadre_promise none = {{0}, {0}};
    cadre_pool config = {.cls = &worker,
                         .way = CADRE_LEAST_BUSY,
                         .max = 4,
                         .grow_after = 100 * CADRE_MS,
                         .shrink_after = 500 * CADRE_MS};
    int err = cadre_spawn(self, pool, &cadre_pool_class, &config);
    for (int i = 0; i < 20 && !err; i++)
        err = cadre_ask(self, NULL, *pool, CADRE_NEVER, job, .promise = none);
    return err ? err : cadre_every_as(self, NULL, 400 * CADRE_MS, &look_type, NULL);
}

static int office_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_ref *pool = state;
    const cadre_pool_status *s = cadre_body(m, cadre_pool_status);
    if (m->type == &look_type)
        return cadre_ask(self, NULL, *pool, CADRE_NEVER, cadre_pool_ask, 0);
    if (s)
        printf("%u workers, %u jobs\n", s->workers, s->outstanding);
    return s && s->outstanding == 0 && s->workers == 1 ? CADRE_STOP : 0;
}
static const cadre_class office = {.name = "office",
                                   .state_size = sizeof(cadre_ref),
                                   .start = office_start,
                                   .receive = office_receive};

int main(void) { return cadre_run(NULL, &office, NULL) < 0; }
