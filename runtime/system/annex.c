/* annex.c: the processes of isolated actors, and what runs in them.
 *
 * In each there is a system without threads, with the actor as its root. It takes one
 * frame after the other from its socket, lets the actor handle one message after the
 * other, and writes what that has sent together with the word how far it is: so whoever
 * looks after its death knows that. Between messages it looks for the next frame, so that
 * one that sends to itself for ever can be stopped. When it does not get on, it is killed
 * by a timer of its own. */
#include "system/annex.h"

#include "actor/isolate.h"
#include "actor/send.h"
#include "actor/turn.h"
#include "actor/uplink.h"
#include "base/confine.h"
#include "base/image.h"
#include "base/thread.h"
#include "sched/isolation.h"

#include <errno.h>
#include <poll.h>

struct annexes {
    struct isolation isolation;
    struct image image;
    annex_assemble *assemble;
    struct settings settings; /* of the system outside */
};

/* ---- in the process: what goes out, and comes in --------------------------------- */

struct annex {
    cadre_system *sys;
    struct worker *worker;
    struct cell *cell; /* the root's */
    struct uplink up;
    struct wire_in in;
    size_t part; /* bytes of a frame that has not come whole, when more was asked for */
    struct zygote_page *page;
    uint64_t taken;     /* envelopes, of those that have come */
    bool works;         /* there is more to be done */
    uint64_t said;      /* the last WIRE_RESTS: what it is through with ... */
    int said_code;      /* ... and its wire_rests */
    struct clock clock; /* the real one */
    bool looks;         /* as isolation_look, ... */
    bool came_soon;     /* ... if what it has waited for before has */
    timer_t timer;
    int64_t timeout; /* CADRE_NEVER: it has no timer */
};

/* It is killed when it is in one step for so long. 0: it waits for others. */
static void limit_time(struct annex *a, int64_t ns)
{
    if (a->timeout == CADRE_NEVER)
        return;
    store_relaxed(&a->page->due, ns ? clock_now(&a->clock) + ns : 0);
    confine_time(a->timer, ns);
}

static void await(struct annex *a, short what, int64_t ns)
{
    struct pollfd p = {.fd = a->up.fd, .events = what};
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    (void)ppoll(&p, 1, ns < 0 ? NULL : &t, NULL);
}

static void flush(struct annex *a)
{
    int got;
    while ((got = wire_write(&a->up.out, a->up.fd)) == 0) {
        limit_time(a, 0);
        await(a, POLLOUT, PARK_FOREVER);
    }
    if (got < 0)
        confine_exit(1);
}

static CC_NORETURN void end(struct annex *a, int reason, const char *words)
{
    uplink_tell(&a->up, WIRE_ENDED, reason, 0, words);
    flush(a);
    confine_exit(0);
}

static CC_NORETURN void end_without_memory(struct annex *a)
{
    end(a, -ENOMEM, "its process has no memory for a message");
}

/* True: more has come. Or the program is gone, and so are we, in a moment. */
static bool more(struct annex *a)
{
    int got = wire_read(&a->in, a->up.fd);
    if (got == -EPIPE)
        confine_exit(1);
    if (got < 0)
        end_without_memory(a);
    return got == 1;
}

static bool next_frame(struct annex *a, struct wire_head *head, const void **body)
{
    int got = wire_next(&a->in, head, body);
    if (got < 0)
        confine_exit(1); /* this process has written where it must not */
    if (got == 1)
        a->part = 0;
    return got == 1;
}

/* A part of a frame has come, and all that there was is read: there is room for more. */
static void ask_for_rest(struct annex *a)
{
    size_t part = a->in.used - a->in.at;
    if (part == a->part)
        return;
    a->part = part;
    uplink_tell(&a->up, WIRE_MORE, 0, 0, NULL);
    flush(a);
}

/* Or for so long; perhaps not even that. */
static void await_more(struct annex *a, int64_t ns)
{
    limit_time(a, 0);
    ask_for_rest(a);
    int64_t start = clock_now(&a->clock);
    bool has_more = false;
    while (!has_more && a->came_soon &&
           clock_now(&a->clock) - start < ISOLATION_LOOK_NS)
        has_more = more(a);
    if (!has_more)
        await(a, POLLIN, ns);
    a->came_soon = a->looks && clock_now(&a->clock) - start < ISOLATION_SOON_NS;
}

/* ---- what the actor does --------------------------------------------------------- */

/* Behind all that was sent meanwhile; nothing, when nothing is new. */
static void say_rest(struct annex *a)
{
    const struct alarms *alarms = &a->worker->alarms;
    bool waits = a->works || load_relaxed(&alarms->set) != load_relaxed(&alarms->over);
    int code = (a->cell->note.started ? RESTS_STARTED : 0) | (waits ? RESTS_WAITS : 0);
    uint64_t through = a->taken - (a->up.in_hand != NULL);
    if (a->up.out.used == 0 && through == a->said && code == a->said_code)
        return;
    a->said = through;
    a->said_code = code;
    uplink_tell(&a->up, WIRE_RESTS, code, through, NULL);
}

/* What it has said leaves; when it has ended, so does the process. */
static void leave(struct annex *a)
{
    const struct words *words = &a->sys->world.selves[0].words;
    if (!a->up.failed)
        say_rest(a);
    if (system_has_ended(a->sys))
        end(a, a->sys->reason, words->of ? words->text : "");
    flush(a);
}

static void take_envelope(struct annex *a, const struct wire_head *h, const void *body)
{
    struct envelope *e;
    struct cadre_self *self = a->worker->context;
    a->taken++;
    if (isolate_envelope(&a->sys->outside, &e, h, body))
        end_without_memory(a);
    if (h->kind == LETTER_CANCEL) {
        send_note(self, e, a->sys->root.id);
        return;
    }
    a->up.in_hand = e;
    send_deliver(self, e, a->sys->root.id);
}

static void take(struct annex *a, const struct wire_head *h, const void *body)
{
    if (h->kind == WIRE_STOP)
        send_halt(&a->sys->world, a->worker->context, a->sys->root.id, HALT_STOP,
                  h->code);
    else
        take_envelope(a, h, body);
    a->works = true;
}

/* Is it behind no other one? It may have waited behind many that the actor has sent
 * itself. */
static bool hand_is_oldest(const struct annex *a)
{
    const struct envelope *e = a->up.in_hand;
    return e && fifo_oldest(&a->cell->mailbox) == &e->letter.node;
}

/* One turn, of one message. */
static void work(struct annex *a)
{
    bool begins = hand_is_oldest(a) && turn_comes_to_mail(a->cell);
    if (begins)
        store_relaxed(&a->page->begun, a->taken);
    limit_time(a, a->timeout);
    (void)fiber_step(a->worker, 1);
    a->works = !worker_lie_down(a->worker);
    if (!a->works)
        worker_get_up(a->worker);
    if (begins && !hand_is_oldest(a))
        a->up.in_hand = NULL; /* whose deadline had passed, or that is waited in */
    leave(a);
}

/* ---- its life -------------------------------------------------------------------- */

/* For more bytes, or until a timer is due. */
static void wait(struct annex *a)
{
    int64_t rest = a->worker ? worker_rest_ns(a->worker) : PARK_FOREVER;
    await_more(a, rest);
    a->works = rest != PARK_FOREVER && worker_rest_ns(a->worker) == 0;
}

static bool has_frame(struct annex *a, struct wire_head *head, const void **body)
{
    while (!next_frame(a, head, body))
        if (!more(a))
            return false;
    return true;
}

/* Before it lives. */
static void receive(struct annex *a, struct wire_head *head, const void **body)
{
    while (!has_frame(a, head, body))
        wait(a);
}

static CC_NORETURN void serve(struct annex *a)
{
    struct wire_head head;
    const void *body;
    a->works = true; /* its start */
    for (;;) {
        if (a->works)
            work(a);
        if (!a->up.in_hand && has_frame(a, &head, &body))
            take(a, &head, body);
        else if (!a->works)
            wait(a);
        else if (!a->up.in_hand)
            ask_for_rest(a);
    }
}

/* ---- its beginning --------------------------------------------------------------- */

static int start(struct annex *a, const struct annexes *of,
                 const struct wire_birth *birth)
{
    const void *state;
    struct wire_head head;
    struct heap heap;
    struct settings s = of->settings;
    s.mode = SCHED_POLLED;
    s.workers = 1;
    s.batch = 1;
    s.pinned = 0;
    s.polled = false; /* nobody watches a descriptor */
    s.isolated = 0;
    s.blocking_threads = 1; /* none is ever started */
    s.stuck_after = CADRE_NEVER;
    s.stuck_stacks = s.report_faults = s.end_when_quiet = false;
    s.log = (struct log){uplink_log, &a->up, of->settings.log.level};
    s.uplink = &a->up;
    s.me = birth->me;
    s.parent = birth->parent;
    receive(a, &head, &state);
    heap_init(&heap, NULL, NULL, s.memory_max);
    int err = of->assemble(&a->sys, &s, &heap, birth->class,
                           birth->class->state_size > 0 ? state : NULL);
    if (err)
        return err;
    a->sys->world.selves[0].next_token = birth->first_token;
    a->worker = &a->sys->world.sched.crew.workers[0];
    a->cell = table_resolve(&a->sys->world.table, a->sys->root.id);
    (void)worker_enter(a->worker);
    worker_get_up(a->worker);
    return 0;
}

static void warn(struct annex *a, const char *line)
{
    uplink_tell(&a->up, WIRE_LOG, LOG_WARN, 0, line);
}

static void confine(struct annex *a, const struct wire_birth *birth)
{
    a->timeout = birth->timeout;
    if (a->timeout != CADRE_NEVER && !confine_timer(&a->timer)) {
        a->timeout = CADRE_NEVER;
        warn(a, "an isolated actor has no timeout here");
    }
    if (!confine_limits(birth->memory_max))
        warn(a, "an isolated actor has no limits here");
    if (!birth->unfiltered && !confine_calls())
        warn(a, "the system calls of an isolated actor are not filtered here");
}

/* All that the zygote's child does. */
static void live(void *user, int fd, struct zygote_page *page)
{
    const void *body;
    struct heap heap;
    struct wire_head head;
    struct wire_birth birth;
    const struct annexes *of = user;
    struct annex a = {.page = page,
                      .looks = of->isolation.looks,
                      .timeout = CADRE_NEVER,
                      .said = UINT64_MAX,
                      .in = {.heap = &heap, .most = UINT32_MAX},
                      .up = {.fd = fd, .out = {.heap = &heap, .is_confined = true}}};
    heap_init(&heap, NULL, NULL, of->settings.memory_max);
    receive(&a, &head, &body);
    birth = *(const struct wire_birth *)body;
    int err = start(&a, of, &birth);
    if (err)
        end(&a, err, "its process has no room for a system");
    uplink_tell(&a.up, WIRE_MORE, 0, 0, NULL); /* there is room for its last words */
    confine(&a, &birth);
    serve(&a);
}

/* ---- outside --------------------------------------------------------------------- */

int annex_open(cadre_system *sys, annex_assemble *assemble)
{
    void *p;
    struct heap *heap = &sys->world.heap;
    if (sys->settings.isolated == 0)
        return 0;
    int err = heap_get_lines(heap, &p, sizeof *sys->annexes);
    if (err)
        return err;
    struct annexes *all = p;
    all->assemble = assemble;
    all->settings = sys->settings;
    image_init(&all->image);
    err = isolation_init(&all->isolation, sys->settings.isolated, live, all);
    if (err) {
        heap_put_lines(heap, p, sizeof *all);
        return err;
    }
    sys->annexes = all;
    sys->world.isolation = &all->isolation;
    sys->world.image = &all->image;
    return 0;
}

void annex_close(cadre_system *sys)
{
    struct annexes *all = sys->annexes;
    if (!all)
        return;
    isolation_fini(&all->isolation);
    heap_put_lines(&sys->world.heap, all, sizeof *all);
}
