/* test_future.c: requests from threads that are not actors. */
#include "support/asking.h"
#include "support/open.h"

#include <cadre/future.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>

static atomic_uint way; /* enum way */
static cadre_promise promise;
static atomic_uint deferred;

/* A root that serves: real threads, too, so nothing is asserted here. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    large l = large_of(1);
    if (m->type == &go_type)
        return cadre_is_awaited(self, promise) ? cadre_answer(self, promise, owned, 1)
                                               : 0;
    if (m->type == &finish_type)
        return cadre_body(m, finish)->result;
    switch ((enum way)atomic_load(&way)) {
    case REPLY:
        return cadre_reply(self, m, owned, 1);
    case REPLY_LARGE:
        return cadre_reply_as(self, m, &large_type, &l);
    case KEEP: {
        int err = cadre_defer(self, m, &promise);
        atomic_fetch_add(&deferred, 1);
        return err;
    }
    case FAIL:
        return CADRE_EUSER - 7;
    case UNEXPECTED:
        return cadre_unhandled(self, m);
    default:
        return 0;
    }
}
static const cadre_class root = {.name = "root", .receive = root_receive};

/* On real workers, and in a simulation. */
static uint32_t here_workers;
static uint64_t here_seed;
static cadre_system *open_here(enum way how)
{
    atomic_store(&way, how);
    drops_clear();
    atomic_store(&deferred, 0);
    return open_system(here_workers, here_seed, &root);
}
static void both_ways(void (*scenario)(void))
{
    for (here_workers = 1; here_workers <= 2; here_workers++)
        for (here_seed = 0; here_seed <= 1; here_seed++)
            scenario();
}

static cadre_future *call(cadre_system *sys)
{
    cadre_future *f = NULL;
    assert_int_equal(cadre_call(sys, &f, cadre_system_root(sys), owned, 0), 0);
    assert_non_null(f);
    return f;
}
static cadre_failure failure_of(cadre_future *f)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
    const cadre_failure *failure = cadre_body(&m, cadre_failure);
    assert_non_null(failure);
    return *failure;
}

/* ---- answers ---- */

static void call_and_wait(void)
{
    cadre_msg m = {0};
    cadre_system *sys = open_here(REPLY);
    cadre_future *f = call(sys);
    for (int i = 0; i < 2; i++) { /* and again */
        assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
        assert_int_equal(cadre_body(&m, owned)->id, 1);
        assert_int_equal(m.from.id, cadre_system_root(sys).id);
        assert_int_equal(m.token.id, 0);
    }
    assert_int_equal(cadre_future_wait(f, 0, &m), 0);
    assert_int_equal(drops[1], 0); /* it is the future's */
    cadre_future_free(f);
    close_system(sys);
    assert_dropped_once(2);
    assert_int_equal(sums.accepted, 2);
    assert_int_equal(sums.handled, 2);
}
static void answer_comes(void **state) { both_ways(call_and_wait); }

static void call_for_large(void)
{
    cadre_msg m;
    cadre_system *sys = open_here(REPLY_LARGE);
    large l = large_of(0);
    cadre_future *f;
    assert_int_equal(cadre_call_as(sys, &f, cadre_system_root(sys), &large_type, &l),
                     0);
    assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
    assert_true(m.type == &large_type && large_is_whole(m.body));
    cadre_future_free(f);
    close_system(sys);
    assert_dropped_once(2);
}
static void large_bodies(void **state) { both_ways(call_for_large); }

static void call_in_vain(void)
{
    cadre_system *sys = open_here(FORGET);
    cadre_future *f = call(sys), *g;
    cadre_ref nobody = {cadre_system_root(sys).id + (1u << 28)};
    cadre_failure failure = failure_of(f);
    assert_int_equal(failure.code, CADRE_EUNANSWERED);
    assert_int_equal(failure.origin.id, cadre_system_root(sys).id);
    cadre_future_free(f);
    assert_int_equal(cadre_call(sys, &g, nobody, owned, 1), 0);
    failure = failure_of(g);
    assert_int_equal(failure.code, CADRE_EDEAD);
    assert_int_equal(failure.origin.id, nobody.id);
    cadre_future_free(g);
    assert_int_equal(cadre_call(sys, &g, (cadre_ref){0}, owned, 2), 0);
    assert_int_equal(failure_of(g).code, CADRE_EDEAD);
    cadre_future_free(g);
    close_system(sys);
    assert_dropped_once(3);
}
static void unanswered_and_dead(void **state) { both_ways(call_in_vain); }

static void call_one_that_fails(void)
{
    cadre_system *sys = open_here(FAIL);
    cadre_future *f = call(sys);
    cadre_failure failure = failure_of(f);
    assert_int_equal(failure.code, CADRE_EDEAD);
    assert_int_equal(failure.cause, CADRE_EUSER - 7);
    assert_int_equal(cadre_system_wait(sys), CADRE_EUSER - 7);
    cadre_future_free(f);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(1);
}
static void server_fails(void **state) { both_ways(call_one_that_fails); }

/* ---- waiting, and not ---- */

static void wait_with_deadline(void)
{
    cadre_msg m = {.token = {77}};
    cadre_system *sys = open_here(KEEP);
    cadre_future *f = call(sys);
    assert_int_equal(cadre_future_wait(f, 0, &m), -ETIMEDOUT);
    if (here_seed) /* nothing can happen any more there */
        assert_int_equal(cadre_future_wait(f, CADRE_MS, &m), -EDEADLK);
    else
        assert_int_equal(cadre_future_wait(f, CADRE_MS, &m), -ETIMEDOUT);
    assert_int_equal(m.token.id, 77);
    if (!here_seed)
        await(&deferred, 1);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), go, 0), 0);
    assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
    assert_int_equal(cadre_body(&m, owned)->id, 1);
    cadre_future_free(f);
    close_system(sys);
    assert_dropped_once(2);
}
static void deadline_passes(void **state) { both_ways(wait_with_deadline); }

static void free_before_the_answer(void)
{
    cadre_system *sys = open_here(KEEP);
    cadre_future *f = call(sys);
    if (here_seed)
        while (cadre_system_poll(sys, 0) > 0) {
        }
    else
        await(&deferred, 1);
    cadre_future_free(f);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), go, 0), 0);
    close_system(sys);
    assert_dropped_once(1); /* the request; nobody wanted an answer */
    f = NULL;
    cadre_future_free(f);
}
static void given_up_before_the_answer(void **state)
{
    both_ways(free_before_the_answer);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}
static void wait_with_poll(void)
{
    cadre_msg m;
    cadre_system *sys = open_here(KEEP);
    cadre_future *f = call(sys);
    int fd = cadre_future_fd(f);
    assert_true(fd >= 0);
    assert_int_equal(cadre_future_fd(f), fd);
    assert_false(is_readable(fd));
    if (here_seed)
        assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), -EDEADLK);
    else
        await(&deferred, 1);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), go, 0), 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (here_seed)
        assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(cadre_future_wait(f, 0, &m), 0);
    assert_true(is_readable(fd)); /* it stays so */
    cadre_future_free(f);
    f = call(sys);
    atomic_store(&way, REPLY);
    cadre_future *g = call(sys);
    assert_int_equal(cadre_future_wait(g, CADRE_NEVER, &m), 0);
    assert_true(is_readable(cadre_future_fd(g))); /* asked for afterwards */
    cadre_future_free(g);
    cadre_future_free(f);
    close_system(sys);
}
static void descriptor_is_readable(void **state) { both_ways(wait_with_poll); }

/* ---- from a worker ---- */

static cadre_future *shared_future;
static int wait_inside, call_inside, wait_answered;
static int misuse_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg answer;
    if (m->type == &owned_type)
        return cadre_defer(self, m, &promise);
    wait_inside = cadre_future_wait(shared_future, CADRE_NEVER, &answer);
    return cadre_answer(self, promise, owned, 1);
}
static void waiting_on_a_worker_is_refused(void **state)
{
    static const cadre_class misuser = {.receive = misuse_receive};
    cadre_msg m;
    for (uint64_t seed = 0; seed < 2; seed++) {
        drops_clear();
        cadre_system *sys = open_system(1, seed, &misuser);
        shared_future = call(sys);
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), go, 0), 0);
        assert_int_equal(cadre_future_wait(shared_future, CADRE_NEVER, &m), 0);
        assert_int_equal(wait_inside, -EDEADLK);
        cadre_future_free(shared_future);
        close_system(sys);
        assert_dropped_once(2);
    }
}

static cadre_system *inside;
static int call_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_future *f = NULL;
    owned o = {0};
    call_inside = cadre_call_as(inside, &f, cadre_me(self), &owned_type, &o);
    wait_answered = f != NULL;
    return CADRE_STOP;
}
static void call_on_a_worker(void)
{
    static const cadre_class caller = {.receive = call_receive};
    drops_clear();
    inside = open_system(1, 1, &caller);
    assert_int_equal(cadre_tell(inside, cadre_system_root(inside), go, 0), 0);
    assert_int_equal(cadre_system_wait(inside), 0);
    assert_int_equal(cadre_system_free(inside), 0);
    assert_int_equal(call_inside, -EPERM);
    assert_false(wait_answered);
    assert_dropped_once(1);
}
static void calling_on_a_worker_is_refused(void **state) { misuse(call_on_a_worker); }

/* ---- the end of the system ---- */

static void *wait_in_thread(void *arg)
{
    static cadre_failure failure;
    cadre_msg m;
    int err = cadre_future_wait(arg, CADRE_NEVER, &m);
    failure.code = err;
    if (!err && cadre_body(&m, cadre_failure))
        failure = *cadre_body(&m, cadre_failure);
    return &failure;
}
static void system_stops_while_somebody_waits(void **state)
{
    pthread_t thread;
    void *result;
    here_workers = 2;
    here_seed = 0;
    cadre_system *sys = open_here(KEEP);
    cadre_future *f = call(sys);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, f), 0);
    await(&deferred, 1);
    cadre_system_stop(sys);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal(((cadre_failure *)result)->code, CADRE_EDEAD);
    assert_int_equal(cadre_system_wait(sys), 0);
    cadre_future_free(f);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(1);
}

static void call_after_stop(void)
{
    cadre_system *sys = open_here(REPLY);
    cadre_future *f = NULL, *early = call(sys);
    owned o = {2};
    cadre_system_stop(sys);
    assert_int_equal(cadre_call_as(sys, &f, cadre_system_root(sys), &owned_type, &o),
                     -ESHUTDOWN);
    assert_null(f);
    assert_int_equal(drops[2], 1);
    assert_int_equal(cadre_system_wait(sys), 0);
    cadre_msg m;
    assert_int_equal(cadre_future_wait(early, 0, &m), 0); /* sent before: answered */
    assert_int_equal(cadre_body(&m, owned)->id, 1);
    cadre_future_free(early);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(3);
}
static void calls_after_stop_are_refused(void **state) { both_ways(call_after_stop); }

static void free_with_live_future(void)
{
    cadre_system *sys = open_here(REPLY);
    cadre_msg m;
    cadre_future *f = call(sys);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), -EBUSY);
    assert_int_equal(cadre_future_wait(f, 0, &m), 0); /* nothing was freed */
    assert_int_equal(cadre_body(&m, owned)->id, 1);
    cadre_future_free(f);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(2);
}
static void free_with_live_future_on_threads(void)
{
    here_workers = 1;
    here_seed = 0;
    free_with_live_future();
}
static void system_is_not_freed_before_its_futures(void **state)
{
    misuse(free_with_live_future_on_threads);
}

/* ---- in a program's own loop ---- */

typedef struct {
    cadre_promise promise;
} later;
static int answer_later(cadre_self *self, void *state, cadre_msg *m)
{
    later *l = state;
    if (m->type == &owned_type) {
        int err = cadre_defer(self, m, &l->promise);
        return err ? err : cadre_after(self, NULL, 2 * CADRE_MS, go, 0);
    }
    return cadre_answer(self, l->promise, owned, 1);
}
static void waiting_runs_the_system(void **state)
{
    static const cadre_class slow = {.state_size = sizeof(later),
                                     .receive = answer_later};
    cadre_msg m;
    for (uint64_t seed = 0; seed < 2; seed++) {
        drops_clear();
        cadre_system *sys = open_system(seed ? 2 : CADRE_NO_WORKERS, seed, &slow);
        cadre_future *f = call(sys);
        assert_int_equal(cadre_future_wait(f, 0, &m), -ETIMEDOUT);
        assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
        assert_int_equal(cadre_body(&m, owned)->id, 1);
        cadre_future_free(f);
        close_system(sys);
        assert_dropped_once(2);
    }
}

/* A poll that may wait for long wakes up when a timer is due. */
static int stop_by_timer(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}
static int start_timer(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, CADRE_MS, go, 0);
}
static const cadre_class timed = {.start = start_timer, .receive = stop_by_timer};
static void poll_wakes_up_for_a_timer(void **state)
{
    cadre_system *sys = open_system(CADRE_NO_WORKERS, 0, &timed);
    int turns = 0, polls = 0;
    while ((turns = cadre_system_poll(sys, CADRE_NEVER)) >= 0)
        assert_true(++polls < 1000);
    assert_int_equal(turns, -ESHUTDOWN);
    assert_int_equal(cadre_system_free(sys), 0);
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static void pending_timer_is_no_silence(void **state)
{
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    cadre_system *sys;
    static const cadre_class silent = {.start = start_timer, .receive = ignore};
    config.end_when_quiet = true;
    assert_int_equal(cadre_system_new(&sys, &config, &silent, NULL), 0);
    while (cadre_system_poll(sys, CADRE_SECOND) >= 0) {
    }
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, 1); /* the timer came, and only then it ended */
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- refusals ---- */

static void null_arguments(void **state)
{
    cadre_msg m;
    owned o = {0};
    cadre_future *f = NULL;
    drops_clear();
    assert_int_equal(cadre_future_wait(NULL, 0, &m), -EINVAL);
    assert_int_equal(cadre_future_fd(NULL), -EINVAL);
    assert_int_equal(cadre_call_as(NULL, &f, (cadre_ref){1}, &owned_type, &o), -EINVAL);
    assert_null(f);
    assert_dropped_once(1);
    here_workers = 1;
    here_seed = 0;
    cadre_system *sys = open_here(REPLY);
    f = call(sys);
    assert_int_equal(cadre_future_wait(f, -1, &m), -EINVAL);
    assert_int_equal(cadre_future_wait(f, 0, NULL), -EINVAL);
    cadre_future_free(f);
    close_system(sys);
}

static int bad_case;
static void call_badly(void)
{
    static const cadre_type huge = {.name = "huge", .size = CADRE_BODY_MAX + 1};
    here_workers = here_seed = 1;
    cadre_system *sys = open_here(REPLY);
    cadre_ref to = cadre_system_root(sys);
    cadre_future *f = NULL;
    owned o = {0};
    if (bad_case == 0) {
        assert_int_equal(cadre_call_as(sys, &f, to, &huge, &o), -EMSGSIZE);
        assert_int_equal(cadre_call_as(sys, NULL, to, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[0], 1);
    } else if (bad_case == 1) {
        assert_int_equal(cadre_call_as(sys, &f, to, NULL, &o), -EINVAL);
    } else {
        assert_int_equal(cadre_call_as(sys, &f, to, &owned_type, NULL), -EINVAL);
    }
    assert_int_equal(lines_with("cadre_call"), 1);
    assert_null(f);
    close_system(sys);
}
static void misused_calls_are_refused(void **state)
{
    for (bad_case = 0; bad_case < 3; bad_case++)
        misuse(call_badly);
}

/* A promise is for one call alone, though the next future may stand in its place. */
static int keep_both(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->type == &go_type)
        return cadre_answer(self, *p, owned, 1) == -EALREADY ? 0 : CADRE_EUSER;
    cadre_promise mine;
    int err = cadre_defer(self, m, &mine);
    if (p->token.id == 0) {
        *p = mine;
        return err ? err : cadre_answer(self, mine, owned, 1);
    }
    return err;
}
static void stale_promise_answers_nobody_else(void **state)
{
    static const cadre_class both = {.state_size = sizeof(cadre_promise),
                                     .receive = keep_both};
    cadre_msg m;
    drops_clear();
    cadre_system *sys = open_system(1, 1, &both);
    cadre_future *f = call(sys);
    assert_int_equal(cadre_future_wait(f, CADRE_NEVER, &m), 0);
    cadre_future_free(f);
    cadre_future *g;
    assert_int_equal(cadre_call(sys, &g, cadre_system_root(sys), owned, 2), 0);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), go, 0), 0);
    assert_int_equal(cadre_future_wait(g, CADRE_NEVER, &m), -EDEADLK);
    cadre_future_free(g);
    close_system(sys);
}

/* ---- two systems ---- */

static void two_systems_at_once(void **state)
{
    cadre_msg m;
    here_workers = 2;
    here_seed = 0;
    cadre_system *one = open_here(REPLY), *two = open_system(1, 0, &root);
    cadre_future *f[2];
    for (int i = 0; i < 100; i++) {
        f[0] = call(one);
        f[1] = call(two);
        for (int n = 0; n < 2; n++) {
            assert_int_equal(cadre_future_wait(f[n], CADRE_NEVER, &m), 0);
            assert_int_equal(cadre_body(&m, owned)->id, 1);
            assert_int_equal(m.from.id, cadre_system_root(n ? two : one).id);
            cadre_future_free(f[n]);
        }
    }
    assert_int_equal(cadre_call(one, &f[0], cadre_system_root(two), owned, 0), 0);
    assert_int_equal(failure_of(f[0]).code, CADRE_EDEAD); /* no actor of that system */
    cadre_future_free(f[0]);
    close_system(one);
    close_system(two);
    assert_int_equal(sums.accepted, 200);
}

int main(void)
{
    TESTS(cmocka_unit_test(answer_comes), cmocka_unit_test(large_bodies),
          cmocka_unit_test(unanswered_and_dead), cmocka_unit_test(server_fails),
          cmocka_unit_test(deadline_passes),
          cmocka_unit_test(given_up_before_the_answer),
          cmocka_unit_test(descriptor_is_readable),
          cmocka_unit_test(waiting_on_a_worker_is_refused),
          cmocka_unit_test(calling_on_a_worker_is_refused),
          cmocka_unit_test(system_stops_while_somebody_waits),
          cmocka_unit_test(calls_after_stop_are_refused),
          cmocka_unit_test(system_is_not_freed_before_its_futures),
          cmocka_unit_test(waiting_runs_the_system),
          cmocka_unit_test(poll_wakes_up_for_a_timer),
          cmocka_unit_test(pending_timer_is_no_silence),
          cmocka_unit_test(null_arguments), cmocka_unit_test(misused_calls_are_refused),
          cmocka_unit_test(stale_promise_answers_nobody_else),
          cmocka_unit_test(two_systems_at_once));
    return RUN_TESTS();
}
