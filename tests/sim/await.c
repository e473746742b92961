/* await.c: what may end a wait, against a model that knows why it may.
 *
 * A hero waits for answers, closed or open, while notes come, and perhaps a handler of
 * its own that cancels its waits, a kill, or a stop. Each wait tells its end; the model
 * says whether that could be. At the end every way must have occurred. */
#include "support/story.h"

#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { ROUNDS_MAX = 6, NOTES_MAX = 12, SPAN = 3000 };
enum way { ANSWERED, LATE, TIMED_OUT, CANCELLED, KILLED, STOPPED, HELD_STOP, WAYS };

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    cadre_ref hero, server;
    uint32_t rounds, notes;
    uint64_t handled;
    uint32_t note; /* the last that came */
    uint32_t waiting;
    uint64_t tokens[ROUNDS_MAX];
    bool open[ROUNDS_MAX], is_waiting[ROUNDS_MAX], cancelled[ROUNDS_MAX],
        answered[ROUNDS_MAX];
    bool closed, killed, stop_sent, ends, began, ended;
} model;
static uint64_t ways[WAYS], plays;

typedef struct {
    uint32_t number;
} go;
static CADRE_TYPE(go);
typedef struct {
    uint32_t number;
} note;
static CADRE_TYPE(note);
typedef struct {
    uint32_t number;
} quit;
static CADRE_TYPE(quit);
typedef struct {
    uint32_t number;
} question;
static CADRE_TYPE(question);

static cadre_time some_time(void) { return dice_below(&model.dice, SPAN); }

static void pass_time(cadre_self *self)
{
    if (dice_once_in(&model.dice, 3))
        return;
    CHECK_EQ(cadre_sleep(self, some_time()), 0);
    model.handled++;
}

/* ---- the hero ---- */

static void judge_outcome(cadre_self *self, uint32_t i, cadre_time due,
                          const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    model.handled++;
    CHECK(!model.cancelled[i] && !model.ends);
    CHECK_EQ(m->token.id, model.tokens[i]);
    if (f) {
        CHECK_EQ(f->code, -ETIMEDOUT);
        CHECK(cadre_now(self) >= due);
    } else {
        CHECK(model.answered[i]);
        CHECK_EQ(cadre_body(m, question)->number, i);
    }
    ways[f ? TIMED_OUT : ANSWERED]++;
    ways[LATE] += f && model.answered[i]; /* it came too late, or has not arrived */
    ways[HELD_STOP] += model.stop_sent && !model.open[i];
}

static void judge_cancel(uint32_t i)
{
    CHECK(model.cancelled[i] || model.killed || (model.stop_sent && model.open[i]));
    if (!model.cancelled[i])
        model.ends = true;
    ways[model.cancelled[i] ? CANCELLED : model.killed ? KILLED : STOPPED]++;
}

static void wait(cadre_self *self, uint32_t i)
{
    cadre_token token;
    cadre_msg m;
    cadre_time timeout = 1 + some_time(), due = cadre_now(self) + timeout;
    bool open = model.open[i] = dice_once_in(&model.dice, 2);
    CHECK_EQ(cadre_ask(self, &token, model.server, timeout, question, i), 0);
    model.tokens[i] = token.id;
    model.waiting++;
    model.is_waiting[i] = true;
    model.closed = !open;
    int err = open ? cadre_await_open(self, token, &m) : cadre_await(self, token, &m);
    CHECK(open || model.closed || model.killed);
    model.closed = false;
    model.is_waiting[i] = false;
    model.waiting--;
    if (err == 0) {
        judge_outcome(self, i, due, &m);
    } else {
        CHECK_EQ(err, -ECANCELED);
        judge_cancel(i);
    }
}

static void cancel_all(cadre_self *self)
{
    for (uint32_t i = 0; i < model.rounds; i++)
        if (model.is_waiting[i] && !model.cancelled[i]) {
            CHECK_EQ(cadre_cancel(self, (cadre_token){model.tokens[i]}), 0);
            model.cancelled[i] = true;
        }
}

static int hero_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(!model.closed && !model.ends && !model.ended);
    if (cadre_body(m, go)) {
        wait(self, cadre_body(m, go)->number);
    } else if (cadre_body(m, quit)) {
        cancel_all(self);
    } else {
        CHECK_EQ(cadre_body(m, note)->number, model.note + 1);
        model.note++;
    }
    model.handled++;
    return 0;
}

static int hero_start(cadre_self *self, void *state)
{
    model.began = true;
    return 0;
}

static void hero_stop(cadre_self *self, void *state, int reason)
{
    CHECK_EQ(model.waiting, 0);
    CHECK(!model.ended);
    model.ended = true;
}

/* ---- the others ---- */

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t i = cadre_body(m, question)->number;
    if (dice_once_in(&model.dice, 2))
        pass_time(self);
    model.answered[i] = true;
    CHECK_EQ(cadre_reply(self, m, question, i), 0);
    model.handled++;
    return 0;
}

static void send_one(cadre_self *self, uint32_t number)
{
    if (number <= model.notes)
        CHECK_EQ(cadre_send(self, model.hero, note, number), 0);
    if (number <= model.rounds)
        CHECK_EQ(cadre_send(self, model.hero, go, number - 1), 0);
    if (dice_once_in(&model.dice, 4))
        CHECK_EQ(cadre_send(self, model.hero, quit, 0), 0);
}

/* It sends all there is, in its one handler, and perhaps a stop or a kill after it. */
static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    for (uint32_t i = 1; i <= model.notes || i <= model.rounds; i++) {
        send_one(self, i);
        pass_time(self);
    }
    uint32_t how = dice_below(&model.dice, 3);
    if (how == 0) {
        model.killed = true;
        CHECK_EQ(cadre_kill(self, model.hero, CADRE_EUSER), 0);
    } else if (how == 1) {
        model.stop_sent = true;
        CHECK_EQ(cadre_stop(self, model.hero), 0);
    }
    model.handled++;
    return 0;
}

static const cadre_class hero_class = {
    .name = "hero", .start = hero_start, .receive = hero_receive, .stop = hero_stop};
static const cadre_class server_class = {.name = "server", .receive = server_receive};
static const cadre_class sender_class = {.name = "sender", .receive = sender_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_ref sender;
    CHECK_EQ(cadre_spawn(self, &model.server, &server_class, NULL), 0);
    CHECK_EQ(cadre_spawn(self, &model.hero, &hero_class, NULL), 0);
    CHECK_EQ(cadre_spawn(self, &sender, &sender_class, NULL), 0);
    return cadre_send(self, sender, go, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static uint64_t play(uint64_t seed)
{
    static const cadre_class root = {
        .name = "root", .start = root_start, .receive = root_receive};
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&model, 0, sizeof model);
    model.dice = dice_new(seed, 4);
    model.rounds = 1 + dice_below(&model.dice, ROUNDS_MAX);
    model.notes = dice_below(&model.dice, NOTES_MAX);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    CHECK_EQ(sums.handled, model.handled);
    CHECK(model.began || model.killed);
    CHECK_EQ(model.ended, model.began);
    if (!model.killed) /* a stop comes behind them all */
        CHECK_EQ(model.note, model.notes);
    plays++;
    return sums.trace;
}

/* Enough of them to see everything. */
static void check_ways(void)
{
    for (int i = 0; i < WAYS && plays > 1000; i++)
        CHECK(ways[i] > 0);
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"await", play, 50000}, {0}};
    int status = story_main(argc, argv, stories);
    check_ways();
    return status || verdict_has_failed();
}
