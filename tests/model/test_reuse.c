/* test_reuse.c: an actor ends and another one gets its cell, while mail is under way.
 *
 * The whole actor layer. A root has one child. It is stopped or killed, and the root
 * starts another one, in the same cell where that is free. What was meant for the first
 * child must not reach the second, and all of it has a fate. */
#include "actors.h"

enum { FIRST = 1, SECOND = 2, HELLO = 6, SPAWN = 7 };

static struct cell *root, *child;
static cadre_ref first, second, root_ref;

/* On message SPAWN the root starts the second child and sends it a message. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    touch(state);
    const mail *got = cadre_body(m, mail);
    handled[got->number]++;
    struct life init = {.number = SECOND};
    mc_assert(cadre_spawn(self, &second, &child_class, &init) == 0);
    mail hello = {HELLO, SECOND};
    sent++;
    mc_assert(cadre_send_as(self, second, &mail_type, &hello) == 0);
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct life),
                                       .start = life_start,
                                       .receive = root_receive,
                                       .stop = life_stop};

static void setup(void)
{
    init_world();
    init_selves();
    root = new_actor(NULL, &root_class, 0);
    child = new_actor(root, &child_class, FIRST);
    root_ref.id = root->accepts;
    first.id = child->accepts;
    second.id = 0;
    name_cell(root, "root");
    name_cell(child, "child");
}

/* The first child has ended already: its cell is free. */
static void setup_free(void)
{
    setup();
    halt(first, HALT_STOP);
    run_all();
    mc_assert(is_free(child));
}

/* ---- threads ---- */

static void stop_and_spawn(int self)
{
    if (self == 1) {
        halt(first, HALT_STOP);
        run_all();
        tell(root_ref, SPAWN, 0);
    } else {
        tell(first, 1, FIRST);
        tell(first, 2, FIRST);
    }
    run_all();
}

static void kill_and_spawn(int self)
{
    if (self == 1) {
        halt(first, HALT_KILL);
        run_all();
        tell(root_ref, SPAWN, 0);
    } else {
        tell(first, 1, FIRST);
        halt(first, HALT_STOP);
    }
    run_all();
}

/* Mail and halts for the dead, while the cell gets its next actor. */
static void spawn_among_stale(int self)
{
    if (self == 1)
        tell(root_ref, SPAWN, 0);
    if (self == 2)
        tell(first, 1, FIRST);
    if (self == 3) {
        halt(first, HALT_KILL);
        tell(first, 2, FIRST);
    }
    run_all();
}

/* ---- afterwards ---- */

static void second_lives(void)
{
    check_fates();
    mc_assert(handled[SPAWN] == 1 && handled[HELLO] == 1);
    mc_assert(starts == 3 && stops == 1); /* the root's start too */
    mc_assert(SUM(spawned) == 3 && SUM(ended) == 1);
    mc_assert(root->children.next->next == &root->children); /* one */
    const struct cell *now = container_of(root->children.next, struct cell, sibling);
    mc_assert(now->phase == PHASE_RUNNING && now->accepts == second.id);
    mc_assert(life_halts(load_relaxed(&now->life)) == 0);
    mc_assert(is_free(child) == (now != child));
    mc_assert(first.id != second.id);
}

#define COMMON                                                                         \
    .final = second_lives, .switched = switched,                                       \
    .unordered_stores = true /* of mutexes, and of `taking` */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "reuse: of who is stopped",
         .threads = 2,
         .setup = setup,
         .thread = stop_and_spawn,
         .bounds = {.preemptions = 3, .stale = 1, .spurious = 1},
         .deep = {.preemptions = 6, .stale = 3, .spurious = 1},
         COMMON},
        {.name = "reuse: of who is killed",
         .threads = 2,
         .setup = setup,
         .thread = kill_and_spawn,
         .bounds = {.preemptions = 3, .stale = 1, .spurious = 1},
         .deep = {.preemptions = 6, .stale = 3, .spurious = 1},
         COMMON},
        {.name = "reuse: among stale mail",
         .threads = 3,
         .setup = setup_free,
         .thread = spawn_among_stale,
         .bounds = {.preemptions = 2, .stale = 1, .spurious = 1},
         .deep = {.preemptions = 4, .stale = 2, .spurious = 1},
         COMMON},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
