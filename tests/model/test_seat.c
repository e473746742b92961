/* test_seat.c: owners send commands to their handles; a loop that sleeps obeys them.
 *
 * Thread 1 runs the loop: it leaves the seat now and then, as a worker does that has
 * handlers to run, and sleeps in it otherwise. Others own a handle each, and free it when
 * they were told that it is closed; a visitor takes the seat where it is free. */
#include "io/handle.h"

enum { OWNERS = 2, COMMANDS = 3 };

static struct seat seat;
static struct list all; /* as the shard has them */
static struct handle *handles[OWNERS];
static ATOMIC(uint32_t) readable;       /* the loop's descriptor is */
static ATOMIC(uint32_t) closed[OWNERS]; /* PORT_CLOSED was rung */
static int texts[OWNERS][COMMANDS];     /* what a command is about */
static uint32_t sent[OWNERS];           /* before HANDLE_END, in the order of the run */
/* The loop's side's. */
static uint32_t got[OWNERS];
static int ended, owners;

static int number_of(const struct handle *h) { return h == handles[1]; }

/* ---- what the handle wants besides ---- */

/* An eventfd: who reads it sees what was done before it was written. */
void seat_wake(const struct seat *s)
{
    mc_assert(s == &seat);
    (void)exchange_acq_rel(&readable, 1);
    mc_futex_wake(&readable.v, 1);
}

void handle_ring(struct handle *h, uint32_t news)
{
    int i = number_of(h);
    mc_assert(news == PORT_CLOSED && load_relaxed(&closed[i]) == 0);
    store_release(&closed[i], 1);
}

/* ---- the loop's side ---- */

static void obey(struct handle *h, uint32_t commands)
{
    int i = number_of(h);
    mc_assert(commands != 0 && !h->is_closed);
    for (int c = 0; c < COMMANDS; c++)
        if (commands & (uint32_t)HANDLE_FIRST << c) {
            mc_assert(plain_read(&texts[i][c]) == c + 1);
            mc_assert(!(plain_read(&got[i]) & 1u << c));
            plain_write(&got[i], got[i] | 1u << c);
        }
    if (!(commands & HANDLE_END))
        return;
    plain_write(&ended, ended + 1);
    handle_closed(h);
}

/* With the system. */
static void end(struct handle *h)
{
    if (h->is_closed)
        return;
    plain_write(&ended, ended + 1);
    handle_closed(h);
}

static void obey_all(struct inbox_node *oldest)
{
    while (oldest) {
        struct handle *h = container_of(oldest, struct handle, node);
        oldest = plain_read(&oldest->next);
        handle_obey(h);
    }
}

/* All are closed, and nothing is on its way. */
static bool is_over(void)
{
    for (int i = 0; i < owners; i++)
        if (load_relaxed(&closed[i]) == 0)
            return false;
    return plain_read(&ended) == owners;
}

static void run_loop(int absences)
{
    while (!seat_take(&seat))
        cpu_relax();
    for (;;) {
        obey_all(seat_next(&seat));
        if (is_over())
            break;
        if (absences > 0 && mc_choose(2)) {
            absences--;
            seat_leave(&seat);
            while (!seat_take(&seat))
                cpu_relax();
            continue;
        }
        struct inbox_node *more = seat_rest(&seat);
        if (more) {
            obey_all(more);
            continue;
        }
        mc_futex_wait(&readable.v, sizeof readable.v, 0, false);
        (void)exchange_acq_rel(&readable, 0);
    }
    seat_leave(&seat);
}

static void visit(void)
{
    if (!seat_take(&seat))
        return;
    obey_all(seat_next(&seat));
    seat_leave(&seat);
}

/* As shard_halt and shard_clear. */
static void stop(void)
{
    while (!seat_take(&seat))
        cpu_relax();
    while (!list_is_empty(&all)) {
        end(container_of(all.next, struct handle, link));
        obey_all(seat_next(&seat));
        cpu_relax();
    }
}

/* ---- an owner ---- */

static void command(int i, int c)
{
    plain_write(&texts[i][c], c + 1);
    handle_command(handles[i], (uint32_t)HANDLE_FIRST << c);
}

static void own(int i, int commands, bool late)
{
    for (int c = 0; c < commands; c++) {
        command(i, c);
        sent[i] |= 1u << c;
    }
    handle_command(handles[i], HANDLE_END);
    if (late)
        command(i, commands); /* it may be closed already */
    while (load_acquire(&closed[i]) == 0)
        cpu_relax();
    mc_free(handles[i], sizeof *handles[i]);
}

/* ---- programs ---- */

static void setup_for(int n)
{
    owners = n;
    seat_init(&seat);
    atomic_set(&readable, 0);
    plain_write(&ended, 0);
    for (int i = 0; i < OWNERS; i++) {
        handles[i] = mc_alloc(sizeof *handles[i]);
        handle_init(handles[i], &seat, obey, end);
        atomic_set(&closed[i], 0);
        plain_write(&got[i], 0);
        sent[i] = 0;
        for (int c = 0; c < COMMANDS; c++)
            plain_write(&texts[i][c], 0);
    }
    mc_name(&seat, sizeof seat, "seat");
    mc_name(&readable, sizeof readable, "readable");
    mc_name(closed, sizeof closed, "closed");
    mc_name(texts, sizeof texts, "texts");
    mc_name(got, sizeof got, "got");
    mc_name(&ended, sizeof ended, "ended");
}
static void setup_one(void) { setup_for(1); }
static void setup_stop(void)
{
    setup_for(1);
    list_init(&all);
    list_append(&all, &handles[0]->link);
}
static void setup_two(void) { setup_for(2); }

static void one_owner(int self)
{
    if (self == 1)
        run_loop(0);
    else
        own(0, 2, true);
}

static void two_owners(int self)
{
    if (self == 1)
        run_loop(0);
    else
        own(self - 2, 1, self == 2);
}

/* Nobody owns it any more: who had its letter aborts it. */
static void at_the_end(int self)
{
    if (self == 1)
        stop();
    else
        handle_command(handles[0], HANDLE_END);
}

static void a_visitor(int self)
{
    if (self == 1)
        run_loop(2);
    else if (self == 2)
        own(0, 1, true);
    else
        visit();
}

static void all_closed(void)
{
    mc_assert(load_relaxed(&closed[0]) == 1 && plain_read(&ended) == 1);
}

static void all_came(void)
{
    for (int i = 0; i < owners; i++)
        mc_assert((got[i] & sent[i]) == sent[i]);
    mc_assert(load_relaxed(&seat.taken) == 0);
}

#define TEST(text, n, prepare, what, wanted)                                           \
    .name = "seat: " text, .threads = n, .setup = prepare, .thread = what,             \
    .final = wanted, .unordered_stores = true /* of `taken`: by who has it */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one owner", 2, setup_one, one_owner, all_came),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 2}},
        {TEST("two owners", 3, setup_two, two_owners, all_came),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("a visitor", 3, setup_one, a_visitor, all_came),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
        {TEST("the end", 2, setup_stop, at_the_end, all_closed),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
