/* overload.c: once, twice and ten times as many requests as a server can do, with and
 * without a shedder in front of it.
 *
 * Requests come, and take, at random; whoever asks gives up after a while, and what the
 * server does afterwards is in vain. With a shedder nothing is: what is passed on has
 * waited so little that its answer comes in time. The rest is shown, not judged: how much
 * of what the server can do is of use, and how long answers take. */
#include "support/story.h"

#include <cadre/actors/shedder.h>
#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TAKES CADRE_MS /* in the mean; half of that to one and a half */
#define PATIENCE (200 * CADRE_MS)
#define DELAY (5 * CADRE_MS)
#define INTERVAL (100 * CADRE_MS)
#define DURATION CADRE_SECOND
enum { LOADS = 3, JOBS_MAX = 12 * DURATION / TAKES, BUCKETS = 256, ENOUGH = 12 };
static const uint32_t loads[LOADS] = {1, 2, 10};

/* What came of all plays; delays in milliseconds. */
static struct sum {
    uint64_t plays, useful, delays[BUCKETS];
} sums[LOADS][2];
static uint32_t plays;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    struct sum *sum;
    uint32_t load, jobs, over;
    bool sheds;
    cadre_ref to;
    struct {
        cadre_token token;
        cadre_time sent, served;
    } jobs_of[JOBS_MAX];
} tale;

typedef struct {
    uint32_t index;
} job;
typedef struct {
    int none;
} next;
static CADRE_TYPE(job);
static CADRE_TYPE(next);

/* Up to twice the mean, evenly. */
static cadre_time about(cadre_time mean)
{
    return 1 + (cadre_time)dice_below(&tale.dice, (uint32_t)(2 * mean));
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    tale.jobs_of[cadre_body(m, job)->index].served = cadre_now(self);
    int err = cadre_sleep(self, TAKES / 2 + about(TAKES / 2));
    return err ? err : cadre_reply(self, m, job, cadre_body(m, job)->index);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

static uint32_t find_job(cadre_token token)
{
    for (uint32_t i = tale.jobs; i-- > 0;)
        if (tale.jobs_of[i].token.id == token.id)
            return i;
    CHECK(!"a request that was made");
    return 0;
}

static void note_outcome(cadre_self *self, const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    const job *j = cadre_body(m, job);
    uint32_t i = j ? j->index : find_job(m->token);
    cadre_time took = cadre_now(self) - tale.jobs_of[i].sent;
    uint32_t ms = (uint32_t)(took / CADRE_MS);
    tale.over++;
    tale.sum->useful += j != NULL;
    tale.sum->delays[ms < BUCKETS ? ms : BUCKETS - 1] += j != NULL;
    CHECK(j || f->code == (tale.sheds ? CADRE_EFULL : -ETIMEDOUT));
    CHECK(!tale.sheds || (j != NULL) == (tale.jobs_of[i].served != 0));
    if (j && tale.sheds)
        CHECK(tale.jobs_of[i].served - tale.jobs_of[i].sent <=
              DELAY + INTERVAL + CADRE_MS);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (!cadre_body(m, next)) {
        note_outcome(self, m);
        return 0;
    }
    uint32_t i = tale.jobs;
    if (cadre_now(self) > DURATION || i == JOBS_MAX)
        return 0;
    tale.jobs_of[i].sent = cadre_now(self);
    CHECK_EQ(cadre_ask(self, &tale.jobs_of[i].token, tale.to, PATIENCE, job, i), 0);
    tale.jobs++;
    return cadre_after(self, NULL, about(TAKES / tale.load), next, 0);
}

static int client_start(cadre_self *self, void *state)
{
    cadre_shedder config = {.delay = DELAY, .interval = INTERVAL};
    int err = cadre_spawn(self, &tale.to, &server, NULL);
    config.target = tale.to;
    if (!err && tale.sheds)
        err = cadre_spawn(self, &tale.to, &cadre_shedder_class, &config);
    return err ? err : cadre_send(self, cadre_me(self), next, 0);
}
static const cadre_class client = {
    .name = "client", .start = client_start, .receive = client_receive};

static uint64_t play(uint64_t seed, bool sheds)
{
    cadre_counters counters = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 31);
    tale.sheds = sheds;
    tale.load = loads[seed % LOADS];
    tale.sum = &sums[seed % LOADS][sheds];
    tale.sum->plays++;
    CHECK_EQ(story_run(&config, &client, NULL, &counters), 0);
    CHECK_EQ(tale.over, tale.jobs);
    return counters.trace;
}

static uint32_t percentile(const struct sum *sum, uint64_t percent)
{
    uint64_t below = 0, rank = sum->useful * percent / 100;
    uint32_t ms = 0;
    while (ms < BUCKETS - 1 && (below += sum->delays[ms]) <= rank)
        ms++;
    return ms + 1;
}

static void print_sums(void)
{
    printf("load shedder | useful, of what it can do | p50, p99 of answers below\n");
    for (int i = 0; i < LOADS * 2; i++) {
        const struct sum *s = &sums[i / 2][i % 2];
        double can = (double)s->plays * (DURATION / TAKES);
        printf("%3ux %-7s | %5.1f %% | %3u ms %3u ms\n", loads[i / 2],
               i % 2 ? "yes" : "no", 100 * (double)s->useful / can, percentile(s, 50),
               percentile(s, 99));
    }
}

static uint64_t play_both(uint64_t seed)
{
    uint64_t trace = play(seed, false);
    trace = trace * 31 + play(seed, true);
    if (++plays == ENOUGH)
        print_sums();
    return trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"overload", play_both, 2000}, {0}};
    return story_main(argc, argv, stories);
}
