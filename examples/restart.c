/* restart.c: a worker that fails now and then, and a boss that has it start again: at
 * the same address, with the jobs that wait.
 *
 *   cc restart.c -lcadre && ./a.out
 *   job 1 done
 *   job 2 done
 *   the worker failed (-10000), start 2
 *   job 4 done
 *   job 5 done */
#include <cadre.h>
#include <cadre/supervise.h>

#include <stdio.h>

typedef struct {
    int number;
} job;
CADRE_TYPE(job);

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    int *patience = state, number = cadre_body(m, job)->number;
    if (--*patience < 0)
        return CADRE_EUSER; /* fails: the job in hand is lost, not those that wait */
    printf("job %d done\n", number);
    return number == 5 ? CADRE_STOP : 0;
}

static const cadre_class worker_class = {
    .name = "worker", .state_size = sizeof(int), .receive = work};

static int start(cadre_self *self, void *state)
{
    cadre_ref worker;
    const cadre_opts opts = {.keep = true};
    int err = cadre_spawn_with(self, &worker, &worker_class, &(int){2}, &opts);
    for (int i = 1; !err && i <= 5; i++)
        err = cadre_send(self, worker, job, i);
    return err;
}

static int decide(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down || down->reason == 0)
        return CADRE_STOP;
    printf("the worker failed (%d), start %u\n", down->reason, down->starts + 1);
    return cadre_restart(self, down->child);
}

int main(void)
{
    const cadre_class boss = {.name = "boss", .start = start, .receive = decide};
    return cadre_run(&(cadre_config){.workers = 1}, &boss, NULL) != 0;
}
