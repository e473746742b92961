/* isolating.c: an isolated actor that does what it is told, and a root that notes what it
 * is told. */
#include "support/isolating.h"

#include <cadre/apply.h>
#include <cadre/await.h>
#include <cadre/chain.h>
#include <cadre/fail.h>
#include <cadre/name.h>
#include <cadre/shutdown.h>
#include <cadre/offload.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what runs in there: it does what the numbers say ---------------------------- */

CADRE_TYPE(errand);
CADRE_TYPE(bulk);
CADRE_TYPE(given);

static int *volatile nowhere;
static volatile bool for_ever = true;

/* A sanitizer would find it first, and end in its own way. */
void touch_nowhere(void)
{
    if (EFFORT_SLOWDOWN > 1)
        raise(SIGSEGV);
    *nowhere = 1;
}

static void loop(void)
{
    while (for_ever) {
    }
}

static void take_all_memory(void)
{
    volatile char *p;
    while ((p = malloc(1 << 20)) && for_ever)
        for (int i = 0; i < 1 << 20; i += 4096)
            p[i] = 1;
    touch_nowhere(); /* as a program that does not look */
}

static int pass_answer(cadre_self *self, void *state, cadre_msg *m)
{
    odd *o = state;
    const number *n = cadre_body(m, number);
    const cadre_failure *f = cadre_body(m, cadre_failure);
    return cadre_answer(self, o->promise, number,
                        n ? n->value : (uint64_t) - (int64_t)f->code);
}

static int ask_friend(cadre_self *self, odd *o, cadre_msg *m, const errand *w)
{
    cadre_token token;
    int err = cadre_defer(self, m, &o->promise);
    if (!err)
        err = cadre_ask(self, &token, w->friend, CADRE_NEVER, errand,
                        w->value == ASK ? PING : OWNED, .first = 7);
    return err ? err : cadre_then(self, token, pass_answer);
}

static int await_friend(cadre_self *self, cadre_msg *m, const errand *w)
{
    cadre_token token;
    cadre_msg answer;
    int err = cadre_ask(self, &token, w->friend, CADRE_NEVER, errand, PING,
                        .first = w->first);
    if (!err)
        err = cadre_await(self, token, &answer);
    return err ? err
               : cadre_reply(self, m, number, cadre_body(&answer, number)->value + 1);
}

static int loop_on(cadre_self *self, void *state, cadre_msg *m)
{
    loop();
    return 0;
}

static int loop_asking(cadre_self *self, const errand *w)
{
    cadre_token token;
    int err = cadre_ask(self, &token, w->friend, CADRE_NEVER, errand, .value = DEFER);
    return err ? err : cadre_then(self, token, loop_on);
}

/* What keeps it is a number, which answers as LATER's. */
static int give_promise(cadre_self *self, odd *o, cadre_msg *m, const errand *w)
{
    cadre_promise promise;
    cadre_token token;
    int err = m->token.id ? cadre_defer(self, m, &o->promise) : 0;
    if (!err)
        err = cadre_promise_new(self, &token, &promise, CADRE_NEVER);
    return err ? err : cadre_send(self, w->friend, given, promise);
}

static int work(void *body) { return 0; }
static int call_nothing(cadre_self *self, void *state, void *arg) { return 0; }

static uint64_t count_refused(cadre_self *self, cadre_ref friend)
{
    cadre_ref child;
    return (uint64_t)(cadre_spawn(self, &child, &sink_class, NULL) == -ENOTSUP) +
           (cadre_watch(self, NULL, friend) == -ENOTSUP) +
           (cadre_link(self, NULL, friend) == -ENOTSUP) +
           (cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_NEVER, work, number, 1) ==
            -ENOTSUP) +
           (cadre_apply(self, friend, call_nothing, NULL) == -ENOTSUP) +
           (cadre_register(self, "odd") == -ENOTSUP) +
           (cadre_unregister(self, "odd") == -ENOTSUP) +
           (cadre_whereis(self, "odd").id == 0) +
           (cadre_when_closing(self, NULL) == -ENOTSUP) +
           (cadre_print_waits(self, friend) == -ENOTSUP) +
           (cadre_send(self, friend, owned, 1) == -ENOTSUP);
}

static int break_down(cadre_self *self, uint64_t how)
{
    switch (how) {
    case SEGV:
        touch_nowhere();
        break;
    case ABORT:
        abort();
    case EXIT:
        _exit(3);
    case LOOP:
        loop();
        break;
    case BOMB:
        take_all_memory();
        break;
    case FAIL:
        return cadre_fail(self, CADRE_EUSER - 3, "no %s", "luck");
    default:
        break;
    }
    return 0;
}

/* What is in /proc/self/maps as shared and writable: how many pieces. */
static uint64_t find_shared(bool scribbles)
{
    char line[512];
    uint64_t count = 0;
    unsigned long first, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, " rw-s ") && sscanf(line, "%lx-%lx", &first, &end) == 2) {
            if (scribbles)
                memset((void *)first, 0xa5, end - first); /* NOLINT */
            count++;
        }
    return maps && fclose(maps) == 0 ? count : 0;
}

static uint64_t count_descriptors(void)
{
    uint64_t count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* To whatever it has but stdout and stderr. */
static void write_garbage(int byte)
{
    char bytes[4096];
    memset(bytes, byte, sizeof bytes);
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        (void)!write(fd, bytes, sizeof bytes);
}

static int send_without_memory(cadre_self *self, const errand *w)
{
    static bulk big;
    void *volatile taken; /* a compiler may leave out what nobody looks at */
    for (size_t size = (size_t)64 << 20; size > 16; size /= 2)
        do
            taken = malloc(size);
        while (taken && for_ever);
    int err = 0;
    while (!err)
        err = cadre_send_as(self, w->friend, &bulk_type, &big);
    return err;
}

static int shout(cadre_self *self, cadre_msg *m, const errand *w)
{
    int err = 0;
    for (uint64_t i = 0; !err && i < w->first; i++)
        err = cadre_send(self, w->friend, number, i);
    return err ? err : answer(self, m, w->first);
}

static int circle(cadre_self *self, odd *o, cadre_msg *m, const errand *w)
{
    int err = answer(self, m, w->first);
    if (!err && o->count % 1000 == 0)
        err = cadre_send(self, w->friend, number, o->count);
    return err ? err
               : cadre_send(self, cadre_me(self), errand, w->value, w->first,
                            w->friend);
}

static int and_then(cadre_self *self, cadre_msg *m, const errand *w)
{
    int err = answer(self, m, w->first);
    return err ? err : cadre_send(self, cadre_me(self), errand, .value = w->first);
}

static int stand_in_line(cadre_self *self, const errand *w)
{
    int err = 0;
    for (uint64_t i = 0; !err && i < w->first; i++)
        err = cadre_send(self, cadre_me(self), errand, .value = PING);
    return err ? err : cadre_send(self, cadre_me(self), errand, .value = SEGV);
}

static int spin(cadre_self *self, cadre_msg *m, const errand *w)
{
    int err = answer(self, m, w->first);
    return err ? err : cadre_send(self, cadre_me(self), errand, .value = SPIN);
}

static void be_busy(double ns)
{
    for (double start = effort_clock(); effort_clock() < start + ns / 1e9;) {
    }
}

int answer(cadre_self *self, cadre_msg *m, uint64_t value)
{
    return m->token.id ? cadre_reply(self, m, number, value) : 0;
}

static int look_around(cadre_self *self, cadre_msg *m, const errand *w)
{
    switch (w->value) {
    case OPEN:
        return answer(self, m, open("/dev/null", O_RDONLY) < 0 ? (uint64_t)errno : 0);
    case WHICH:
        return answer(self, m, (uint64_t)getpid());
    case SHARED:
        return answer(self, m, find_shared(false));
    case OPENED:
        return answer(self, m, count_descriptors());
    case DUMPABLE:
        return answer(self, m, (uint64_t)prctl(PR_GET_DUMPABLE));
    case SCRIBBLE:
        (void)find_shared(true);
        if (w->first == 1)
            touch_nowhere();
        return 0;
    case GARBAGE:
        write_garbage(w->first ? 0xff : 0);
        return 0;
    case SHUT_DOWN:
        for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
            (void)shutdown(fd, SHUT_RDWR);
        loop();
        return 0;
    case GLUT:
        return send_without_memory(self, w);
    default:
        return 0;
    }
}

static int obey(cadre_self *self, odd *o, cadre_msg *m, const errand *w)
{
    static bulk big;
    switch (w->value) {
    case PING:
        return answer(self, m, w->first + 1);
    case COUNT:
        return answer(self, m, o->count);
    case STOP:
        return CADRE_STOP;
    case DEFER:
        return cadre_defer(self, m, &o->promise);
    case ANSWER:
        return cadre_answer(self, o->promise, number, w->first);
    case LATER: {
        int err = cadre_defer(self, m, &o->promise);
        return err ? err : cadre_after(self, NULL, 2 * CADRE_MS, number, w->first);
    }
    case OWNED:
        return cadre_reply(self, m, owned, 3);
    case ASK:
    case ASK_OWNED:
        return ask_friend(self, o, m, w);
    case AWAIT:
        return await_friend(self, m, w);
    case FORWARD:
        ((errand *)m->body)->value = PING;
        return cadre_forward(self, w->friend, m);
    case TELL:
        return cadre_send(self, w->friend, number, w->first);
    case REFUSED:
        return answer(self, m, count_refused(self, w->friend));
    case ME:
        return answer(self, m,
                      cadre_parent(self).id == w->friend.id ? cadre_me(self).id : 0);
    case STASH:
        return cadre_stash(self, m);
    case LARGE:
        memset(&big, (int)w->first, sizeof big);
        return cadre_send_as(self, w->friend, &bulk_type, &big);
    case STOP_OTHER:
        return cadre_stop(self, w->friend);
    case HANG_AT_STOP:
        o->hangs = true;
        return 0;
    case LOOP_LATER:
        return cadre_after(self, NULL, (cadre_time)w->first, errand, .value = LOOP);
    case LOOP_ASKING:
        return loop_asking(self, w);
    case PROMISE:
        return give_promise(self, o, m, w);
    case SHOUT:
        return shout(self, m, w);
    case CIRCLE:
        return circle(self, o, m, w);
    case AND_THEN:
        return and_then(self, m, w);
    case LEAVE:
        exit(3);
    case LINE:
        return stand_in_line(self, w);
    case SPIN:
        return spin(self, m, w);
    case BUSY:
        be_busy((double)w->first);
        return answer(self, m, w->first);
    default:
        return w->value >= SEGV && w->value <= FAIL ? break_down(self, w->value)
                                                    : look_around(self, m, w);
    }
}

static int odd_start(cadre_self *self, void *state)
{
    odd *o = state;
    if (o->seed == SLEEPY || o->seed == LATE) {
        int err = cadre_sleep(self, CADRE_MS);
        return err || o->seed == SLEEPY ? err : CADRE_EUSER;
    }
    if (o->seed >= SEGV && o->seed <= STOP)
        return o->seed == STOP ? CADRE_STOP : break_down(self, o->seed);
    return 0;
}

static int odd_receive(cadre_self *self, void *state, cadre_msg *m)
{
    odd *o = state;
    const errand *w = cadre_body(m, errand);
    const bulk *l = cadre_body(m, bulk);
    o->count++;
    if (w)
        return obey(self, o, m, w);
    if (l)
        return answer(self, m, l->bytes[0] + (uint64_t)l->bytes[sizeof l->bytes - 1]);
    if (cadre_body(m, given))
        return cadre_answer(self, cadre_body(m, given)->promise, number, 99);
    if (cadre_body(m, number)) /* LATER's */
        return cadre_answer(self, o->promise, number, cadre_body(m, number)->value);
    return cadre_unhandled(self, m);
}

static void odd_stop(cadre_self *self, void *state, int reason)
{
    odd *o = state;
    if (o->friend.id)
        (void)cadre_send(self, o->friend, number, 5000);
    if (o->hangs)
        loop();
}

const cadre_class odd_class = {.name = "odd",
                               .state_size = sizeof(odd),
                               .start = odd_start,
                               .receive = odd_receive,
                               .stop = odd_stop};

/* ---- the root, which notes what it is told --------------------------------------- */

struct notes notes;
cadre_system *sys;

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const errand *w = cadre_body(m, errand);
    const bulk *l = cadre_body(m, bulk);
    if (w && w->value == REST)
        return cadre_after(self, NULL, (cadre_time)w->first, number, REST);
    if (w && w->value == EXPIRE)
        return cadre_ask(self, NULL, w->friend, (cadre_time)w->first, errand,
                         .value = PING);
    if (w && w->value == OWNED)
        return cadre_reply(self, m, owned, 3);
    if (w && w->value == GIVE)
        return give_promise(self, NULL, m, w);
    if (w)
        return answer(self, m, w->first + 1);
    if (cadre_body(m, given))
        return cadre_answer(self, cadre_body(m, given)->promise, number, 98);
    if (cadre_body(m, cadre_failure)) { /* EXPIRE's */
        notes.err = cadre_body(m, cadre_failure)->code;
        atomic_fetch_add(&notes.numbered, 1);
    }
    if (cadre_body(m, number)) {
        notes.numbers[notes.numbered % NOTES] = cadre_body(m, number)->value;
        atomic_fetch_add(&notes.numbered, 1); /* after it: the test waits for that */
    }
    if (cadre_body(m, cadre_down)) {
        notes.end = *cadre_body(m, cadre_down);
        atomic_fetch_add(&notes.ends, 1);
    }
    if (l) {
        notes.bulk = l->bytes[0] + (uint64_t)l->bytes[sizeof l->bytes - 1];
        atomic_fetch_add(&notes.larges, 1);
    }
    if (cadre_body(m, cadre_child_up))
        atomic_fetch_add(&notes.ups, 1);
    if (!down)
        return 0;
    notes.down = *down;
    atomic_fetch_add(&notes.downs, 1);
    return notes.restarts ? cadre_restart(self, down->child) : 0;
}
static const cadre_class root_class = {.name = "root", .receive = root_receive};

static int spawn_here(cadre_self *self, void *state, void *arg)
{
    notes.err =
        cadre_spawn_with(self, &notes.child, &odd_class, &notes.init, &notes.opts);
    if (!notes.err && !notes.opts.keep)
        notes.err = cadre_watch(self, NULL, notes.child);
    atomic_fetch_add(&notes.spawned, 1);
    return 0;
}

void need_processes(void)
{
    if (!effort_can_fork())
        skip();
}

static void begin_as(uint32_t workers, uint16_t isolated)
{
    memset(&notes, 0, sizeof notes);
    cadre_config config = quiet(workers, 0);
    config.isolated = isolated;
    need_processes();
    assert_int_equal(cadre_system_new(&sys, &config, &root_class, NULL), 0);
}
void begin(uint32_t workers) { begin_as(workers, 3); }
void begin_with(uint16_t isolated) { begin_as(1, isolated); }

cadre_ref spawn_odd(cadre_opts opts, odd init)
{
    unsigned before = atomic_load(&notes.spawned);
    notes.opts = opts;
    notes.init = init;
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), spawn_here, NULL),
                     0);
    await(&notes.spawned, before + 1);
    return notes.child;
}

cadre_ref odd_one(void)
{
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true}, (odd){0});
    assert_int_equal(notes.err, 0);
    return who;
}

void end(void)
{
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.actors, 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

cadre_future *call_as(cadre_ref who, errand w)
{
    cadre_future *future;
    assert_int_equal(cadre_call_as(sys, &future, who, &errand_type, &w), 0);
    return future;
}

int64_t outcome(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, 60 * CADRE_SECOND, &m), 0);
    int64_t value = cadre_body(&m, number) ? (int64_t)cadre_body(&m, number)->value
                                           : cadre_body(&m, cadre_failure)->code;
    cadre_future_free(future);
    return value;
}

int64_t ask(cadre_ref who, uint64_t what, uint64_t first)
{
    return outcome(call_as(who, (errand){what, first, cadre_system_root(sys)}));
}

void rest(cadre_time ns)
{
    unsigned before = atomic_load(&notes.numbered);
    tell(cadre_system_root(sys), REST, (uint64_t)ns);
    await(&notes.numbered, before + 1);
}

void tell(cadre_ref who, uint64_t what, uint64_t first)
{
    assert_int_equal(cadre_tell(sys, who, errand, what, first, cadre_system_root(sys)),
                     0);
}
