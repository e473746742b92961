/* test_ask_moved.c: a cancel finds a request wherever it is by then: passed on, set
 * aside, held behind a handler that waits, or kept over a restart. */
#include "support/asking.h"

#include <cadre/await.h>
#include <cadre/supervise.h>

#include <errno.h>

/* How one passes a request on, and what the last one does with it. */
enum hop { NO_MORE, FORWARDS, DELEGATES };
enum stay { DEFERS, AWAITS, AWAITS_OPEN };
enum { HOPS = 3 };

static cadre_ref bottom, first, last;
static uint64_t token;
static uint32_t cancelled;   /* operations for its sake that heard of it */
static uint32_t not_awaited; /* promises, afterwards */

/* ---- those it passes through ---- */

typedef struct {
    enum hop how;
    cadre_ref next;
} passer;

static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    const passer *p = state;
    cadre_promise promise;
    if (p->how == FORWARDS)
        return cadre_forward(self, p->next, m);
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    return cadre_delegate_as(self, promise, p->next, CADRE_BODY(number, 1));
}
static const cadre_class passer_class = {.state_size = sizeof(passer),
                                         .receive = pass_on};

/* ---- the last one: something is done for its sake there ---- */

typedef struct {
    enum stay stay;
    bool aside;
    uint32_t again; /* how often it asks once more */
    cadre_promise promise;
} worker;

static void note_cancel(const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    assert_non_null(f);
    assert_int_equal(f->code, -ECANCELED);
    cancelled++;
}

static int ask_and_wait(cadre_self *self, const worker *w)
{
    cadre_token t;
    cadre_msg m;
    for (uint32_t i = 0; i <= w->again; i++) {
        assert_int_equal(cadre_ask(self, &t, bottom, CADRE_NEVER, number, 1), 0);
        assert_int_equal(w->stay == AWAITS ? cadre_await(self, t, &m)
                                           : cadre_await_open(self, t, &m),
                         0);
        note_cancel(&m);
    }
    return 0;
}

static int take(cadre_self *self, worker *w, cadre_msg *m)
{
    if (w->aside)
        return cadre_stash(self, m);
    if (w->stay != DEFERS)
        return ask_and_wait(self, w);
    assert_int_equal(cadre_defer(self, m, &w->promise), 0);
    return cadre_ask(self, NULL, bottom, CADRE_NEVER, number, 1);
}

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    worker *w = state;
    if (cadre_body(m, number))
        return take(self, w, m);
    if (cadre_body(m, finish)) /* it looks */
        not_awaited += !cadre_is_awaited(self, w->promise);
    else if (!cadre_body(m, go))
        note_cancel(m);
    else if (w->aside)
        cadre_unstash(self);
    else
        return cadre_sleep(self, 4 * CADRE_MS); /* all else is held */
    w->aside = false;
    return 0;
}
static const cadre_class worker_class = {.state_size = sizeof(worker), .receive = work};

/* ---- whoever asks ---- */

static struct {
    enum hop hops[HOPS + 1];
    worker last;
    cadre_time after; /* so long after that it is cancelled; 0: at once */
    enum { CANCELS, STOPS, GOES_DOWN } end;
} way;

static int cancel(cadre_self *self)
{
    if (way.end == CANCELS)
        assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
    return way.end == STOPS ? CADRE_STOP : way.end == GOES_DOWN ? CADRE_EUSER : 0;
}
static int ask_first(cadre_self *self, void *state)
{
    cadre_token t;
    assert_int_equal(cadre_ask(self, &t, first, CADRE_NEVER, number, 1), 0);
    token = t.id;
    return way.after ? cadre_after(self, NULL, way.after, go, 0) : cancel(self);
}
static int ask_receive(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &go_type); /* no outcome */
    return cancel(self);
}
static const cadre_class asker_class = {.start = ask_first, .receive = ask_receive};

/* When it is cancelled, and by what: the runs of one case go through all of it. */
static void begin(void)
{
    static const cadre_time times[] = {0, 1000, CADRE_MS, 2 * CADRE_MS};
    static uint32_t runs;
    way.after = times[runs % 4];
    way.end = runs / 4 % 3;
    runs++;
    cancelled = not_awaited = 0;
}

/* Each of them knows the next one. */
static void spawn_way(cadre_self *self)
{
    begin();
    bottom = serve(self, KEEP, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, &last, &worker_class, &way.last), 0);
    first = last;
    for (int i = HOPS - 1; i >= 0; i--) {
        passer p = {way.hops[i], first};
        if (p.how != NO_MORE)
            assert_int_equal(cadre_spawn(self, &first, &passer_class, &p), 0);
    }
}

static void spawn_asker(cadre_self *self)
{
    cadre_opts opts = {.keep = way.end == GOES_DOWN}; /* and nobody restarts it */
    assert_int_equal(cadre_spawn_with(self, NULL, &asker_class, NULL, &opts), 0);
}

static int look(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &go_type ? cadre_send(self, last, finish, 0) : 0;
}
static void ask_all_the_way(cadre_self *self)
{
    spawn_way(self);
    spawn_asker(self);
    cadre_become(self, look);
    assert_int_equal(cadre_after(self, NULL, 9 * CADRE_MS, go, 0), 0);
}
static void judge_found(void)
{
    assert_int_equal(cancelled, 1 + way.last.again);
    assert_int_equal(not_awaited, 1);
}
static void cancel_follows(void **state)
{
    static const enum hop hops[][HOPS] = {
        {NO_MORE}, {FORWARDS}, {DELEGATES}, {FORWARDS, DELEGATES, FORWARDS}};
    for (size_t i = 0; i < sizeof hops / sizeof *hops; i++)
        for (enum stay stay = DEFERS; stay <= AWAITS_OPEN; stay++) {
            memset(&way, 0, sizeof way);
            memcpy(way.hops, hops[i], sizeof hops[i]);
            way.last.stay = stay;
            asking(ask_all_the_way, judge_found, 0);
        }
}

/* The handler goes on and waits again: each wait ends. */
static void cancel_ends_each_later_wait(void **state)
{
    for (enum stay stay = AWAITS; stay <= AWAITS_OPEN; stay++) {
        memset(&way, 0, sizeof way);
        way.last = (worker){.stay = stay, .again = 2};
        asking(ask_all_the_way, judge_found, 0);
        way.hops[0] = FORWARDS;
        asking(ask_all_the_way, judge_found, 0);
    }
}

/* ---- out of its order ---- */

static int let_go_or_look(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &number_type ? cadre_send(self, last, go, 0)
                                   : look(self, state, m);
}
static void ask_while_aside(cadre_self *self)
{
    spawn_way(self);
    spawn_asker(self);
    cadre_become(self, let_go_or_look);
    assert_int_equal(cadre_after(self, NULL, 3 * CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_after(self, NULL, 9 * CADRE_MS, go, 0), 0);
}
static void cancel_finds_what_was_set_aside(void **state)
{
    for (enum stay stay = DEFERS; stay <= AWAITS_OPEN; stay++)
        for (enum hop hop = NO_MORE; hop <= FORWARDS; hop++) {
            memset(&way, 0, sizeof way);
            way.hops[0] = hop;
            way.last = (worker){.stay = stay, .aside = true};
            asking(ask_while_aside, judge_found, 0);
        }
}

static void ask_while_held(cadre_self *self)
{
    spawn_way(self);
    assert_int_equal(cadre_send(self, last, go, 0), 0);
    spawn_asker(self);
    cadre_become(self, look);
    assert_int_equal(cadre_after(self, NULL, 9 * CADRE_MS, go, 0), 0);
}
static void cancel_finds_what_is_held(void **state)
{
    for (enum stay stay = DEFERS; stay <= AWAITS_OPEN; stay++)
        for (enum hop hop = NO_MORE; hop <= FORWARDS; hop++) {
            memset(&way, 0, sizeof way);
            way.hops[0] = hop;
            way.last.stay = stay;
            asking(ask_while_held, judge_found, 0);
        }
}

/* ---- kept over a restart ---- */

static uint32_t starts; /* of the last one; simulated */
static bool fails_on_it;

static int count_starts(cadre_self *self, void *state)
{
    starts++;
    return 0;
}
/* Fails the first time, on what comes first or on the request itself. */
static int fail_first(cadre_self *self, void *state, cadre_msg *m)
{
    bool is_time = starts == 1 && (m->type == &go_type || fails_on_it);
    return is_time ? CADRE_EUSER : work(self, state, m);
}
static int restart_or_look(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down) /* the asker stays down */
        return cadre_same(down->child, last)
                   ? cadre_after(self, NULL, 3 * CADRE_MS, number, 0)
                   : 0;
    return m->type == &number_type ? cadre_restart(self, last)
                                   : cadre_send(self, last, finish, 0);
}
static void ask_while_down(cadre_self *self)
{
    static const cadre_class kept_class = {
        .state_size = sizeof(worker), .start = count_starts, .receive = fail_first};
    cadre_opts opts = {.keep = true, .mail = CADRE_MAIL_RETRY};
    begin();
    starts = 0;
    bottom = serve(self, KEEP, (cadre_ref){0});
    assert_int_equal(cadre_spawn_with(self, &last, &kept_class, &way.last, &opts), 0);
    passer p = {way.hops[0], first = last};
    if (p.how != NO_MORE)
        assert_int_equal(cadre_spawn(self, &first, &passer_class, &p), 0);
    if (!fails_on_it)
        assert_int_equal(cadre_send(self, last, go, 0), 0);
    spawn_asker(self);
    cadre_become(self, restart_or_look);
    assert_int_equal(cadre_after(self, NULL, 9 * CADRE_MS, go, 0), 0);
}
static void cancel_finds_what_waits_for_a_restart(void **state)
{
    for (int i = 0; i < 2 * (AWAITS_OPEN + 1) * (FORWARDS + 1); i++) {
        memset(&way, 0, sizeof way);
        fails_on_it = i % 2;
        way.last.stay = (enum stay)(i / 2 % (AWAITS_OPEN + 1));
        way.hops[0] = (enum hop)(i / 2 / (AWAITS_OPEN + 1));
        asking(ask_while_down, judge_found, 0);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(cancel_follows),
          cmocka_unit_test(cancel_ends_each_later_wait),
          cmocka_unit_test(cancel_finds_what_was_set_aside),
          cmocka_unit_test(cancel_finds_what_is_held),
          cmocka_unit_test(cancel_finds_what_waits_for_a_restart));
    return RUN_TESTS();
}
