/* shutdown.c: a system is shut down at any moment, by its loop or by a signal.
 *
 * Actors pass jobs on: as messages, as requests that are deferred and answered after a
 * timer or a call, and set aside for a while. The shutdown comes at a moment drawn from
 * the seed, with times drawn as well: so it finds the system in any state, and all phases
 * short and long. At the end the books are right: what was sent was handled or is in the
 * report; with enough time to drain nothing is; children ended youngest first. */
#include "support/story.h"

#include <cadre/offload.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 2, WIDTH = 3, ACTORS = 1 + WIDTH + WIDTH * WIDTH, BUDGET_MAX = 200 };

typedef struct {
    uint32_t left; /* how often it is still passed on */
} job;
CADRE_TYPE(job);
typedef struct {
    uint32_t nothing;
} pulse;
CADRE_TYPE(pulse);

enum {
    DRAINED,
    NOT_DRAINED,
    KILLED,
    WITH_NOTHING_LEFT,
    WITH_SOME_LEFT,
    SIGNALLED,
    BY_LOOP,
    HELD,
    KINDS
};
static const char *const names[KINDS] = {"drained",      "not drained", "killed",
                                         "nothing left", "some left",   "by a signal",
                                         "by its loop",  "held up"};
static uint64_t seen[KINDS];
enum { ENOUGH = 100 };

typedef struct {
    uint32_t number, depth;
    cadre_promise promise; /* one at a time */
    bool held;             /* its cadre_closing is set aside */
} actor;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    cadre_ref actors[ACTORS];
    bool started[ACTORS], ended[ACTORS];
    uint32_t parents[ACTORS], born, budget, deferred, answered, disorder;
    uint64_t sent, handled, closings, told, events;
    uint64_t signal_at; /* which event; 0: none */
    uint64_t trace;
    uint64_t reported, lines, jobs; /* in the log */
} tale;

static bool is_last(uint32_t number)
{
    for (uint32_t i = number + 1; i < tale.born; i++)
        if (tale.parents[i] == tale.parents[number] && tale.started[i] &&
            !tale.ended[i])
            return false;
    return true;
}

/* ---- actors ---- */

static void send_job(cadre_self *self, uint32_t left)
{
    cadre_ref to = tale.actors[dice_below(&tale.dice, tale.born)];
    int err;
    if (dice_once_in(&tale.dice, 3) && to.id != cadre_me(self).id)
        err = cadre_ask(self, NULL, to, CADRE_NEVER, job, left);
    else
        err = cadre_send(self, to, job, left);
    CHECK_EQ(err, 0);
    tale.sent++;
}

static void pass_on(cadre_self *self, uint32_t left)
{
    for (uint32_t n = dice_below(&tale.dice, 3); n > 0 && left > 0 && tale.budget > 0;
         n--, tale.budget--)
        send_job(self, left - 1);
}

static int call(void *body) { return 0; }

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    actor *a = state;
    int err = cadre_answer(self, a->promise, pulse, 0);
    CHECK(err == 0 || err == -EALREADY); /* whoever asked has stopped */
    a->promise.token.id = 0;
    tale.answered += err == 0;
    return 0;
}

static int defer(cadre_self *self, actor *a, const cadre_msg *m)
{
    cadre_token token;
    int err = cadre_defer(self, m, &a->promise);
    tale.deferred++;
    if (!err && dice_once_in(&tale.dice, 2))
        err = cadre_offload(self, &token, CADRE_POOL_USER, CADRE_NEVER, call, pulse, 0);
    else if (!err)
        err = cadre_after(self, &token, 1 + dice_below(&tale.dice, 50000), pulse, 0);
    return err ? err : cadre_then(self, token, answer);
}

static int on_job(cadre_self *self, actor *a, cadre_msg *m)
{
    uint32_t left = cadre_body(m, job)->left;
    if (dice_once_in(&tale.dice, 16))
        return cadre_stash(self, m);
    tale.handled++;
    pass_on(self, left);
    if (!m->token.id)
        return 0;
    return a->promise.token.id ? cadre_reply(self, m, pulse, 0) : defer(self, a, m);
}

static int on_closing(cadre_self *self, actor *a, cadre_msg *m)
{
    if (!a->held && dice_once_in(&tale.dice, 4)) {
        seen[HELD]++;
        a->held = true;
        return cadre_stash(self, m);
    }
    tale.told++;
    pass_on(self, 2);
    return 0;
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    actor *a = state;
    CHECK(tale.started[a->number] && !tale.ended[a->number]);
    if (++tale.events == tale.signal_at)
        CHECK_EQ(raise(SIGTERM), 0);
    if (cadre_body(m, cadre_closing))
        return on_closing(self, a, m);
    if (cadre_body(m, job))
        return on_job(self, a, m);
    if (m->from.id == cadre_me(self).id) /* its own ticking */
        cadre_unstash(self);
    return 0; /* or an answer */
}

static int start(cadre_self *self, void *state);
static void stop(cadre_self *self, void *state, int reason)
{
    const actor *a = state;
    cadre_counters c;
    tale.ended[a->number] = true;
    tale.disorder += !is_last(a->number);
    CHECK_EQ(cadre_stats(cadre_system_of(self), &c), 0);
    tale.trace = c.trace;
}

static const cadre_class class = {.name = "actor",
                                  .state_size = sizeof(actor),
                                  .start = start,
                                  .receive = receive,
                                  .stop = stop};

static int start(cadre_self *self, void *state)
{
    const actor *a = state;
    int err = 0;
    tale.started[a->number] = true;
    tale.actors[a->number] = cadre_me(self);
    for (int i = 0; !err && a->depth < DEPTH && i < WIDTH; i++) {
        actor child = {.number = tale.born, .depth = a->depth + 1};
        tale.parents[child.number] = a->number;
        err = cadre_spawn(self, &tale.actors[tale.born++], &class, &child);
    }
    if (!err && dice_once_in(&tale.dice, 2)) {
        err = cadre_when_closing(self, NULL);
        tale.closings++;
    }
    if (!err)
        err = cadre_every(self, NULL, CADRE_MS, pulse, 0);
    pass_on(self, 4);
    if (a->number == 0)
        send_job(self, 6); /* there is at least one */
    return err;
}

/* ---- the story ---- */

static void read_line(void *user, int level, const char *line)
{
    unsigned long long count;
    if (sscanf(line, "shutdown: %llu message", &count) == 1) {
        tale.lines += count;
        tale.jobs += strstr(line, "of type job ") ? count : 0;
    }
    if (sscanf(line, "shutdown: messages left in all: %llu", &count) == 1)
        tale.reported += count;
    if (strstr(line, "not drained"))
        seen[NOT_DRAINED]++;
}

static void count_jobs(void *user, const cadre_leftover *line)
{
    if (line->type == &job_type)
        *(uint64_t *)user += line->count;
}

static cadre_time some_time(void)
{
    switch (dice_below(&tale.dice, 4)) {
    case 0:
        return CADRE_NEVER;
    case 1:
        return 0;
    default:
        return dice_below(&tale.dice, 3000000);
    }
}

static cadre_config begin(uint64_t seed)
{
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.budget = dice_below(&tale.dice, BUDGET_MAX);
    tale.born = 1;
    config.log = read_line;
    return config;
}

/* What must hold however it ended. */
static void check(int reason, cadre_time drain, cadre_time grace)
{
    CHECK(reason == 0 || reason == CADRE_EKILLED);
    CHECK(reason == 0 || grace != CADRE_NEVER);
    CHECK(reason != 0 || tale.disorder == 0);
    CHECK_EQ(tale.lines, tale.reported);
    CHECK_EQ(tale.sent, tale.handled + tale.jobs);
    for (uint32_t i = 0; i < tale.born; i++)
        CHECK_EQ(tale.started[i], tale.ended[i]);
    if (drain == CADRE_NEVER && grace == CADRE_NEVER) {
        CHECK_EQ(tale.jobs, 0);
        CHECK_EQ(tale.told, tale.closings);
        CHECK_EQ(tale.deferred, tale.answered);
        seen[DRAINED]++;
    }
    seen[KILLED] += reason != 0;
    seen[tale.jobs ? WITH_SOME_LEFT : WITH_NOTHING_LEFT]++;
    if (seen[BY_LOOP] == ENOUGH && seen[SIGNALLED] >= ENOUGH)
        story_show_kinds(names, seen, KINDS);
}

static uint64_t play_by_loop(uint64_t seed)
{
    cadre_system *sys;
    cadre_counters sums = {0};
    uint64_t jobs = 0;
    cadre_config config = begin(seed);
    CHECK_EQ(cadre_system_new(&sys, &config, &class, &(actor){0}), 0);
    if (verdict_has_failed())
        return 0;
    for (uint32_t i = dice_below(&tale.dice, 3); i > 0; i--)
        (void)cadre_system_poll(sys, 0);
    cadre_time drain = some_time(), grace = some_time();
    int reason = cadre_system_shutdown(sys, drain, grace);
    story_check_end(sys, &sums);
    int64_t sum = cadre_system_report(sys, count_jobs, &jobs);
    CHECK_EQ(sum, sums.dead);
    CHECK_EQ(sum, tale.reported);
    CHECK_EQ(jobs, tale.jobs);
    CHECK_EQ(cadre_system_free(sys), 0);
    seen[BY_LOOP]++;
    check(reason, drain, grace);
    return sums.trace;
}

/* In the middle of a handler. The system is gone afterwards: the log tells. */
static uint64_t play_by_signal(uint64_t seed)
{
    cadre_config config = begin(seed);
    tale.signal_at = 1 + dice_below(&tale.dice, 150);
    cadre_time drain = some_time(), grace = some_time();
    int reason = cadre_serve(&config, &class, &(actor){0}, drain, grace);
    seen[SIGNALLED]++;
    check(reason, drain, grace);
    return tale.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {
        {"by_signal", play_by_signal, 100000}, {"by_loop", play_by_loop, 100000}, {0}};
    return story_main(argc, argv, stories);
}
