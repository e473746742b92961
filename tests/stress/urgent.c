/* urgent.c: messages of two levels on real threads.
 *
 * Actors and threads send a box numbers, some of them urgent, as fast as they can; the
 * box waits in some of its handlers. Each sender's numbers of each level come in order,
 * all of them, and the sums are exact. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/urgent.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { ACTORS = 4, THREADS = 2, SENDERS = ACTORS + THREADS, LEVELS = 2 };
static uint64_t numbers; /* of each sender, on each level */
static cadre_system *sys;

typedef struct {
    uint32_t sender, level;
    uint64_t number;
} item;
CADRE_TYPE(item);
typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);

typedef struct {
    uint64_t next[SENDERS][LEVELS], came;
} box;

static int box_receive(cadre_self *self, void *state, cadre_msg *m)
{
    box *b = state;
    const item *i = cadre_body(m, item);
    CHECK_EQ(i->number, b->next[i->sender][i->level]++);
    if (cadre_random(self) % 1024 == 0)
        CHECK_EQ(cadre_sleep(self, 1000), 0);
    return ++b->came < SENDERS * LEVELS * numbers
               ? 0
               : cadre_stop(self, cadre_parent(self));
}
static const cadre_class box_class = {
    .name = "box", .state_size = sizeof(box), .receive = box_receive};

/* ---- actors that send ---- */

typedef struct {
    uint32_t id;
    cadre_ref box;
    uint64_t sent;
} sender;

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    sender *s = state;
    item i = {s->id, 0, s->sent};
    int err = cadre_send_as(self, s->box, &item_type, &i);
    i.level = 1;
    if (!err)
        err = cadre_send_urgent_as(self, s->box, &item_type, &i);
    return err || ++s->sent == numbers ? err
                                       : cadre_send(self, cadre_me(self), pulse, 0);
}
static int sender_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(sender),
                                         .start = sender_start,
                                         .receive = sender_receive};

/* The root passes on what threads send: it is the sender then, in their order. */
static int root_start(cadre_self *self, void *state)
{
    cadre_ref *to = state;
    int err =
        cadre_spawn_with(self, to, &box_class, NULL, &(cadre_opts){.levels = true});
    for (uint32_t i = 0; !err && i < ACTORS; i++)
        err = cadre_spawn(self, NULL, &sender_class, &(sender){.id = i, .box = *to});
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, *(cadre_ref *)state, m);
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(cadre_ref),
                                       .start = root_start,
                                       .receive = root_receive};

static void *tell_all(void *arg)
{
    cadre_ref root = cadre_system_root(sys);
    item i = {*(uint32_t *)arg, 0, 0};
    for (; i.number < numbers; i.number++) {
        i.level = 0;
        CHECK_EQ(cadre_tell_as(sys, root, &item_type, &i), 0);
        i.level = 1;
        CHECK_EQ(cadre_tell_urgent_as(sys, root, &item_type, &i), 0);
    }
    return NULL;
}

static void ignore_log(void *user, int level, const char *line) {}

static void one(uint32_t workers)
{
    pthread_t threads[THREADS];
    uint32_t ids[THREADS];
    cadre_counters c;
    const cadre_config config = {.workers = workers, .log = ignore_log};
    verdict_begin(120, "--numbers %" PRIu64, numbers);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        ids[i] = ACTORS + i;
        CHECK_EQ(pthread_create(&threads[i], NULL, tell_all, &ids[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0); /* the box has ended it */
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.dead + c.dropped, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    printf("%u workers: %" PRIu64 " messages\n", workers, c.accepted);
    (void)verdict_end();
}

int main(int argc, char **argv)
{
    numbers = effort(3000, 100000);
    const struct option_entry options[] = {
        {"numbers", &numbers, NULL, "of each sender on each level"}, {0}};
    options_read(argc, argv, "messages of two levels on real threads", options);
    for (uint32_t workers = 1; workers <= 4; workers++)
        one(workers);
    return verdict_print();
}
