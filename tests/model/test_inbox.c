/* test_inbox.c: many producers push and poke, one consumer takes, told by a token.
 *
 * The token goes through a word that only says that it is there; so what the consumer
 * finds in the nodes it knows from the inbox, or not at all. Each holder writes to the
 * token's plain link. What the inbox has given goes on into the consumer's fifo. */
#include "queue/fifo.h"

enum { PRODUCERS = 3, NODES = 3 };

struct letter {
    struct inbox_node node;
    int from, number;
};

static struct inbox inbox;
static struct fifo fifo;
static ATOMIC(uint32_t) token; /* 1: on its way to the consumer */
static ATOMIC(uint32_t) flag;  /* of who pokes; relaxed */
static ATOMIC(uint32_t) ended; /* producers */
static struct letter letters[PRODUCERS + 1][NODES];
static int link;
static int behind; /* the gate: written before it is shut */
static int got[PRODUCERS + 1], tokens, sent;
static bool was_flagged;

static void setup(void)
{
    inbox_init(&inbox);
    fifo.newest = NULL;
    plain_write(&fifo.newest, NULL);
    atomic_set(&token, 0);
    atomic_set(&flag, 0);
    atomic_set(&ended, 0);
    plain_write(&link, 0);
    plain_write(&behind, 0);
    for (int p = 0; p <= PRODUCERS; p++) {
        got[p] = 0;
        for (int i = 0; i < NODES; i++) {
            plain_write(&letters[p][i].from, p);
            plain_write(&letters[p][i].number, -1);
        }
    }
    tokens = sent = 0;
    was_flagged = false;
    mc_name(&inbox, sizeof inbox, "inbox");
    mc_name(&fifo, sizeof fifo, "fifo");
    mc_name(&token, sizeof token, "token");
    mc_name(&flag, sizeof flag, "flag");
    mc_name(&link, sizeof link, "link");
    mc_name(letters, sizeof letters, "letters");
}

/* ---- producers ---- */

static void tell(void)
{
    plain_write(&link, mc_self());
    mc_assert(exchange_acq_rel(&token, 1) == 0); /* there is one */
}

static void push(int from, int number)
{
    struct letter *l = &letters[from][number];
    plain_write(&l->number, number);
    sent++;
    if (inbox_push(&inbox, &l->node))
        tell();
}

static void poke(void)
{
    store_relaxed(&flag, 1);
    if (inbox_poke(&inbox))
        tell();
}

/* It may see the gate shut; what is behind it then was written before. */
static void look_at_gate(void)
{
    if (inbox_is_gated(&inbox))
        mc_assert(plain_read(&behind) == 1);
}

static void end(void) { (void)fetch_add_acq_rel(&ended, 1); }

/* ---- the consumer ---- */

static void take_letters(void)
{
    struct inbox_node *n;
    while ((n = fifo_take(&fifo))) {
        struct letter *l = container_of(n, struct letter, node);
        int from = plain_read(&l->from);
        mc_assert(plain_read(&l->number) == got[from]); /* in its order, once */
        got[from]++;
        plain_write(&l->number, -1);
    }
}

/* Told. */
static bool use_token(void)
{
    if (load_acquire(&token) == 0)
        return false;
    tokens++;
    plain_write(&link, mc_self());
    store_relaxed(&token, 0); /* the next holder knows it by the inbox */
    fifo_append_inbox(&fifo, inbox_take(&inbox, INBOX_EMPTY));
    was_flagged = load_relaxed(&flag);
    return true;
}

/* Untold, as before sending to itself. */
static void look(int number)
{
    if (inbox_has_nodes(&inbox))
        fifo_append_inbox(&fifo, inbox_take(&inbox, INBOX_AWAKE));
    struct letter *l = &letters[1][number];
    plain_write(&l->number, number);
    sent++;
    fifo_append(&fifo, &l->node);
}

static void consume(int producers, int looks)
{
    for (int own = 0;;) {
        bool last = load_acquire(&ended) == (uint32_t)producers;
        if (own < looks && (last || mc_choose(2)))
            look(own++);
        else if (!use_token() && last)
            break;
        else if (!last)
            cpu_relax();
        if (!fifo.newest || last || mc_choose(2)) /* else with the next ones */
            take_letters();
    }
    take_letters();
}

/* Shut, for good; every take and push leaves it so. */
static void shut(void)
{
    plain_write(&behind, 1);
    inbox_gate(&inbox, true);
    mc_assert(inbox_is_gated(&inbox) && !inbox_is_plain(&inbox));
}

/* ---- programs ---- */

static void gate(int self)
{
    if (self == 1) {
        shut();
        consume(2, 1);
        mc_assert(inbox_is_gated(&inbox));
        inbox_gate(&inbox, false);
    } else if (self == 2) {
        look_at_gate();
        push(self, 0);
        look_at_gate();
        push(self, 1);
        end();
    } else {
        poke();
        end();
    }
}

static void two_push(int self)
{
    if (self == 1) {
        consume(2, 0);
    } else {
        push(self, 0);
        push(self, 1);
        end();
    }
}

static void two_push_and_it_looks(int self)
{
    if (self == 1) {
        consume(2, 1);
    } else {
        push(self, 0);
        if (self == 2)
            push(self, 1);
        end();
    }
}

static void one_pushes_much(int self)
{
    if (self == 1) {
        consume(1, 2);
    } else {
        for (int i = 0; i < NODES; i++)
            push(self, i);
        end();
    }
}

static void push_and_poke(int self)
{
    if (self == 1)
        consume(2, 1);
    else if (self == 2)
        push(self, 0), push(self, 1), end();
    else
        poke(), end();
}

static void poke_and_poke(int self)
{
    if (self == 1)
        consume(2, 0);
    else if (self == 2)
        poke(), push(self, 0), end();
    else
        poke(), end();
}

static void all_came(void)
{
    int sum = 0;
    for (int p = 0; p <= PRODUCERS; p++)
        sum += got[p];
    mc_assert(sum == sent);
    mc_assert(load_relaxed(&inbox.newest) == INBOX_EMPTY && !load_relaxed(&token));
    mc_assert(was_flagged || !load_relaxed(&flag));
}

#define TEST(text, n, what)                                                            \
    .name = "inbox: " text, .threads = n, .setup = setup, .thread = what,              \
    .final = all_came, .unordered_stores = true /* the token is told by the inbox */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one pushes three", 2, one_pushes_much),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("two push two each", 3, two_push),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 1}},
        {TEST("two push, it looks untold", 3, two_push_and_it_looks),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 1}},
        {TEST("one pushes, one pokes", 3, push_and_poke),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("two poke", 3, poke_and_poke), .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("a gate is shut", 3, gate), .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
