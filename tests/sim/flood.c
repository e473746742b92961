/* flood.c: ten times as much as a server can do, under each policy of its mailbox.
 *
 * The server takes a millisecond for each message, and asks somebody else on the way. All
 * through the flood there are never more messages than its limit allows; its own requests
 * are answered, and what controls it is neither refused nor dropped, and waits no longer
 * than a full mailbox takes. A second after the flood it is as if there had been none. */
#include "support/story.h"

#include <cadre/apply.h>
#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <string.h>

#define TAKES CADRE_MS
#define FLOOD (30 * CADRE_MS)
enum { PRODUCERS = 10, CONTROLS = 8, ENOUGH = 100 };
enum { HANDLED, REFUSED, DROPPED, REDIRECTED, ANSWERED, FAILED, CONTROLLED, KINDS };
static const char *const kinds[KINDS] = {
    "handled", "refused", "dropped", "redirected", "answered", "failed", "controlled"};
static uint64_t seen[KINDS];
static int plays;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    cadre_limit limit;
    cadre_ref server, helper;
    uint64_t alive, most; /* bodies */
    uint64_t asked, over, controls;
    cadre_time began[CONTROLS];
    bool is_normal;
} tale;

typedef struct {
    cadre_ref producer;
} load;
static void load_drop(void *body)
{
    CHECK(tale.alive > 0);
    tale.alive--;
}
static CADRE_TYPE_DROP(load, load_drop);
typedef struct {
    uint32_t none;
} pulse;
static CADRE_TYPE(pulse);

static uint64_t by_producer(const cadre_type *type, const void *body)
{
    return type == &load_type ? ((const load *)body)->producer.id : 0;
}

/* ---- the server ---- */

static int helper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, pulse, 0);
}
static const cadre_class helper_class = {.name = "helper", .receive = helper_receive};

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg answer;
    seen[HANDLED]++;
    CHECK_EQ(cadre_ask(self, &token, tale.helper, CADRE_NEVER, pulse, 0), 0);
    CHECK_EQ(cadre_await(self, token, &answer), 0);
    CHECK(cadre_body(&answer, pulse) != NULL);
    CHECK_EQ(cadre_sleep(self, TAKES), 0);
    return m->token.id ? cadre_reply(self, m, pulse, 0) : 0;
}
static const cadre_class server_class = {.name = "server", .receive = server_receive};

static int spare_receive(cadre_self *self, void *state, cadre_msg *m)
{
    seen[REDIRECTED]++;
    return m->token.id ? cadre_reply(self, m, pulse, 0) : 0;
}
static const cadre_class spare_class = {.name = "spare", .receive = spare_receive};

/* ---- producers: one message each in the time that the server takes for one ---- */

static int outcome(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    CHECK(!f || f->code == CADRE_EFULL);
    seen[f ? FAILED : ANSWERED]++;
    tale.over++;
    return 0;
}

static void send_one(cadre_self *self, bool asks)
{
    const load body = {cadre_me(self)};
    cadre_token token;
    if (++tale.alive > tale.most)
        tale.most = tale.alive;
    int err =
        asks ? cadre_ask_as(self, &token, tale.server, CADRE_NEVER, &load_type, &body)
             : cadre_send_as(self, tale.server, &load_type, &body);
    CHECK(err == 0 || (err == CADRE_EFULL && tale.limit.overflow == CADRE_REFUSE));
    seen[REFUSED] += err != 0;
    if (asks && !err) {
        tale.asked++;
        CHECK_EQ(cadre_then(self, token, outcome), 0);
    }
}

static int producer_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, 1, pulse, 0);
}
static int producer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct dice *dice = state;
    if (cadre_now(self) > FLOOD)
        return 0;
    send_one(self, dice_once_in(dice, 4));
    return cadre_after(self, NULL, TAKES / 2 + dice_below(dice, TAKES), pulse, 0);
}
static const cadre_class producer_class = {.name = "producer",
                                           .state_size = sizeof(struct dice),
                                           .start = producer_start,
                                           .receive = producer_receive};

/* ---- control ---- */

/* What may wait before it, what is in hand, and what had begun when it was sent. */
static cadre_time patience(void)
{
    return (2 * (cadre_time)tale.limit.mailbox_max + 2) * TAKES;
}

static int control(cadre_self *self, void *state, void *arg)
{
    const cadre_time *began = arg;
    CHECK(cadre_now(self) - *began <= patience());
    seen[CONTROLLED]++;
    tale.controls++;
    return 0;
}

/* The flood is over: a request is answered at once. Then it is stopped. */
static void be_normal(cadre_self *self)
{
    cadre_token token;
    cadre_msg m;
    cadre_time began = cadre_now(self);
    tale.alive++;
    CHECK_EQ(cadre_ask(self, &token, tale.server, CADRE_NEVER, load, {0}), 0);
    CHECK_EQ(cadre_await(self, token, &m), 0);
    CHECK(cadre_body(&m, pulse) != NULL);
    CHECK(cadre_now(self) - began <= TAKES + TAKES / 2);
    CHECK_EQ(cadre_stop(self, tale.server), 0);
    tale.is_normal = true;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < CONTROLS; i++) {
        tale.began[i] = cadre_now(self);
        CHECK_EQ(cadre_apply(self, tale.server, control, &tale.began[i]), 0);
        CHECK_EQ(cadre_sleep(self, FLOOD / CONTROLS), 0);
    }
    CHECK_EQ(cadre_sleep(self, CADRE_SECOND), 0);
    be_normal(self);
    return 0;
}

static int root_start(cadre_self *self, void *state)
{
    struct dice dice = dice_new(*(uint64_t *)state, 2);
    CHECK_EQ(cadre_spawn(self, &tale.helper, &helper_class, NULL), 0);
    if (tale.limit.overflow == CADRE_REDIRECT)
        CHECK_EQ(cadre_spawn(self, &tale.limit.redirect, &spare_class, NULL), 0);
    const cadre_opts opts = {.limit = &tale.limit};
    CHECK_EQ(cadre_spawn_with(self, &tale.server, &server_class, NULL, &opts), 0);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        struct dice own = dice_new(dice_below(&dice, UINT32_MAX), i);
        CHECK_EQ(cadre_spawn(self, NULL, &producer_class, &own), 0);
    }
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(uint64_t),
                                       .start = root_start,
                                       .receive = root_receive};

/* One is in hand and one being sent; what is old is dropped when twice as much waits. */
static uint64_t bodies_max(void)
{
    bool is_old = tale.limit.overflow == CADRE_DROP_OLDEST ||
                  tale.limit.overflow == CADRE_KEEP_LATEST;
    return (is_old ? 2 : 1) * (uint64_t)tale.limit.mailbox_max + 2;
}

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    struct dice dice = dice_new(seed, 1);
    config.end_when_quiet = true;
    memset(&tale, 0, sizeof tale);
    tale.limit.mailbox_max = 1 + dice_below(&dice, 9);
    tale.limit.overflow = (uint8_t)(seed % (CADRE_REDIRECT + 1));
    if (tale.limit.overflow == CADRE_KEEP_LATEST)
        tale.limit.key = by_producer;
    CHECK_EQ(story_run(&config, &root_class, &seed, &sums), 0);
    seen[DROPPED] += sums.dropped;
    CHECK_EQ(tale.alive, 0);
    CHECK_EQ(tale.over, tale.asked);
    CHECK_EQ(tale.controls, CONTROLS);
    CHECK(tale.is_normal);
    if (tale.limit.overflow != CADRE_REDIRECT) /* the spare one has no limit */
        CHECK(tale.most <= bodies_max());
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"flood", play, 5000}, {0}};
    return story_main(argc, argv, stories);
}
