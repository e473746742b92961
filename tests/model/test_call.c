/* test_call.c: one answer for a thread outside: however that waits, it has the answer
 * whole; future, answer and descriptor go once, when nobody needs them any more; and
 * whoever has the request when it is given up hears of it.
 *
 * Thread 1 is the one outside, thread 2 whoever has the request, and answers. */
#include "actor/call.h"

#include <sys/eventfd.h>
#include <unistd.h>

static struct world world;
static struct cadre_self outside, inside;
static struct cadre_future *future;
static struct envelope *answer;
static ATOMIC(uint32_t) readable; /* the eventfd is */
static ATOMIC(uint64_t) told;     /* whom the thread told that it has given up */
/* In the order of the execution: */
static bool is_open;
static int frees, drops;
static int64_t now; /* thread 1's */

typedef struct {
    int value;
} mail;
static void drop(void *body)
{
    mc_assert(((mail *)body)->value == 7);
    drops++;
}
static const cadre_type mail_type = {
    .name = "mail", .size = sizeof(mail), .drop = drop};

/* ---- what call.c wants besides ---- */

int heap_get(struct heap *heap, void **p, size_t size)
{
    *p = mc_alloc(size);
    return 0;
}

void heap_put(struct heap *heap, void *p, size_t size)
{
    frees++;
    mc_free(p, size);
}

/* Under the outside's lock, or by the turn that answers. */
void self_free_slowly(struct cadre_self *self, struct envelope *e)
{
    mc_assert(self == (mc_self() == 1 ? &outside : &inside));
    frees++;
    mc_free(e, envelope_size(e->type, true));
}

/* Each look takes time. */
int64_t clock_now(const struct clock *clock) { return ++now; }

/* The kernel's eventfd: reading it sees what was done before it was written. */
enum { EVENT_FD = 7 };
int eventfd(unsigned count, int flags)
{
    is_open = true;
    return EVENT_FD;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    mc_assert(fd == EVENT_FD && is_open);
    (void)exchange_seq(&readable, 1); /* the kernel orders writes */
    mc_futex_wake(&readable.v, 1);
    return (ssize_t)size;
}

int close(int fd)
{
    mc_assert(fd == EVENT_FD && is_open);
    is_open = false;
    return 0;
}

/* ---- the program ---- */

enum { FIRST = 5, SECOND, THIRD }; /* who has the request */

static void setup(void)
{
    world = (struct world){.tag = 1};
    outside = inside = (struct cadre_self){.world = &world};
    world.outside = &outside;
    mc_forget(&world, sizeof world);
    mc_forget(&inside, sizeof inside);
    mc_name(&world.outside_lock, sizeof world.outside_lock, "lock");
    mc_name(&world.handles, sizeof world.handles, "handles");
    mc_quiet(&inside.accepted, sizeof inside.accepted);
    mc_quiet(&inside.handled, sizeof inside.handled);
    atomic_set(&readable, 0);
    mc_name(&readable, sizeof readable, "eventfd");
    atomic_set(&told, 0);
    mc_name(&told, sizeof told, "told");
    is_open = false;
    frees = drops = 0;
    now = 0;
    mc_assert(call_new(&future, &world, FIRST) == 0);
    mc_name(&future->state, sizeof future->state, "state");
    mc_name(&future->refs, sizeof future->refs, "refs");
    mc_name(&future->to, sizeof future->to, "to");
    mc_name(&future->event_fd, sizeof future->event_fd, "event_fd");
    answer = mc_alloc(envelope_size(&mail_type, true));
    answer->type = &mail_type;
    answer->letter.place = POOL_PLACE_NONE;
    envelope_tail(answer)->token = call_token(future);
}

static void give_answer(void)
{
    mc_plain_write(answer->body, sizeof(mail));
    ((mail *)(void *)answer->body)->value = 7;
    call_answer(&inside, answer);
}

static void have_answer(void)
{
    mc_assert(future->answer == answer);
    mc_plain_read(answer->body, sizeof(mail));
    mc_assert(((mail *)(void *)answer->body)->value == 7);
}

static void wait_for_it(int self)
{
    if (self == 2) {
        give_answer();
        return;
    }
    mc_assert(call_wait(future, CADRE_NEVER));
    have_answer();
    mc_assert(call_give_up(future) == 0);
    call_forget(future);
}

static void wait_in_vain(int self)
{
    if (self == 2) {
        give_answer();
        return;
    }
    bool came = call_wait(future, 3);
    if (mc_choose(2))
        mc_assert(came = call_wait(future, CADRE_NEVER));
    if (came)
        have_answer();
    call_forget(future);
}

static void poll_for_it(int self)
{
    if (self == 2) {
        give_answer();
        return;
    }
    mc_assert(call_fd(future) == EVENT_FD);
    while (load_acquire(&readable) == 0)
        mc_futex_wait(&readable.v, sizeof readable.v, 0, false);
    mc_assert(call_is_answered(future));
    have_answer();
    mc_assert(call_give_up(future) == 0);
    call_forget(future);
}

static void give_up(int self)
{
    if (self == 2) {
        give_answer();
        return;
    }
    if (mc_choose(2))
        mc_assert(call_fd(future) == EVENT_FD);
    call_forget(future);
}

/* It goes on to two others, and the last answers, or hears of it and does not. */
static void give_up_elsewhere(int self)
{
    uint64_t token = envelope_tail(answer)->token;
    if (self == 1) {
        uint64_t to = call_give_up(future);
        store_release(&told, to);
        call_forget(future);
        return;
    }
    (void)call_moves(token, SECOND);
    bool knows = !call_moves(token, THIRD);
    if (mc_choose(2)) {
        give_answer();
        return;
    }
    while (!knows && load_acquire(&told) != THIRD)
        cpu_relax();
    call_drop(token);
    drops++;
    self_free_slowly(&inside, answer);
}

static void all_gone(void)
{
    mc_assert(frees == 2); /* the future and its answer; neither twice */
    mc_assert(drops == 1);
    mc_assert(!is_open);
    mc_assert(load_relaxed(&world.handles) == 0);
}

#define TEST(text, what)                                                               \
    .name = "call: " text, .threads = 2, .setup = setup, .thread = what,               \
    .final = all_gone, .deep = {.preemptions = 8, .stale = 5, .timeouts = 2}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("waited for", wait_for_it), .bounds = {.preemptions = 5, .stale = 3}},
        {TEST("waited for in vain", wait_in_vain),
         .bounds = {.preemptions = 4, .stale = 2, .timeouts = 2}},
        {TEST("polled for", poll_for_it), .bounds = {.preemptions = 5, .stale = 3}},
        {TEST("given up", give_up), .bounds = {.preemptions = 5, .stale = 3}},
        {TEST("given up elsewhere", give_up_elsewhere),
         .bounds = {.preemptions = 5, .stale = 3}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
