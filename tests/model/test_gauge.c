/* test_gauge.c: the count of what waits for a limited actor: whoever takes a place has
 * one of that life and never one too many, and is told that life's policy or nothing.
 *
 * Thread 1 is the owner, inside its bias; the others send from other workers. */
#include "actor/gauge.h"

#include <string.h>

enum { BEFORE = 1, NOW = 2 }; /* generations */

static struct gauge gauge;
static struct allowance own;
static const cadre_type mail_type = {.name = "mail", .size = 8};
static struct {
    struct envelope e;
    uint64_t body;
} mails[4];
/* In the order of the execution. */
static uint64_t inside, most;

/* ---- what gauge.c wants besides, for the tree that is not made here ---- */

int heap_get_lines(struct heap *heap, void **p, size_t size) { return -1; }
void heap_put_lines(struct heap *heap, void *p, size_t size) {}

/* ---- programs ---- */

static struct letter *mail(int i, uint32_t generation)
{
    mails[i].e.type = &mail_type;
    mails[i].e.letter.to = generation << LETTER_BITS;
    return &mails[i].e.letter;
}

static void open_gauge(uint32_t generation, uint32_t max, enum cadre_overflow overflow,
                       bool exact)
{
    const cadre_limit limit = {
        .mailbox_max = max, .overflow = (uint8_t)overflow, .redirect.id = generation};
    gauge_open(&gauge, &own, generation, &limit, exact);
}

static bool take_own(void)
{
    struct fifo mailbox = {NULL}, dropped = {NULL};
    uint64_t elsewhere;
    bool fits = gauge_take_own(&gauge, mail(0, NOW), &mailbox, &dropped, &elsewhere) ==
                GAUGE_ROOM;
    inside += fits;
    mc_assert(inside <= most);
    return fits;
}

static void leave(void)
{
    mc_assert(inside > 0);
    inside--;
    gauge_left(&gauge, mail(0, NOW));
}

static void take(int self)
{
    uint64_t elsewhere;
    enum gauge_verdict got = gauge_take(&gauge, mail(self, NOW), &elsewhere);
    mc_assert(got == GAUGE_ROOM || got == GAUGE_FULL);
    inside += got == GAUGE_ROOM;
    mc_assert(inside <= most);
}

static void setup(void)
{
    memset(&gauge, 0, sizeof gauge);
    mc_forget(&gauge, sizeof gauge);
    mc_name(&gauge.messages.used, 8, "used");
    mc_name(&gauge.messages.max, 8, "max");
    mc_name(&gauge.overflow, 1, "overflow");
    inside = 0;
    for (int i = 0; i < 4; i++)
        (void)mail(i, NOW);
}

/* So many fit; the owner has no credit yet. */
static void two_fit(void)
{
    setup();
    most = 2;
    open_gauge(NOW, 2, CADRE_REFUSE, true);
}
/* Two more fit, of which the owner has one. */
static void owner_has_credit(void)
{
    setup();
    most = 16;
    open_gauge(NOW, 16, CADRE_REFUSE, false);
    while (inside < 14)
        mc_assert(take_own());
}

static void nothing_is_lost(void)
{
    uint64_t used = load_relaxed(&gauge.messages.used) & QUOTA_MAX;
    mc_assert(used - own.messages.credit == inside);
}

static void all_take(int self)
{
    if (self == 1) {
        if (take_own())
            leave();
        (void)take_own();
    } else {
        take(self);
    }
}

static void owner_gives_back(int self)
{
    if (self == 1) {
        for (int i = 0; i < 4; i++)
            leave();
        (void)take_own();
    } else {
        take(self);
        take(self);
    }
}

/* ---- another life ---- */

static enum gauge_verdict verdict;
static uint64_t redirect;

static void ends_with_room(void)
{
    setup();
    open_gauge(BEFORE, 2, CADRE_DROP_NEWEST, true);
}
static void ends_full(void)
{
    setup();
    open_gauge(BEFORE, 1, CADRE_REDIRECT, true);
    mc_assert(gauge_take(&gauge, mail(0, BEFORE), &redirect) == GAUGE_ROOM);
}

static void next_life(int self)
{
    if (self == 1) {
        gauge_close(&gauge);
        open_gauge(NOW, 1, CADRE_REDIRECT, true);
    } else {
        verdict = gauge_take(&gauge, mail(self, BEFORE), &redirect);
    }
}

/* Nobody has taken anything of the new one. */
static void new_one_is_empty(void)
{
    mc_assert(load_relaxed(&gauge.messages.used) == (uint64_t)NOW << QUOTA_BITS);
}
static void had_room(void)
{
    mc_assert(verdict == GAUGE_ROOM || verdict == GAUGE_STRANGER);
    new_one_is_empty();
}
static void was_full(void)
{
    mc_assert(verdict == GAUGE_STRANGER ||
              (verdict == GAUGE_REDIRECT && redirect == BEFORE));
    new_one_is_empty();
}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "gauge: three take two",
         .threads = 3,
         .setup = two_fit,
         .thread = all_take,
         .final = nothing_is_lost,
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 2}},
        {.name = "gauge: the owner gives back",
         .threads = 2,
         .setup = owner_has_credit,
         .thread = owner_gives_back,
         .final = nothing_is_lost,
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 2}},
        {.name = "gauge: next life, with room",
         .threads = 2,
         .setup = ends_with_room,
         .thread = next_life,
         .final = had_room,
         .bounds = {.preemptions = 3, .stale = 3},
         .deep = {.preemptions = 5, .stale = 5}},
        {.name = "gauge: next life, full",
         .threads = 2,
         .setup = ends_full,
         .thread = next_life,
         .final = was_full,
         .bounds = {.preemptions = 3, .stale = 3},
         .deep = {.preemptions = 5, .stale = 5}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
