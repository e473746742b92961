/* chameneos.c: how many meetings per second does one actor arrange for a hundred?
 *
 * Each chameneo asks the mall for a meeting. The mall lets the first of two wait, and
 * forwards the second's wish to it; that one changes its colour, tells the second to
 * change too, and both ask again: four messages per meeting, half of them into one
 * mailbox. Savina's form of the game. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { CHAMENEOS = 100, COLOURS = 3 };

typedef struct {
    uint64_t colour;
} meet;
typedef struct {
    uint64_t colour;
} change;
typedef struct {
    uint64_t none;
} fade;
typedef struct {
    uint64_t meetings;
} faded;
static CADRE_TYPE(meet);
static CADRE_TYPE(change);
static CADRE_TYPE(fade);
static CADRE_TYPE(faded);

struct chameneo {
    uint64_t colour, meetings;
};

/* Of two different colours the third. */
static uint64_t complement(uint64_t mine, uint64_t other)
{
    return mine == other ? mine : COLOURS - mine - other;
}

static int ask(cadre_self *self, const struct chameneo *me)
{
    return cadre_send(self, cadre_parent(self), meet, .colour = me->colour);
}

static int chameneo_start(cadre_self *self, void *state) { return ask(self, state); }

/* A meet comes from the one to be met, though the mall passed it on. */
static int chameneo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct chameneo *me = state;
    const meet *other = cadre_body(m, meet);
    const change *c = cadre_body(m, change);
    if (other || c) {
        me->meetings++;
        me->colour = c ? c->colour : complement(me->colour, other->colour);
        int err = c ? 0 : cadre_reply(self, m, change, .colour = me->colour);
        return err < 0 ? err : ask(self, me);
    }
    if (!cadre_body(m, fade))
        return cadre_unhandled(self, m);
    int err = cadre_reply(self, m, faded, .meetings = me->meetings);
    return err < 0 ? err : CADRE_STOP;
}
static const cadre_class chameneo = {.name = "chameneo",
                                     .state_size = sizeof(struct chameneo),
                                     .start = chameneo_start,
                                     .receive = chameneo_receive};

/* What the main program lends the mall. */
struct job {
    uint64_t meetings;
    uint64_t sum; /* of what the chameneos counted: two for each meeting */
    int64_t start, end;
};

struct mall {
    struct job *job;
    uint64_t left, faded;
    cadre_ref waiting; /* id 0: nobody */
};

static int mall_start(cadre_self *self, void *state)
{
    struct mall *me = state;
    me->left = me->job->meetings;
    me->job->start = bench_now();
    for (uint64_t i = 0; i < CHAMENEOS; i++) {
        struct chameneo init = {.colour = i % COLOURS};
        int err = cadre_spawn(self, NULL, &chameneo, &init);
        if (err < 0)
            return err;
    }
    return 0;
}

static int arrange(cadre_self *self, struct mall *me, cadre_msg *m)
{
    if (me->left == 0)
        return cadre_reply(self, m, fade, 0);
    cadre_ref first = me->waiting;
    if (first.id == 0) {
        me->waiting = m->from;
        return 0;
    }
    me->waiting.id = 0;
    me->left--;
    return cadre_forward(self, first, m);
}

static int mall_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct mall *me = state;
    if (cadre_body(m, meet))
        return arrange(self, me, m);
    const faded *f = cadre_body(m, faded);
    if (!f)
        return cadre_unhandled(self, m);
    me->job->sum += f->meetings;
    if (++me->faded < CHAMENEOS)
        return 0;
    me->job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class mall = {.name = "mall",
                                 .state_size = sizeof(struct mall),
                                 .start = mall_start,
                                 .receive = mall_receive};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.meetings = n};
    /* Each meeting: two wishes, one passed on, one change. Each chameneo: a wish that
     * comes too late, fade, faded. */
    int err = trial_run("chameneos", setting->workers, &mall,
                        &(struct mall){.job = &job}, 4 * n + 3 * CHAMENEOS);
    if (err == 0 && job.sum != 2 * n) {
        fprintf(stderr, "chameneos: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t meetings = 2000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "chameneos",
        .question =
            "How many meetings per second does one actor arrange for a hundred?",
        .method = "time from just before the first is created to the last's report",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"meetings", "N", "meetings per run", &meetings, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_sweep(
        &plan,
        &(struct bench_row){
            .name = "chameneos", .operation = "meeting", .n = meetings, .run = run},
        0);
    return plan_run(&plan, &bench);
}
