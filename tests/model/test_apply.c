/* test_apply.c: raises: each that was accepted is called once, the last call sees what
 * was done before any raise, and the memory goes when nobody needs it any more.
 *
 * Thread 1 is the turn of the actor that is called; the others raise. */
#include "actor/apply.h"
#include "actor/send.h"

#include <errno.h>

static struct world world;
static struct cell cell;
static struct cadre_raise *one;
static ATOMIC(uint32_t) wanted; /* relaxed: the raise makes it seen */
static ATOMIC(uint32_t) ended;  /* threads that raise */
/* In the order of the execution: */
static int accepted, calls, frees;
static uint32_t seen;

/* ---- what apply.c wants besides ---- */

CC_THREAD_LOCAL const struct cadre_self *self_here;
int self_refuse(const cadre_self *self, const char *what) { return -1; }
int self_check_outer(const cadre_self *self, const char *what) { return -1; }
int world_misuse(struct world *w, int err, const char *fmt, ...) { return err; }
int send_prepare(struct cadre_self *self, struct envelope **envelope,
                 enum letter_kind kind, const cadre_type *type, const void *body)
{
    return -1;
}
void send_deliver(struct cadre_self *self, struct envelope *e, uint64_t to) {}

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

void send_letter(struct world *w, struct cadre_self *self, struct cell *to,
                 struct letter *letter)
{
    (void)inbox_push(&to->task.inbox, &letter->node);
}

/* ---- the program ---- */

static void setup(void)
{
    world = (struct world){.tag = 1};
    mc_forget(&world, sizeof world);
    list_init(&world.raises);
    inbox_init(&cell.task.inbox);
    atomic_set(&wanted, 0);
    atomic_set(&ended, 0);
    mc_name(&cell.task.inbox, sizeof cell.task.inbox, "inbox");
    mc_name(&wanted, sizeof wanted, "wanted");
    mc_name(&ended, sizeof ended, "ended");
    mc_name(&world.outside_lock, sizeof world.outside_lock, "lock");
    mc_name(&world.handles, sizeof world.handles, "handles");
    accepted = calls = frees = 0;
    seen = 0;
    mc_assert(apply_new(&one, &world, 0, (struct applied){NULL, NULL}) == 0);
    one->cell = &cell;
    mc_name(&one->state, sizeof one->state, "state");
    mc_name(&one->letter, sizeof one->letter, "letter");
}

static bool take(void)
{
    struct inbox_node *node = inbox_take(&cell.task.inbox, INBOX_EMPTY), *next;
    bool some = node != NULL;
    for (; node; node = next) {
        next = plain_read(&node->next);
        (void)apply_lower(container_of(letter_of(node), struct cadre_raise, letter));
        calls++;
        seen = load_relaxed(&wanted);
    }
    return some;
}

static void be_called(uint32_t raisers)
{
    for (bool last = false; take() || !last;) {
        last = load_acquire(&ended) == raisers;
        if (!last)
            cpu_relax();
    }
}

static void want(void)
{
    (void)fetch_add_relaxed(&wanted, 1);
    int err = apply_raise(one);
    mc_assert(err == 0 || err == -EALREADY);
    accepted += err == 0;
}

static void end(void) { (void)fetch_add_acq_rel(&ended, 1); }

static void two_raise(int self)
{
    if (self == 1)
        be_called(2);
    else
        want(), end();
}

static void two_raise_again(int self)
{
    if (self == 1)
        be_called(2);
    else
        want(), want(), end();
}

static void raise_and_free(int self)
{
    if (self == 1)
        be_called(1);
    else
        want(), want(), apply_free(one), end();
}

static void all_called(void)
{
    mc_assert(calls == accepted);
    mc_assert(seen == load_relaxed(&wanted));
    mc_assert(frees == (load_relaxed(&world.handles) == 0));
    mc_assert(list_is_empty(&world.raises) == (frees == 1));
}

#define TEST(text, n, what)                                                            \
    .name = "apply: " text, .threads = n, .setup = setup, .thread = what,              \
    .final = all_called

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("two raise", 3, two_raise), .bounds = {.preemptions = 3, .stale = 2},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("two raise twice", 3, two_raise_again),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("freed under way", 2, raise_and_free),
         .bounds = {.preemptions = 4, .stale = 2},
         .deep = {.preemptions = 6, .stale = 3}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
