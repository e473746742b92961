/* test_urgent.c: an actor with levels: what is urgent, from its own worker and from
 * others, goes before what is not, each level in its order; and nothing of it is
 * forgotten when the actor becomes idle. */
#include "rest.h"

#include <cadre/urgent.h>

enum { URGENT = 4, GO = 7 }; /* messages from URGENT to below GO are urgent */

static int order[MAILS], count;

/* What is in the mailbox when a message is handled is not urgent. */
static void look_through(const struct fifo *mailbox)
{
    struct inbox_node *node = mailbox->newest;
    do {
        mc_assert(!node || !letter_is_urgent(letter_of(node)));
        node = node ? node->next : NULL;
    } while (node != mailbox->newest);
}

static int note(cadre_self *self, void *state, cadre_msg *m)
{
    look_through(&child->mailbox);
    order[count++] = cadre_body(m, mail)->number;
    return life_receive(self, state, m);
}
static const cadre_class levelled_class = {.name = "child",
                                           .state_size = sizeof(struct life),
                                           .start = life_start,
                                           .receive = note,
                                           .stop = life_stop};

static void send_two(cadre_self *self)
{
    mail m = {1, FIRST}, urgent = {URGENT, FIRST};
    send(self, child_ref, m);
    sent++;
    mc_assert(cadre_send_urgent_as(self, child_ref, &mail_type, &urgent) == 0);
}
static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    send_two(self);
    return life_receive(self, state, m);
}
static const cadre_class sender_class = {.name = "parent",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = sender_receive,
                                         .stop = parent_stop};

static void setup(uint32_t workers, int outside)
{
    struct life init = {.number = FIRST};
    setup_world(workers, outside);
    count = 0;
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    parent = new_actor(root, &sender_class, 0, 0, "parent");
    mc_assert(spawn_actor(&selves[0], parent, &child, &levelled_class, &init) == 0);
    mc_assert(extras_new(&selves[0], &child->extras) == 0);
    child->extras->has_levels = true;
    task_give(&child->task, (int32_t)workers - 1);
    spawn_schedule(&selves[0], child);
    mc_name(child, sizeof *child, "child");
    run_all();
    root_ref = ref_of(root);
    parent_ref = ref_of(parent);
    child_ref = ref_of(child);
}

static void of_one_worker(void) { setup(1, 1); }
static void beside_its_own(void) { setup(1, 2); }
static void apart(void) { setup(2, 2); }

static void tell_urgently(int number)
{
    struct envelope *e;
    mail m = {number, FIRST};
    mc_assert(send_prepare(here(), &e, LETTER_URGENT, &mail_type, &m) == 0);
    sent++;
    send_deliver(here(), e, child_ref.id);
}

/* ---- threads ---- */

static void own(int self)
{
    if (outside(self) == 0)
        return;
    tell(parent_ref, GO, 0);
    script_ends();
}

static void mix(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, 2, FIRST);
        tell_urgently(URGENT + 1);
        tell(child_ref, 3, FIRST);
        tell_urgently(URGENT + 2);
    } else {
        tell(parent_ref, GO, 0);
    }
    script_ends();
}

static void mix_and_stop(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, 2, FIRST);
        tell_urgently(URGENT + 1);
        halt(child_ref, HALT_STOP);
    } else {
        tell_urgently(URGENT + 2);
    }
    script_ends();
}

/* ---- afterwards ---- */

static int place_of(int number)
{
    int at = 0;
    while (at < count && order[at] != number)
        at++;
    mc_assert(at < count);
    return at;
}

static void own_in_order(void)
{
    at_rest(0);
    mc_assert(place_of(URGENT) < place_of(1));
    mc_assert(!child->extras->back.newest);
}

static void all_in_order(void)
{
    at_rest(0);
    mc_assert(count == 6);
    mc_assert(place_of(2) < place_of(3));
    mc_assert(place_of(URGENT + 1) < place_of(URGENT + 2));
    (void)place_of(1), (void)place_of(URGENT);
    mc_assert(!child->extras->back.newest);
}

static void all_until_the_stop(void)
{
    at_rest(1);
    mc_assert(is_free(child) && handled[2] == 1 && handled[URGENT + 1] == 1);
}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("urgent, from its own worker", 2, of_one_worker, own, own_in_order),
         BOUNDS(2, 1)},
        {TEST("urgent, from two sides", 3, beside_its_own, mix, all_in_order),
         BOUNDS(2, 0)},
        {TEST("urgent, and a stop", 3, beside_its_own, mix_and_stop,
              all_until_the_stop),
         BOUNDS(1, 0)},
        {TEST("urgent, apart", 4, apart, mix, all_in_order), BOUNDS(1, 0)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
