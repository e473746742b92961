/* test_future_freed.c: a future that is freed without an answer cancels its request. */
#include "support/asking.h"
#include "support/open.h"

#include <cadre/future.h>
#include <cadre/shutdown.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <pthread.h>

/* The root passes it on; behind that somebody asks for its sake, and gets no answer. */
static cadre_ref mute;
static atomic_uint started, cancelled;
static int mute_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise; /* for ever, or until it is cancelled */
    return cadre_defer(self, m, &promise);
}
static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    cadre_promise p;
    if (failure) {
        bool is_it = failure->code == -ECANCELED;
        return atomic_fetch_add(&cancelled, is_it) ? CADRE_EUSER : 0;
    }
    int err = cadre_defer(self, m, &p);
    if (!err)
        err = cadre_ask(self, NULL, mute, CADRE_NEVER, owned, 1);
    atomic_fetch_add(&started, 1);
    return err;
}
static const cadre_class mute_class = {.receive = mute_receive};
static const cadre_class worker_class = {.receive = worker_receive};
static int front_start(cadre_self *self, void *state)
{
    int err = cadre_spawn(self, &mute, &mute_class, NULL);
    return err ? err : cadre_spawn(self, state, &worker_class, NULL);
}
static int front_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, *(cadre_ref *)state, m);
}
static const cadre_class front = {
    .state_size = sizeof(cadre_ref), .start = front_start, .receive = front_receive};

static void run_until(cadre_system *sys, uint64_t seed, atomic_uint *flag)
{
    if (seed == 0)
        await(flag, 1);
    while (seed && cadre_system_poll(sys, 0) > 0) {
    }
}

static void free_with_work_under_way(uint32_t workers, uint64_t seed)
{
    drops_clear();
    atomic_store(&started, 0);
    atomic_store(&cancelled, 0);
    cadre_system *sys = open_system(workers, seed, &front);
    cadre_future *f = NULL;
    assert_int_equal(cadre_call(sys, &f, cadre_system_root(sys), owned, 0), 0);
    run_until(sys, seed, &started);
    assert_int_equal(atomic_load(&cancelled), 0);
    cadre_future_free(f);
    run_until(sys, seed, &cancelled);
    assert_int_equal(atomic_load(&cancelled), 1);
    close_system(sys);
    assert_dropped_once(2);
}

static void freed_is_cancelled(void **state)
{
    for (uint32_t workers = 1; workers <= 2; workers++)
        for (uint64_t seed = 0; seed <= 1; seed++)
            free_with_work_under_way(workers, seed);
}

/* One that is full sends it on to the worker. */
static cadre_ref full;
static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, owned, 0);
}
static int redirecting_start(cadre_self *self, void *state)
{
    static const cadre_class full_class = {.receive = answer};
    cadre_ref *worker = state;
    int err = front_start(self, worker);
    const cadre_limit limit = {
        .mailbox_max = 1, .overflow = CADRE_REDIRECT, .redirect = *worker};
    return err ? err
               : cadre_spawn_with(self, &full, &full_class, NULL,
                                  &(cadre_opts){.limit = &limit});
}

static void redirected_is_cancelled(void **state)
{
    const cadre_class redirecting = {.state_size = sizeof(cadre_ref),
                                     .start = redirecting_start,
                                     .receive = front_receive};
    cadre_future *f[2];
    atomic_store(&started, 0);
    atomic_store(&cancelled, 0);
    cadre_system *sys = open_system(1, 1, &redirecting);
    run_until(sys, 1, NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(cadre_call(sys, &f[i], full, owned, 0), 0);
    run_until(sys, 1, NULL);
    assert_int_equal(atomic_load(&started), 1);
    cadre_future_free(f[1]);
    run_until(sys, 1, NULL);
    assert_int_equal(atomic_load(&cancelled), 1);
    cadre_future_free(f[0]);
    close_system(sys);
}

/* A system that drains waits for nobody who has given up. */
static void *drain(void *sys)
{
    (void)!cadre_system_shutdown(sys, 60 * CADRE_SECOND, CADRE_NEVER);
    return NULL;
}

static void freed_while_it_drains(void **state)
{
    pthread_t thread;
    cadre_future *f, *g;
    atomic_store(&started, 0);
    atomic_store(&cancelled, 0);
    cadre_system *sys = open_system(2, 0, &front);
    assert_int_equal(cadre_call(sys, &f, cadre_system_root(sys), owned, 0), 0);
    await(&started, 1);
    assert_int_equal(pthread_create(&thread, NULL, drain, sys), 0);
    while (cadre_call(sys, &g, (cadre_ref){0}, owned, 1) == 0)
        cadre_future_free(g); /* until it drains */
    cadre_future_free(f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&cancelled), 1); /* not for its end */
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(freed_is_cancelled),
          cmocka_unit_test(redirected_is_cancelled),
          cmocka_unit_test(freed_while_it_drains));
    return RUN_TESTS();
}
