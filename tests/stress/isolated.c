/* isolated.c: many actors on real workers ask a few isolated ones, which answer, answer
 * later, pass on to each other, ask back, and die of it now and then.
 *
 * Every request has exactly one outcome: the right answer, or that the other side has
 * ended; those to one that has gone down wait for its restart. At the end nothing is
 * left. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/isolate.h>
#include <cadre/timer.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ODDS = 3, ASKERS = 8, AT_ONCE = 4, LARGE = 50000 };
enum deed { ECHO, LATER, PASS, BACK, DIE, DEEDS };

typedef struct {
    uint64_t deed, value;
    cadre_ref other;
} question;
typedef struct {
    uint64_t value;
    char fill[LARGE];
} parcel;
typedef struct {
    uint64_t value;
} reply;
typedef struct {
    cadre_promise promise;
    uint64_t value;
} due;
static CADRE_TYPE(question);
static CADRE_TYPE(parcel);
static CADRE_TYPE(reply);
static CADRE_TYPE(due);

/* ---- in there -------------------------------------------------------------------- */

static int ask_back(cadre_self *self, cadre_msg *m, const question *q)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err : cadre_send(self, q->other, due, promise, q->value);
}

static int odd_receive(cadre_self *self, void *state, cadre_msg *m)
{
    question *q = (question *)(uintptr_t)cadre_body(m, question);
    const parcel *p = cadre_body(m, parcel);
    const due *d = cadre_body(m, due);
    cadre_promise promise;
    int err;
    if (p)
        return cadre_reply(self, m, reply, p->value);
    if (d)
        return cadre_answer(self, d->promise, reply, d->value);
    switch (q->deed) {
    case LATER:
        err = cadre_defer(self, m, &promise);
        return err ? err : cadre_after(self, NULL, 1000, due, promise, q->value);
    case PASS:
        q->deed = ECHO;
        return cadre_forward(self, q->other, m);
    case BACK:
        return ask_back(self, m, q);
    case DIE:
        raise(SIGKILL);
        return 0;
    default:
        return cadre_reply(self, m, reply, q->value);
    }
}
static const cadre_class odd_class = {.name = "odd", .receive = odd_receive};

/* ---- out here -------------------------------------------------------------------- */

static struct {
    uint64_t questions;
    uint64_t answered, failed, downs; /* the boss's */
    cadre_ref boss, odds[ODDS];
} story;

typedef struct {
    uint64_t asked, answered, failed;
} asker;
static CADRE_TYPE(asker);

/* One in a hundred kills. */
static enum deed choose(cadre_self *self)
{
    return cadre_random(self) % 100 == 0 ? DIE : (enum deed)(cadre_random(self) % DIE);
}

static int ask(cadre_self *self, asker *a)
{
    static const parcel empty;
    cadre_ref odd = story.odds[cadre_random(self) % ODDS];
    enum deed deed = choose(self);
    cadre_ref other = deed == PASS ? story.odds[cadre_random(self) % ODDS]
                                   : cadre_me(self); /* keeps the promise of BACK */
    a->asked++;
    if (a->asked % 64 == 0)
        return cadre_ask_as(self, NULL, odd, CADRE_NEVER, &parcel_type, &empty);
    return cadre_ask(self, NULL, odd, CADRE_NEVER, question, deed, deed == DIE ? 0 : 1,
                     other);
}

static int asker_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < AT_ONCE; i++)
        err = ask(self, state);
    return err;
}

static int asker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    asker *a = state;
    const due *d = cadre_body(m, due);
    const reply *r = cadre_body(m, reply);
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (d)
        return cadre_answer(self, d->promise, reply, d->value);
    a->answered += r != NULL;
    a->failed += f != NULL;
    CHECK(!f || f->code == CADRE_EDEAD);
    CHECK(!r || r->value <= 1);
    if (a->asked < story.questions)
        return ask(self, a);
    if (a->answered + a->failed < a->asked)
        return 0;
    int err = cadre_send(self, story.boss, asker, a->asked, a->answered, a->failed);
    return err ? err : CADRE_STOP;
}
static const cadre_class asker_class = {.name = "asker",
                                        .state_size = sizeof(asker),
                                        .start = asker_start,
                                        .receive = asker_receive};

static int boss_start(cadre_self *self, void *state)
{
    const cadre_opts kept = {.isolated = true, .keep = true};
    int err = 0;
    story.boss = cadre_me(self);
    for (int i = 0; !err && i < ODDS; i++)
        err = cadre_spawn_with(self, &story.odds[i], &odd_class, NULL, &kept);
    for (int i = 0; !err && i < ASKERS; i++)
        err = cadre_spawn(self, NULL, &asker_class, NULL);
    return err;
}

static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const asker *a = cadre_body(m, asker);
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down) {
        CHECK_EQ(down->reason, CADRE_ECRASHED);
        CHECK(strstr(down->text, "signal 9"));
        story.downs++;
        return cadre_restart(self, down->child);
    }
    story.answered += a->answered;
    story.failed += a->failed;
    return story.answered + story.failed == ASKERS * story.questions ? CADRE_STOP : 0;
}
static const cadre_class boss_class = {
    .name = "boss", .start = boss_start, .receive = boss_receive};

static void ignore_log(void *user, int level, const char *line) {}

static void play(uint32_t workers)
{
    cadre_counters c;
    cadre_system *sys;
    const cadre_config config = {
        .workers = workers, .isolated = ODDS, .log = ignore_log};
    story.answered = story.failed = story.downs = 0;
    CHECK_EQ(cadre_system_new(&sys, &config, &boss_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(story.answered + story.failed, ASKERS * story.questions);
    CHECK(story.failed >= story.downs);
}

int main(int argc, char **argv)
{
    uint64_t questions = effort(2000, 100000), workers = 0;
    const struct option_entry options[] = {
        {"questions", &questions, NULL, "of each asker"},
        {"workers", &workers, NULL, "threads; 0: 1, 2 and 4"},
        {0}};
    options_read(argc, argv, "isolated actors that die while they are asked", options);
    if (!effort_can_fork())
        return 77;
    story.questions = questions > AT_ONCE ? questions : AT_ONCE;
    verdict_begin(1200, "--questions %" PRIu64 " --workers %" PRIu64, questions,
                  workers);
    for (uint32_t n = 1; n <= 4; n *= 2)
        if (workers == 0 || workers == n)
            play(workers ? (uint32_t)workers : n);
    (void)verdict_end();
    printf("%" PRIu64 " answers, %" PRIu64 " failures, %" PRIu64 " deaths\n",
           story.answered, story.failed, story.downs);
    return verdict_print();
}
