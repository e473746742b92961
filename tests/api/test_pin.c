/* test_pin.c: actors that stay on one thread. */
#include "support/effort.h"
#include "support/open.h"

#include <cadre/await.h>
#include <cadre/pin.h>
#include <cadre/timer.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

enum { HAMMERS = 8, BLOWS = 500 };

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* What is checked on other threads: how often it was wrong. */
static atomic_uint wrong, starts, stops, received, waits, blows, children;
static void expect(bool is_right) { atomic_fetch_add(&wrong, !is_right); }

static void forget(void)
{
    atomic_uint *all[] = {&wrong, &starts, &stops,   &received,
                          &waits, &blows,  &children};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        atomic_store(all[i], 0);
}

/* ---- a keeper: it must always be on the thread where it began ---- */

static _Thread_local uint64_t begun_here; /* what a library bound to its thread has */

typedef struct {
    pthread_t thread;
    uint64_t left; /* it ends after so many */
    uint64_t id;
} keeper;

static bool is_at_home(const keeper *k)
{
    return pthread_equal(k->thread, pthread_self()) && begun_here & 1u << k->id;
}

static int child_start(cadre_self *self, void *state)
{
    expect(begun_here == 0); /* not on a thread of any keeper */
    atomic_fetch_add(&children, 1);
    return CADRE_STOP;
}
static const cadre_class child_class = {.start = child_start, .receive = nothing};

static int keeper_start(cadre_self *self, void *state)
{
    keeper *k = state;
    k->thread = pthread_self();
    begun_here |= 1u << k->id;
    atomic_fetch_add(&starts, 1);
    return cadre_spawn(self, NULL, &child_class, NULL);
}

static int wait_a_little(cadre_self *self, const keeper *k)
{
    int err = cadre_sleep(self, 1000);
    atomic_fetch_add(&waits, 1);
    expect(is_at_home(k));
    return err;
}

static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    keeper *k = state;
    expect(is_at_home(k));
    atomic_fetch_add(&received, 1);
    int err = k->left % 50 == 0 ? wait_a_little(self, k) : 0;
    if (k->left % 100 == 1)
        err = err ? err : cadre_spawn(self, NULL, &child_class, NULL);
    if (!err)
        err = cadre_reply(self, m, number, 1);
    return err ? err : --k->left == 0 ? CADRE_STOP : 0;
}

static void keeper_stop(cadre_self *self, void *state, int reason)
{
    expect(is_at_home(state));
    begun_here &= ~(1u << ((keeper *)state)->id);
    atomic_fetch_add(&stops, 1);
}

static const cadre_class keeper_class = {.name = "keeper",
                                         .state_size = sizeof(keeper),
                                         .start = keeper_start,
                                         .receive = keeper_receive,
                                         .stop = keeper_stop};

/* Sends to each of the keepers in turn, and when that has replied again. */
typedef struct {
    cadre_ref keepers[3];
    uint32_t n;
} hammer;

static int strike(cadre_self *self, hammer *h)
{
    return h->n == BLOWS ? CADRE_STOP
                         : cadre_send(self, h->keepers[h->n++ % 3], number, 1);
}
static int hammer_start(cadre_self *self, void *state) { return strike(self, state); }
static int hammer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&blows, 1);
    return strike(self, state);
}
static const cadre_class hammer_class = {
    .state_size = sizeof(hammer), .start = hammer_start, .receive = hammer_receive};

static uint64_t blows_of(int keeper_index)
{
    return HAMMERS * (BLOWS / 3 + (BLOWS % 3 > keeper_index));
}

static int hammering_start(cadre_self *self, void *state)
{
    hammer h = {.n = 0};
    int err = 0;
    for (int i = 0; i < 3 && !err; i++)
        err = cadre_spawn_pinned(self, &h.keepers[i], &keeper_class,
                                 &(keeper){.left = blows_of(i), .id = (uint64_t)i});
    for (int i = 0; i < HAMMERS && !err; i++)
        err = cadre_spawn(self, NULL, &hammer_class, &h);
    return err;
}
static const cadre_class hammering = {.start = hammering_start, .receive = nothing};

static void hammer_them(uint32_t workers, uint32_t pinned, uint64_t seed)
{
    cadre_config config = quiet(workers, seed);
    config.pinned = pinned;
    config.end_when_quiet = true;
    forget();
    assert_int_equal(run(&config, &hammering, NULL), 0);
    assert_int_equal(atomic_load(&received), HAMMERS * BLOWS);
    assert_int_equal(atomic_load(&blows), HAMMERS * BLOWS);
    assert_int_equal(atomic_load(&starts), 3);
    assert_int_equal(atomic_load(&stops), 3);
    assert_true(atomic_load(&waits) >= HAMMERS * BLOWS / 50 - 3);
    assert_true(atomic_load(&children) >= 3);
    assert_int_equal(sums.workers, workers + pinned);
    assert_int_equal(sums.actors, 0);
}

static void pinned_stays(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++)
        for (uint32_t pinned = 1; pinned <= 3; pinned++) {
            hammer_them(workers, pinned, 0);
            assert_int_equal(atomic_load(&wrong), 0);
        }
}

/* One thread runs all; the same seed gives the same run. */
static void pinned_in_a_simulation(void **state)
{
    for (uint64_t seed = 1; seed <= 20 / EFFORT_SEEDS; seed++) {
        uint32_t workers = 1 + (uint32_t)seed % 3, pinned = 1 + (uint32_t)seed % 2;
        hammer_them(workers, pinned, seed);
        uint64_t trace = sums.trace;
        hammer_them(workers, pinned, seed);
        assert_true(trace == sums.trace);
    }
}

/* ---- one that blocks ---- */

static sem_t gate, entered, ready;
static atomic_uint others;

static int block(cadre_self *self, void *state)
{
    sem_post(&entered);
    while (sem_wait(&gate) != 0) {
    }
    return 0;
}
static const cadre_class blocking = {
    .name = "blocking", .start = block, .receive = nothing};

static int other_start(cadre_self *self, void *state)
{
    atomic_fetch_add(&others, 1);
    return 0;
}
static const cadre_class other = {.start = other_start, .receive = nothing};

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    sem_post(&ready);
    return 0;
}
static int root_of_blocking(cadre_self *self, void *state)
{
    int err = cadre_spawn_pinned(self, NULL, &blocking, NULL);
    err = err ? err : cadre_spawn_pinned(self, NULL, &other, NULL);
    return err ? err : cadre_spawn_pinned(self, NULL, &other, NULL);
}
static const cadre_class root = {.start = root_of_blocking, .receive = echo};

static cadre_system *open_blocked(uint32_t pinned)
{
    cadre_config config = quiet(1, 0);
    cadre_system *sys;
    config.pinned = pinned;
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    sem_init(&ready, 0, 0);
    atomic_store(&others, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(sem_wait(&entered), 0);
    return sys;
}

static void pinned_that_blocks_holds_up_its_own_thread_only(void **state)
{
    cadre_system *sys = open_blocked(1);
    for (int i = 0; i < 1000; i++) { /* the one worker goes on */
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
        assert_int_equal(sem_wait(&ready), 0);
    }
    assert_int_equal(atomic_load(&others), 0); /* they are behind it */
    sem_post(&gate);
    await(&others, 2);
    close_system(sys);
}

/* The second one is on the other thread, the third behind the first. */
static void pinned_are_dealt_in_turn(void **state)
{
    cadre_system *sys = open_blocked(2);
    await(&others, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
        assert_int_equal(sem_wait(&ready), 0);
    }
    assert_int_equal(atomic_load(&others), 1);
    sem_post(&gate);
    await(&others, 2);
    close_system(sys);
}

static void pinned_that_does_not_return_is_named(void **state)
{
    cadre_system *sys = open_blocked(1);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_MS), -ETIMEDOUT);
    assert_int_equal(lines_with("(blocking) has not returned from its handler"), 1);
    sem_post(&gate);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), CADRE_EKILLED);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- the tree ---- */

static int have_grandchild(cadre_self *self, void *state)
{
    return cadre_spawn_pinned(self, NULL, &other, NULL);
}
static const cadre_class pinned_parent = {.start = have_grandchild, .receive = nothing};
static void spawn_two_generations(cadre_self *self)
{
    cadre_ref child;
    assert_int_equal(cadre_spawn_pinned(self, &child, &pinned_parent, NULL), 0);
    assert_true(child.id != 0);
}

static void pinned_may_have_pinned_children(void **state)
{
    for (uint64_t seed = 0; seed <= 10; seed++) {
        cadre_config config = quiet(2, seed + 1);
        config.pinned = 1 + (uint32_t)seed % 2;
        atomic_store(&others, 0);
        assert_int_equal(play_with(&config, spawn_two_generations), 0);
        assert_int_equal(atomic_load(&others), 1);
        assert_int_equal(sums.actors, 0);
    }
}

static void kill_at_once(cadre_self *self)
{
    for (int i = 0; i < 100; i++) {
        cadre_ref child;
        assert_int_equal(cadre_spawn_pinned(self, &child, &pinned_parent, NULL), 0);
        if (i % 3 == 0)
            assert_int_equal(cadre_kill(self, child, 0), 0);
        else if (i % 3 == 1)
            assert_int_equal(cadre_stop(self, child), 0);
        else
            assert_int_equal(cadre_send(self, child, number, 1), 0);
    }
}

static void pinned_ends_like_all_others(void **state)
{
    for (uint64_t seed = 1; seed <= 20 / EFFORT_SEEDS; seed++) {
        cadre_config config = quiet(2, seed);
        config.pinned = 2;
        assert_int_equal(play_with(&config, kill_at_once), 0);
        assert_int_equal(sums.actors, 0);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}

/* ---- bad input ---- */

static void spawn_without_threads(cadre_self *self)
{
    cadre_ref child = {7};
    assert_int_equal(cadre_spawn_pinned(self, &child, &other, NULL), -EAGAIN);
    assert_true(child.id == 7);
    assert_int_equal(cadre_spawn_pinned(NULL, NULL, &other, NULL), -EINVAL);
}
static void spawn_pinned_without_threads_is_eagain(void **state)
{
    assert_int_equal(play(spawn_without_threads), 0);
}

static void spawn_null(cadre_self *self)
{
    assert_int_equal(cadre_spawn_pinned(self, NULL, NULL, NULL), -EINVAL);
}
static void play_null(void)
{
    assert_int_equal(play(spawn_null), 0);
    assert_int_equal(lines_with("cadre_spawn_pinned: class is NULL"), 1);
}
static void spawn_pinned_of_null_is_einval(void **state) { misuse(play_null); }

static atomic_int late;
static void spawn_late(cadre_self *self, void *state, int reason)
{
    atomic_store(&late, cadre_spawn_pinned(self, NULL, &other, NULL));
}
static int end_at_once(cadre_self *self, void *state) { return CADRE_STOP; }
static void spawn_ending(cadre_self *self)
{
    static const cadre_class ending = {.receive = nothing, .stop = spawn_late};
    cadre_ref child;
    assert_int_equal(cadre_spawn_pinned(self, &child, &ending, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}
static void spawn_pinned_at_the_end_is_eshutdown(void **state)
{
    cadre_config config = quiet(1, 1);
    config.pinned = 1;
    assert_int_equal(play_with(&config, spawn_ending), 0);
    assert_int_equal(atomic_load(&late), -ESHUTDOWN);
}

static void expect_refused(uint32_t workers, uint32_t pinned, uint64_t seed,
                           const char *line)
{
    static const cadre_class any = {.start = end_at_once, .receive = nothing};
    cadre_config config = quiet(workers, seed);
    cadre_system *sys;
    config.pinned = pinned;
    assert_int_equal(cadre_system_new(&sys, &config, &any, NULL), -EINVAL);
    assert_int_equal(lines_with(line), 1);
}

/* ---- polled_stays ------------------------------------------------------------------ */

enum { ROUNDS = 200 };
static cadre_system *polled, *working;
static pthread_t polling;
static atomic_uint there, here, elsewhere, refused;

static int tell_back(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t round = cadre_body(m, number)->value;
    atomic_fetch_add(pthread_equal(pthread_self(), polling) ? &elsewhere : &there, 1);
    atomic_fetch_add(&refused,
                     cadre_tell(polled, cadre_system_root(polled), number, round) != 0);
    return 0;
}
static int tell_over(uint64_t round)
{
    atomic_fetch_add(pthread_equal(pthread_self(), polling) ? &here : &elsewhere, 1);
    atomic_fetch_add(
        &refused, cadre_tell(working, cadre_system_root(working), number, round) != 0);
    return 0;
}
static int start_rounds(cadre_self *self, void *state) { return tell_over(1); }
static int go_round(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t round = cadre_body(m, number)->value;
    return round < ROUNDS ? tell_over(round + 1) : CADRE_STOP;
}
static void stop_there(cadre_self *self, void *state, int reason)
{
    atomic_fetch_add(pthread_equal(pthread_self(), polling) ? &here : &elsewhere, 1);
}

static void polled_stays(void **state)
{
    static const cadre_class back = {.receive = tell_back};
    static const cadre_class round = {
        .start = start_rounds, .receive = go_round, .stop = stop_there};
    cadre_config config = quiet(2, 0), without = quiet(CADRE_NO_WORKERS, 0);
    int turns;
    polling = pthread_self();
    assert_int_equal(cadre_system_new(&working, &config, &back, NULL), 0);
    assert_int_equal(cadre_system_new(&polled, &without, &round, NULL), 0);
    while ((turns = cadre_system_poll(polled, CADRE_SECOND)) >= 0) {
    }
    assert_int_equal(turns, -ESHUTDOWN);
    assert_int_equal(cadre_system_wait(polled), 0);
    assert_int_equal(cadre_system_stop_by(working, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(polled), 0);
    assert_int_equal(cadre_system_free(working), 0);
    assert_int_equal(there, ROUNDS);
    assert_int_equal(here, ROUNDS + 1);
    assert_int_equal(elsewhere + refused, 0);
}

static void pinned_without_workers_is_einval(void **state)
{
    expect_refused(CADRE_NO_WORKERS, 1, 0, "pinned needs workers");
    expect_refused(CADRE_NO_WORKERS, 1, 1, "pinned needs workers");
}

static void too_many_pinned_are_einval(void **state)
{
    expect_refused(1, 1024, 0, "workers and pinned are over 1024");
    expect_refused(1024, 1, 1, "workers and pinned are over 1024");
    expect_refused(2, UINT32_MAX, 0, "workers and pinned are over 1024");
}

int main(void)
{
    TESTS(cmocka_unit_test(pinned_stays), cmocka_unit_test(polled_stays),
          cmocka_unit_test(pinned_in_a_simulation),
          cmocka_unit_test(pinned_that_blocks_holds_up_its_own_thread_only),
          cmocka_unit_test(pinned_are_dealt_in_turn),
          cmocka_unit_test(pinned_that_does_not_return_is_named),
          cmocka_unit_test(pinned_may_have_pinned_children),
          cmocka_unit_test(pinned_ends_like_all_others),
          cmocka_unit_test(spawn_pinned_without_threads_is_eagain),
          cmocka_unit_test(spawn_pinned_of_null_is_einval),
          cmocka_unit_test(spawn_pinned_at_the_end_is_eshutdown),
          cmocka_unit_test(pinned_without_workers_is_einval),
          cmocka_unit_test(too_many_pinned_are_einval));
    return RUN_TESTS();
}
