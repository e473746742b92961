/* supervisor.c: a worker that fails on some jobs, and one that keeps it going.
 *
 * The clerk has the worker's address once, and knows nothing of its failures: what it
 * sends meanwhile waits for the next life. */
#include <cadre.h>
#include <cadre/actors/supervisor.h>
#include <cadre/fail.h>

#include <stdio.h>

typedef struct {
    int number;
} job;
static CADRE_TYPE(job);
typedef struct {
    int number;
} done;
static CADRE_TYPE(done);

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int *jobs = state; /* done in this life */
    const job *j = cadre_body(m, job);
    if (!j)
        return cadre_unhandled(self, m);
    if (j->number % 3 == 0)
        return cadre_fail(self, CADRE_EUSER, "cannot do job %d", j->number);
    printf("job %d, the %d. of this life\n", j->number, ++*jobs);
    return cadre_reply(self, m, done, j->number);
}
static const cadre_class worker = {
    .name = "worker", .state_size = sizeof(int), .receive = worker_receive};

static int clerk_start(cadre_self *self, void *state)
{
    static const cadre_child_spec children[] = {{.cls = &worker}};
    cadre_supervisor config = {.children = children, .count = 1, .max_restarts = 10};
    cadre_ref supervisor;
    int err = cadre_spawn(self, &supervisor, &cadre_supervisor_class, &config);
    return err ? err
               : cadre_ask(self, NULL, supervisor, CADRE_NEVER, cadre_which_child, 0);
}

static int clerk_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child *child = cadre_body(m, cadre_child);
    const done *d = cadre_body(m, done);
    int err = 0;
    for (int i = 1; child && i <= 8 && !err; i++)
        err = cadre_send(self, child->ref, job, i);
    return d && d->number == 8 ? CADRE_STOP : err;
}
static const cadre_class clerk = {
    .name = "clerk", .start = clerk_start, .receive = clerk_receive};

int main(void) { return cadre_run(NULL, &clerk, NULL) < 0; }
