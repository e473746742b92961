/* test_tree.c: stop, kill and failure down a tree, while messages are under way.
 *
 * The whole actor layer. What somebody sent before it asked for the stop is handled,
 * what it sends afterwards is a dead letter; children end before their parents, who hear
 * of it once; every message has one fate, whatever falls together. */
#include "actors.h"

static struct cell *root, *parent, *child;
static cadre_ref root_ref, parent_ref, child_ref;

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct life),
                                       .start = life_start,
                                       .receive = life_receive,
                                       .stop = life_stop};

static int parent_stopped_after; /* how many had stopped before it */

static void parent_stop(cadre_self *self, void *state, int reason)
{
    parent_stopped_after = stops;
    life_stop(self, state, reason);
}

/* Message 5 fails, message 6 stops it, message 7 is passed on to the child. */
static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const mail *got = cadre_body(m, mail);
    int number = got->number;
    (void)life_receive(self, state, m);
    if (number == 5)
        return -1;
    if (number == 6)
        return CADRE_STOP;
    if (number == 7) {
        mail on = {4, 0};
        sent++;
        mc_assert(cadre_send_as(self, child_ref, &mail_type, &on) == 0);
    }
    return 0;
}

static const cadre_class parent_class = {.name = "parent",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = parent_receive,
                                         .stop = parent_stop};

/* root > parent > child */
static void setup(void)
{
    init_world();
    init_selves();
    parent_stopped_after = -1;
    root = new_actor(NULL, &root_class, 0);
    parent = new_actor(root, &parent_class, 0);
    child = new_actor(parent, &child_class, 0);
    root_ref.id = root->accepts;
    parent_ref.id = parent->accepts;
    child_ref.id = child->accepts;
    name_cell(root, "root");
    name_cell(parent, "parent");
    name_cell(child, "child");
}

/* ---- threads ---- */

/* What is sent around a stop. */
static void around_a_stop(int self)
{
    if (self == 1) {
        tell(child_ref, 1, 0);
        halt(child_ref, HALT_STOP);
        tell(child_ref, 2, 0);
    } else {
        tell(child_ref, 3, 0);
    }
    run_all();
}

static void stop_and_kill(int self)
{
    if (self == 1) {
        tell(child_ref, 1, 0);
        halt(child_ref, HALT_STOP);
    } else {
        halt(child_ref, HALT_KILL);
        tell(child_ref, 2, 0);
    }
    run_all();
}

/* Two stops, of parent and child, at the same time. */
static void stop_both(int self)
{
    halt(self == 1 ? parent_ref : child_ref, HALT_STOP);
    run_all();
}

/* The parent passes something on to its child while both are to end. */
static void pass_on(int self)
{
    if (self == 1)
        tell(parent_ref, 7, 0);
    else
        halt(parent_ref, HALT_STOP);
    run_all();
}

/* It fails, is stopped, and is killed. */
static void fails_too(int self)
{
    if (self == 1)
        tell(parent_ref, 5, 0);
    if (self == 2)
        halt(parent_ref, HALT_STOP);
    if (self == 3)
        halt(parent_ref, HALT_KILL);
    run_all();
}

static void stops_itself(int self)
{
    if (self == 1) {
        tell(parent_ref, 6, 0);
        tell(parent_ref, 1, 0);
    } else {
        halt(child_ref, HALT_KILL);
        tell(child_ref, 2, 0);
    }
    run_all();
}

/* The whole tree, with mail under way. */
static void the_root(int self)
{
    if (self == 1) {
        halt(root_ref, HALT_STOP);
    } else {
        tell(child_ref, 1, 0);
        halt(parent_ref, HALT_KILL);
    }
    run_all();
}

/* ---- afterwards ---- */

static void ended(int count)
{
    check_fates();
    mc_assert(stops == count);
    mc_assert(SUM(ended) == (uint64_t)count && SUM(spawned) == 3);
    mc_assert(is_free(child));
    mc_assert(list_is_empty(&parent->children));
    if (count > 1) {
        mc_assert(is_free(parent) && parent_stopped_after == 1);
        mc_assert(list_is_empty(&root->children));
    }
    mc_assert(root_endings == (count == 3));
    mc_assert((root->phase == PHASE_FREE) == (count == 3));
}

static void child_ended(void) { ended(1); }
static void two_ended(void) { ended(2); }
static void all_ended(void) { ended(3); }

static void one_handled_two_not(void)
{
    ended(1);
    mc_assert(handled[1] == 1 && handled[2] == 0);
}

#define COMMON                                                                         \
    .switched = switched, .setup = setup,                                              \
    .unordered_stores = true /* of mutexes, and of `taking` */
#define TWO                                                                            \
    .threads = 2, .bounds = {.preemptions = 3, .stale = 1, .spurious = 1},             \
    .deep = {.preemptions = 7, .stale = 3, .spurious = 1}
#define THREE                                                                          \
    .threads = 3, .bounds = {.preemptions = 2, .stale = 1, .spurious = 1},             \
    .deep = {.preemptions = 4, .stale = 2, .spurious = 1}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "tree: sends around a stop",
         .thread = around_a_stop,
         .final = one_handled_two_not,
         TWO,
         COMMON},
        {.name = "tree: a stop and a kill",
         .thread = stop_and_kill,
         .final = child_ended,
         TWO,
         COMMON},
        {.name = "tree: stops of parent and child",
         .thread = stop_both,
         .final = two_ended,
         TWO,
         COMMON},
        {.name = "tree: a stop of who passes something on",
         .thread = pass_on,
         .final = two_ended,
         TWO,
         COMMON},
        {.name = "tree: a failure, a stop and a kill",
         .thread = fails_too,
         .final = two_ended,
         THREE,
         COMMON},
        {.name = "tree: stops itself, its child is killed",
         .thread = stops_itself,
         .final = two_ended,
         TWO,
         COMMON},
        {.name = "tree: stop of the root, kill below",
         .thread = the_root,
         .final = all_ended,
         TWO,
         COMMON},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
