/* test_inbox.c: who is told, what is taken, what stays behind; and many producers. */
#include "queue/inbox.h"

#include "base/thread.h"
#include "support/support.h"

#include <sched.h>

enum { NODES = 8 };

static struct inbox inbox;
static struct inbox_node nodes[NODES];

static int make_empty(void **state)
{
    inbox_init(&inbox);
    return 0;
}

static int make_awake(void **state)
{
    inbox_init(&inbox);
    return inbox_poke(&inbox) ? 0 : -1;
}

static struct inbox_node *word(void) { return load_relaxed(&inbox.newest); }

/* A take that leaves this tag gives nodes end - 1 .. from: newest first. */
static void assert_takes(struct inbox_node *tag, int from, int end)
{
    struct inbox_node *n = inbox_take(&inbox, tag);
    for (int i = end; i-- > from; n = n->next)
        assert_ptr_equal(n, &nodes[i]);
    assert_null(n);
    assert_ptr_equal(word(), tag);
}

/* ---- who holds the token ---- */

static void inbox_first_push_holds_the_token(void **state)
{
    assert_true(inbox_push(&inbox, &nodes[0]));
    assert_false(inbox_push(&inbox, &nodes[1]));
    assert_false(inbox_push(&inbox, &nodes[2]));
}

static void inbox_push_to_one_awake_holds_none(void **state)
{
    assert_false(inbox_push(&inbox, &nodes[0]));
    assert_false(inbox_push(&inbox, &nodes[1]));
}

static void inbox_poke_of_an_empty_one_holds_the_token(void **state)
{
    assert_true(inbox_poke(&inbox));
    assert_ptr_equal(word(), INBOX_AWAKE);
    assert_false(inbox_poke(&inbox));
    assert_ptr_equal(word(), INBOX_AWAKE);
    assert_false(inbox_push(&inbox, &nodes[0]));
}

static void inbox_poke_of_one_with_nodes_keeps_them(void **state)
{
    (void)inbox_push(&inbox, &nodes[0]);
    (void)inbox_push(&inbox, &nodes[1]);
    assert_false(inbox_poke(&inbox));
    assert_takes(INBOX_EMPTY, 0, 2);
}

static void inbox_token_ends_with_a_take_that_leaves_empty(void **state)
{
    for (int i = 0; i < 3; i++) {
        assert_true(inbox_push(&inbox, &nodes[0]));
        assert_takes(INBOX_EMPTY, 0, 1);
    }
    assert_true(inbox_poke(&inbox));
}

static void inbox_token_goes_on_after_a_take_that_leaves_awake(void **state)
{
    assert_true(inbox_push(&inbox, &nodes[0]));
    assert_takes(INBOX_AWAKE, 0, 1);
    assert_false(inbox_push(&inbox, &nodes[1])); /* told already */
    assert_takes(INBOX_AWAKE, 1, 2);
    assert_takes(INBOX_EMPTY, 0, 0);
    assert_true(inbox_push(&inbox, &nodes[2]));
}

/* ---- what is taken ---- */

static void inbox_take_of_nothing_is_null(void **state)
{
    assert_takes(INBOX_EMPTY, 0, 0);
    assert_takes(INBOX_AWAKE, 0, 0);
    assert_takes(INBOX_EMPTY, 0, 0); /* AWAKE is no node */
}

static void inbox_take_gives_all_newest_first(void **state)
{
    for (int count = 1; count <= NODES; count++) {
        for (int i = 0; i < count; i++)
            (void)inbox_push(&inbox, &nodes[i]);
        assert_takes(INBOX_EMPTY, 0, count);
        assert_takes(INBOX_EMPTY, 0, 0);
    }
}

static void inbox_awake_ends_the_list_too(void **state)
{
    for (int i = 0; i < 3; i++)
        (void)inbox_push(&inbox, &nodes[i]);
    assert_takes(INBOX_EMPTY, 0, 3);
}

static void inbox_has_nodes_when_a_take_would_give_some(void **state)
{
    assert_false(inbox_has_nodes(&inbox));
    (void)inbox_poke(&inbox);
    assert_false(inbox_has_nodes(&inbox));
    (void)inbox_push(&inbox, &nodes[0]);
    assert_true(inbox_has_nodes(&inbox));
    (void)inbox_push(&inbox, &nodes[1]);
    assert_true(inbox_has_nodes(&inbox));
    (void)inbox_take(&inbox, INBOX_AWAKE);
    assert_false(inbox_has_nodes(&inbox));
}

/* ---- many producers ---- */

enum { PRODUCERS = 3, EACH = 20000, POKE_EVERY = 16 };

static struct parcel {
    struct inbox_node node;
    unsigned number;
    bool is_taken; /* the consumer's */
} parcels[PRODUCERS][EACH];
static atomic_uint tokens, too_many;

/* The producer has the token, and gives it to the consumer. */
static void pass_token(void)
{
    if (atomic_fetch_add(&tokens, 1) != 0)
        atomic_fetch_add(&too_many, 1);
}

static void *produce(void *arg)
{
    struct parcel *mine = arg;
    for (unsigned i = 0; i < EACH; i++) {
        mine[i].number = i;
        mine[i].is_taken = false;
        if (inbox_push(&inbox, &mine[i].node))
            pass_token();
        if (i % POKE_EVERY == 0 && inbox_poke(&inbox))
            pass_token();
    }
    return NULL;
}

/* Each producer's parcels come in its order, within a batch backwards. Returns how many
 * there were. */
static unsigned check_batch(struct inbox_node *n, unsigned next[PRODUCERS])
{
    unsigned count = 0, newest[PRODUCERS] = {0}, of[PRODUCERS] = {0};
    for (; n; n = n->next, count++) {
        struct parcel *p = container_of(n, struct parcel, node);
        size_t who = (size_t)(p - parcels[0]) / EACH;
        assert_false(p->is_taken);
        p->is_taken = true;
        if (of[who]++ == 0)
            newest[who] = p->number;
        else
            assert_int_equal(p->number, newest[who] - of[who] + 1);
    }
    for (int who = 0; who < PRODUCERS; who++)
        if (of[who]) {
            assert_int_equal(newest[who] + 1 - of[who], next[who]);
            next[who] = newest[who] + 1;
        }
    return count;
}

static bool has_token(void *arg) { return atomic_load(&tokens) > 0; }

/* Looks when told only, and now and then in between. */
static void inbox_loses_nothing_and_tells_once(void **state)
{
    struct thread producers[PRODUCERS];
    unsigned next[PRODUCERS] = {0}, taken = 0;
    atomic_store(&tokens, 0);
    atomic_store(&too_many, 0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(thread_start(&producers[i], "producer", produce, parcels[i]),
                         0);
    while (taken < PRODUCERS * EACH) {
        await_true(has_token, NULL);
        taken += check_batch(inbox_take(&inbox, INBOX_AWAKE), next);
        sched_yield();
        atomic_fetch_sub(&tokens, 1);
        taken += check_batch(inbox_take(&inbox, INBOX_EMPTY), next);
    }
    for (int i = 0; i < PRODUCERS; i++)
        thread_join(&producers[i]);
    assert_int_equal(taken, PRODUCERS * EACH);
    assert_int_equal(atomic_load(&too_many), 0);
    assert_int_equal(atomic_load(&tokens), word() != INBOX_EMPTY);
}

#define ON_EMPTY(test) cmocka_unit_test_setup(test, make_empty)
#define ON_AWAKE(test) cmocka_unit_test_setup(test, make_awake)

int main(void)
{
    TESTS(ON_EMPTY(inbox_first_push_holds_the_token),
          ON_AWAKE(inbox_push_to_one_awake_holds_none),
          ON_EMPTY(inbox_poke_of_an_empty_one_holds_the_token),
          ON_EMPTY(inbox_poke_of_one_with_nodes_keeps_them),
          ON_EMPTY(inbox_token_ends_with_a_take_that_leaves_empty),
          ON_EMPTY(inbox_token_goes_on_after_a_take_that_leaves_awake),
          ON_EMPTY(inbox_take_of_nothing_is_null),
          ON_EMPTY(inbox_take_gives_all_newest_first),
          ON_AWAKE(inbox_awake_ends_the_list_too),
          ON_EMPTY(inbox_has_nodes_when_a_take_would_give_some),
          ON_EMPTY(inbox_loses_nothing_and_tells_once));
    return RUN_TESTS();
}
