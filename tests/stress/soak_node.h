/* soak_node.h: the actor that lives in a place.
 *
 * Whatever it receives it verifies; then its dice say what it does. */
#ifndef STRESS_SOAK_NODE_H
#define STRESS_SOAK_NODE_H

#include "stress/soak_body.h"

enum {
    LIVES = 4, /* of one place that a receiver tells apart at a time */
    STASH_MAX = 8,
    TICK_EVERY = 16,
    REASON_FAILED = CADRE_EUSER - 1,
    REASON_KILLED = CADRE_EUSER - 2,
    REASON_AT_START = CADRE_EUSER - 3
};

/* What a receiver knows of a sender: its next number. */
struct seen {
    uint32_t life, next;
};

/* Who was put into a place. */
struct child {
    uint64_t id;
    uint32_t life;
};

typedef struct node {
    int busy; /* plain, on purpose: one handler at a time */
    uint16_t place;
    uint32_t life;
    uint64_t me;
    struct dice dice;
    uint32_t received;
    uint32_t set_aside, taken_back, stashed; /* stashed: not given back yet */
    bool changed;                            /* became the other receive */
    struct child children[PLACES];           /* the last one put into each place */
    struct link out[PLACES];
    struct seen in[SENDERS][LIVES];
} node;

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static int node_receive_too(cadre_self *self, void *state, cadre_msg *m);
static void node_stop(cadre_self *self, void *state, int reason);
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

/* Puts an actor into a place. False: it was not vacant. */
static bool settle(cadre_self *self, struct dice *dice, uint16_t place,
                   struct child *who)
{
    cadre_ref child = {0};
    uint64_t vacant = VACANT;
    if (atomic_load(&round_.where[place]) != VACANT)
        return false;
    uint32_t life = atomic_fetch_add(&round_.life[place], 1) + 1;
    if (!atomic_compare_exchange_strong(&round_.where[place], &vacant, life))
        return false;
    node init = {.place = place, .life = life};
    init.dice = dice_new(dice_next(dice), place);
    int err = cadre_spawn(self, &child, &node_class, &init);
    CHECK_EQ(err, 0);
    if (err)
        atomic_store(&round_.where[place], VACANT);
    else
        count_up(SPAWNED);
    *who = (struct child){child.id, life};
    return true;
}

static void have_child(cadre_self *self, node *n)
{
    uint16_t place = (uint16_t)dice_below(&n->dice, PLACES);
    struct child *child = &n->children[place];
    if (settle(self, &n->dice, place, child) && dice_once_in(&n->dice, 8))
        /* possibly before it began */
        CHECK_EQ(cadre_kill(self, (cadre_ref){child->id}, REASON_KILLED), 0);
}

/* The way to some place, refreshed now and then: stale addresses are wanted. */
static struct link *choose_link(struct link *out, struct dice *dice)
{
    uint32_t place = dice_below(dice, PLACES);
    struct link *link = &out[place];
    if (link->to == 0 || dice_once_in(dice, 4)) {
        uint64_t now = atomic_load(&round_.where[place]);
        if (now >= LEAST_ADDRESS && now != link->to)
            *link = (struct link){now, 0};
    }
    return link->to ? link : NULL;
}

static void send_one(cadre_self *self, node *n)
{
    struct message message;
    struct link *link = choose_link(n->out, &n->dice);
    if (!link)
        return;
    const cadre_type *type = body_make(&message, &n->dice, n->me);
    body_address(&message.h, link->to, link, n->place, n->life);
    CHECK_EQ(cadre_send_as(self, (cadre_ref){link->to}, type, &message), 0);
    count_up(ACCEPTED);
}

static void send_empty(cadre_self *self, uint64_t to, const cadre_type *type)
{
    CHECK_EQ(cadre_send_as(self, (cadre_ref){to}, type, NULL), 0);
    count_up(ACCEPTED);
    count_up(EMPTY_ACCEPTED);
}

/* To whom it comes from: over the ordered link if that leads to the same actor. */
static void reply(cadre_self *self, node *n, const cadre_msg *m, uint16_t place)
{
    struct message message;
    struct link *link =
        place < PLACES && n->out[place].to == m->from.id ? &n->out[place] : NULL;
    const cadre_type *type = body_make(&message, &n->dice, n->me);
    body_address(&message.h, m->from.id, link, n->place, n->life);
    CHECK_EQ(cadre_reply_as(self, m, type, &message), 0);
    count_up(ACCEPTED);
}

static void forward(cadre_self *self, node *n, cadre_msg *m)
{
    struct link *link = choose_link(n->out, &n->dice);
    if (!link)
        return;
    body_address(m->body, link->to, link, n->place, n->life);
    CHECK_EQ(cadre_forward(self, (cadre_ref){link->to}, m), 0);
    count_up(ACCEPTED);
}

/* Numbers of one sender come without a gap: what it sent before has been received, as
 * long as this receiver lives. */
static void check_order(node *n, struct header *h)
{
    struct seen *seen = &n->in[h->from][h->from_life % LIVES];
    if (!h->ordered || h->seen)
        return;
    if (seen->life != h->from_life) {
        CHECK(seen->life < h->from_life);
        *seen = (struct seen){h->from_life, 0};
    }
    CHECK_EQ(h->number, seen->next);
    seen->next = h->number + 1;
}

/* What was set aside comes back oldest first. */
static void check_stash(node *n, struct header *h)
{
    if (!h->seen)
        return;
    n->taken_back++;
    atomic_fetch_sub(&round_.aside, 1);
    CHECK_EQ(h->set_aside, n->taken_back);
    h->seen = false;
}

/* True: it was set aside. */
static bool set_aside(cadre_self *self, node *n, cadre_msg *m)
{
    struct header *h = m->body;
    if (n->stashed == STASH_MAX || n->set_aside - n->taken_back > n->stashed)
        return false; /* full, or some are still on their way back */
    h->seen = true;
    h->set_aside = ++n->set_aside;
    n->stashed++;
    atomic_fetch_add(&round_.aside, 1);
    CHECK_EQ(cadre_stash(self, m), 0);
    return true;
}

static void take_back(cadre_self *self, node *n)
{
    if (n->set_aside - n->taken_back > n->stashed)
        return;
    n->stashed = 0;
    cadre_unstash(self);
}

/* Rare things, that end somebody or something. Returns what receive returns. */
static int do_something_rare(cadre_self *self, node *n, uint32_t what)
{
    struct link *link = choose_link(n->out, &n->dice);
    switch (what) {
    case 0:
        return CADRE_STOP;
    case 1:
        return REASON_FAILED;
    case 2:
        CHECK_EQ(cadre_stop(self, (cadre_ref){n->me}), 0);
        return 0;
    case 3:
        CHECK_EQ(cadre_kill(self, (cadre_ref){n->me}, 0), 0);
        return 0;
    case 4:
        return link ? cadre_stop(self, (cadre_ref){link->to}) : 0;
    case 5:
        return link ? cadre_kill(self, (cadre_ref){link->to}, REASON_KILLED) : 0;
    default:
        have_child(self, n);
        return 0;
    }
}

static bool is_draining(void)
{
    return atomic_load_explicit(&round_.draining, memory_order_relaxed);
}

enum { MOVED = 100 }; /* the message is not ours any more; on_body's, not receive's */

/* Returns what receive returns, or MOVED, or a negative reason. */
static int on_body(cadre_self *self, node *n, cadre_msg *m)
{
    struct header *h = m->body;
    uint32_t r = dice_below(&n->dice, 8192);
    int appetite = atomic_load_explicit(&round_.appetite, memory_order_relaxed);
    if (is_draining())
        return 0;
    if (r < 12)
        return do_something_rare(self, n, r);
    if (r < 96 && set_aside(self, n, m))
        return MOVED;
    if (r < 128)
        take_back(self, n);
    else if (r < 256)
        send_empty(self, n->out[r % PLACES].to, &empty_type);
    else if (r < 300) {
        n->changed = !n->changed;
        cadre_become(self, n->changed ? node_receive_too : NULL);
    } else if (r < 812)
        reply(self, n, m, h->from);
    else if (r < 2860) {
        forward(self, n, m);
        return m->body ? 0 : MOVED;
    }
    if (appetite > 0 && r % 2)
        send_one(self, n);
    if (appetite >= 0 || r % 8)
        send_one(self, n);
    return 0;
}

static int receive_body(cadre_self *self, node *n, cadre_msg *m)
{
    struct header *h = m->body;
    body_verify(m, n->me);
    check_order(n, h);
    check_stash(n, h);
    if (dice_once_in(&n->dice, 1024)) {
        cadre_unhandled(self, m);
        return 0;
    }
    if (h->owns != OWNS_NOTHING && dice_below(&n->dice, 2)) {
        release_owned(h);
        h->own = NULL;
        h->check = body_check(h);
    }
    uint32_t stashed = n->set_aside;
    int result = on_body(self, n, m);
    if (n->set_aside != stashed)
        return 0; /* handled later */
    if (result < 0)
        return result;
    if (result != MOVED)
        h->done = true;
    count_up(HANDLED);
    return result == MOVED ? 0 : result;
}

static int receive(cadre_self *self, node *n, cadre_msg *m)
{
    int result = 0;
    CHECK(n->busy++ == 0);
    CHECK(n->me == cadre_me(self).id);
    if (is_draining())
        take_back(self, n);
    else if (++n->received % TICK_EVERY == 0)
        send_empty(self, atomic_load(&round_.manager), &tick_type);
    if (m->type == &empty_type) {
        count_up(EMPTY_HANDLED);
        count_up(HANDLED);
    } else {
        result = receive_body(self, n, m);
    }
    CHECK(--n->busy == 0);
    return result;
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(!((node *)state)->changed);
    return receive(self, state, m);
}

static int node_receive_too(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(((node *)state)->changed);
    return receive(self, state, m);
}

static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    CHECK(n->busy++ == 0);
    n->me = cadre_me(self).id;
    uint32_t r = dice_below(&n->dice, 64);
    bool fails = r < 2;
    atomic_store(&round_.where[n->place], fails ? VACANT : n->me);
    if (!fails)
        count_up(STARTED);
    if (r > 60)
        have_child(self, n);
    n->busy--;
    return !fails ? 0 : r ? CADRE_STOP : REASON_AT_START;
}

/* None has outlived its parent; the place of one killed before it began is cleared. */
static void check_children(node *n)
{
    for (uint32_t p = 0; p < PLACES; p++) {
        uint64_t never_began = n->children[p].life;
        if (never_began == 0)
            continue;
        if (!atomic_compare_exchange_strong(&round_.where[p], &never_began, VACANT))
            CHECK(never_began != n->children[p].id);
    }
}

static void node_stop(cadre_self *self, void *state, int reason)
{
    node *n = state;
    CHECK(n->busy++ == 0);
    CHECK(reason == 0 || reason == REASON_FAILED || reason == REASON_KILLED ||
          reason == CADRE_EKILLED || reason == CADRE_EPARENT);
    CHECK(n->me == cadre_me(self).id);
    count_up(STOPPED);
    atomic_fetch_sub(&round_.aside, (long long)(n->set_aside - n->taken_back));
    check_children(n);
    if (dice_once_in(&n->dice, 2))
        send_one(self, n);
    atomic_store(&round_.where[n->place], VACANT);
    n->busy--;
}

#endif
