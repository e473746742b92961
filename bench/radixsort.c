/* radixsort.c: how many messages per second flow through a pipeline of sixty actors that
 * sort numbers by one bit each?
 *
 * A source sends all numbers to the first stage. The stage of a bit passes on those in
 * which the bit is 0 at once, and those in which it is 1 after the last has come, both
 * in the order of their coming; then it ends. A validator behind the last stage looks
 * whether they arrive in order. Savina's radix sort: the numbers have 16 bits, so the
 * stages from the 17th on only pass them through. */
#include "harness/l16.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STAGES = 60, SEED = 2048 };

typedef struct {
    uint64_t value;
} number;
typedef struct {
    uint64_t sum, falls; /* falls: numbers that followed a larger one */
} verdict;
static CADRE_TYPE(number);
static CADRE_TYPE(verdict);

struct stage {
    cadre_ref next;
    uint64_t bit; /* as a mask */
    uint64_t left;
    uint64_t *kept;
    size_t count, room;
};

static int keep(struct stage *me, uint64_t value)
{
    if (me->count == me->room) {
        size_t room = me->room ? 2 * me->room : 1024;
        uint64_t *kept = realloc(me->kept, room * sizeof *kept);
        if (!kept)
            return -ENOMEM;
        me->kept = kept;
        me->room = room;
    }
    me->kept[me->count++] = value;
    return 0;
}

static int stage_end(cadre_self *self, const struct stage *me)
{
    int err = 0;
    for (size_t i = 0; i < me->count && err == 0; i++)
        err = cadre_send(self, me->next, number, .value = me->kept[i]);
    return err < 0 ? err : CADRE_STOP;
}

static int stage_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct stage *me = state;
    const number *n = cadre_body(m, number);
    if (!n)
        return cadre_unhandled(self, m);
    int err = n->value & me->bit
                  ? keep(me, n->value)
                  : cadre_send(self, me->next, number, .value = n->value);
    return err < 0 || --me->left > 0 ? err : stage_end(self, me);
}

static void stage_stop(cadre_self *self, void *state, int reason)
{
    free(((struct stage *)state)->kept);
}
static const cadre_class stage = {.name = "stage",
                                  .state_size = sizeof(struct stage),
                                  .receive = stage_receive,
                                  .stop = stage_stop};

struct validator {
    uint64_t left, last, sum, falls;
};

static int validator_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct validator *me = state;
    const number *n = cadre_body(m, number);
    if (!n)
        return cadre_unhandled(self, m);
    me->sum += n->value;
    me->falls += n->value < me->last;
    me->last = n->value;
    if (--me->left > 0)
        return 0;
    return cadre_send(self, cadre_parent(self), verdict, .sum = me->sum,
                      .falls = me->falls);
}
static const cadre_class validator = {.name = "validator",
                                      .state_size = sizeof(struct validator),
                                      .receive = validator_receive};

/* What the main program lends the source. */
struct job {
    uint64_t numbers;
    uint64_t sum, falls;
    int64_t start, end;
};

struct source {
    struct job *job;
};

/* The validator, and before it the stages, the last one first. */
static int build_pipeline(cadre_self *self, cadre_ref *first, uint64_t numbers)
{
    int err =
        cadre_spawn(self, first, &validator, &(struct validator){.left = numbers});
    for (int bit = STAGES - 1; bit >= 0 && err == 0; bit--) {
        struct stage init = {
            .next = *first, .bit = UINT64_C(1) << bit, .left = numbers};
        err = cadre_spawn(self, first, &stage, &init);
    }
    return err;
}

static int source_start(cadre_self *self, void *state)
{
    struct job *job = ((struct source *)state)->job;
    uint32_t random = SEED;
    cadre_ref first;
    int err = build_pipeline(self, &first, job->numbers);
    job->start = bench_now();
    for (uint64_t i = 0; i < job->numbers && err == 0; i++)
        err = cadre_send(self, first, number, .value = l16_next(&random));
    return err;
}

static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = ((struct source *)state)->job;
    const verdict *v = cadre_body(m, verdict);
    if (!v)
        return cadre_unhandled(self, m);
    job->end = bench_now();
    job->sum = v->sum;
    job->falls = v->falls;
    return CADRE_STOP;
}
static const cadre_class source = {.name = "source",
                                   .state_size = sizeof(struct source),
                                   .start = source_start,
                                   .receive = source_receive};

/* The sums of the first numbers, for sizes in common use. */
static const struct {
    uint64_t numbers, sum;
} known[] = {{40000, UINT64_C(1310770592)},
             {100000, UINT64_C(3275789328)},
             {400000, UINT64_C(13108594752)}};

static int check(const struct job *job)
{
    uint32_t random = SEED;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < job->numbers; i++)
        sum += l16_next(&random);
    bool right = job->sum == sum && job->falls == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        right &= job->numbers != known[i].numbers || job->sum == known[i].sum;
    if (right)
        return 0;
    fprintf(stderr,
            "radixsort: wrong result: sum %" PRIu64 ", %" PRIu64 " out of order\n",
            job->sum, job->falls);
    return -1;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.numbers = setting->size};
    /* Each number, through all stages and to the validator; the verdict. */
    int err = trial_run("radixsort", setting->workers, &source,
                        &(struct source){.job = &job}, n + 1);
    *total = (double)(job.end - job.start);
    return err == 0 ? check(&job) : err;
}

int main(int argc, char **argv)
{
    uint64_t numbers = 100000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "radixsort",
        .question = "How many messages per second flow through a pipeline of actors?",
        .method = "time from just before the first number is sent to the verdict on "
                  "the last",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"numbers", "N", "numbers to sort", &numbers, .min = 1, .max = 10000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    struct bench_row row = {.name = "radixsort",
                            .operation = "message",
                            .n = numbers * (STAGES + 1),
                            .run = run};
    snprintf(row.params, sizeof row.params, "numbers=%" PRIu64, numbers);
    plan_sweep(&plan, &row, numbers);
    return plan_run(&plan, &bench);
}
