/* test_turn.c: how much a turn does, whatever comes meanwhile; and where state stands. */
#include "actor/turn.h"

#include "support/support.h"
#include "unit/actor/stage.h"

static const uint32_t batches[] = {1, 3, 64, 1000};
enum { BATCHES = sizeof batches / sizeof batches[0], TURNS_MAX = 10000 };

/* Messages that the actor under test had in each turn of the worker. */
static uint32_t had[TURNS_MAX];
static uint32_t left; /* what it is still to send itself */
static struct cell *it;

static void note_turn(void)
{
    uint64_t turn = load_relaxed(&worker->turns);
    assert_in_range(turn, 1, TURNS_MAX - 1);
    had[turn]++;
}

static uint32_t most_in_a_turn(void)
{
    uint32_t most = 0;
    for (int i = 0; i < TURNS_MAX; i++)
        most = had[i] > most ? had[i] : most;
    return most;
}

static uint32_t all_had(void)
{
    uint32_t all = 0;
    for (int i = 0; i < TURNS_MAX; i++)
        all += had[i];
    return all;
}

static int count(cadre_self *s, void *state, cadre_msg *m)
{
    note_turn();
    return 0;
}

/* One message more while it handles the last: from the threads outside. */
static int count_and_go_on(cadre_self *s, void *state, cadre_msg *m)
{
    note_turn();
    if (left > 0) {
        left--;
        tell_number(it, 1);
    }
    return 0;
}

/* The same, by itself. */
static int count_and_send(cadre_self *s, void *state, cadre_msg *m)
{
    note_turn();
    if (left > 0) {
        left--;
        return cadre_send_as(s, cadre_me(s), &number_type, &(number){1});
    }
    return 0;
}

/* Sets aside all but what is 1; that brings everything back. */
static int count_and_stash(cadre_self *s, void *state, cadre_msg *m)
{
    note_turn();
    if (((const number *)m->body)->value == 1) {
        left = 0;
        cadre_unstash(s);
        return 0;
    }
    return left ? cadre_stash(s, m) : 0;
}

static const cadre_class counter = {.name = "counter", .receive = count};
static const cadre_class fed = {.name = "fed", .receive = count_and_go_on};
static const cadre_class sender = {.name = "sender", .receive = count_and_send};
static const cadre_class stasher = {.name = "stasher", .receive = count_and_stash};

static void begin(const cadre_class *class, uint32_t batch, uint32_t more)
{
    assert_int_equal(make_world(NULL), 0);
    crew_set_batch(&world.sched.crew, batch);
    it = born(class, NULL);
    run_dry();
    memset(had, 0, sizeof had);
    left = more;
}

static void end(void) { assert_int_equal(end_world(NULL), 0); }

/* ---- batches ---- */

static void turn_has_a_batch_at_most(void **state)
{
    for (int b = 0; b < BATCHES; b++)
        for (uint32_t before = 0; before < 70; before += 3) {
            begin(&counter, batches[b], 0);
            struct cell *another = born(&sink_class, NULL);
            for (uint32_t i = 0; i < before; i++) { /* into the window */
                tell_number(another, 1);
                run_dry();
            }
            for (int i = 0; i < 1200; i++)
                tell_number(it, 1);
            run_dry();
            assert_int_equal(all_had(), 1200);
            assert_in_range(most_in_a_turn(),
                            batches[b] > 64 ? batches[b] - 63 : batches[b], batches[b]);
            end();
        }
}

static void turn_has_a_batch_at_most_of_what_it_sends_itself(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        begin(&sender, batches[b], 2000);
        tell_number(it, 1);
        run_dry();
        assert_int_equal(all_had(), 2001);
        assert_int_equal(most_in_a_turn(), batches[b]);
        end();
    }
}

/* Its mailbox is empty whenever the batch is over, and its token has just come. */
static void turn_has_a_batch_at_most_of_what_arrives_meanwhile(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        begin(&fed, batches[b], 2000);
        tell_number(it, 1);
        run_dry();
        assert_int_equal(all_had(), 2001);
        assert_in_range(most_in_a_turn(), 1, batches[b]);
        end();
    }
}

static void turn_that_arrivals_keep_busy_leaves_others_theirs(void **state)
{
    begin(&fed, 1, 1000);
    struct cell *another = born(&recorder_class, NULL);
    tell_number(it, 1);
    tell_number(another, 9);
    for (int i = 0; i < 10; i++)
        (void)worker_step(worker);
    assert_record(9);
    assert_true(left > 0);
    run_dry();
    end();
}

/* The message that unstashes counts like any other. */
static void turn_has_a_batch_at_most_of_what_comes_back(void **state)
{
    for (int b = 0; b < BATCHES; b++)
        for (uint32_t aside = 1; aside < 150; aside += 7) {
            begin(&stasher, batches[b], 1);
            for (uint32_t i = 0; i < aside; i++)
                tell_number(it, 0);
            tell_number(it, 1);
            run_dry();
            assert_int_equal(all_had(), 2 * aside + 1);
            assert_in_range(most_in_a_turn(), 1, batches[b]);
            end();
        }
}

static void turn_killed_in_its_last_message_ends(void **state)
{
    begin(&counter, 1, 0);
    tell_number(it, 1);
    send_halt(&world, &outside, cell_address(it), HALT_KILL, -9);
    tell_number(it, 1);
    run_dry();
    assert_int_equal(all_had(), 0);
    assert_int_equal(load_relaxed(&self.ended), 1);
    assert_int_equal(load_relaxed(&self.dead), 2);
    assert_int_equal(load_relaxed(&it->task.owner), TASK_NOBODY);
    end();
}

/* ---- state ---- */

static void turn_state_is_inside_the_cell_when_there_is_room(void **state)
{
    static const char init[CELL_INLINE + 1] = "0123456789abcdef";
    for (uint32_t size = 0; size <= CELL_INLINE + 1; size++) {
        const cadre_class class = {.receive = count, .state_size = size};
        struct cell *cell = born(&class, init);
        if (size == 0)
            assert_null(cell->state);
        else if (size <= CELL_INLINE)
            assert_ptr_equal(cell->state, cell->inline_state);
        else
            assert_ptr_not_equal(cell->state, cell->inline_state);
        assert_int_equal((uintptr_t)cell->state % alignof(max_align_t), 0);
        if (size)
            assert_memory_equal(cell->state, init, size);
        send_halt(&world, &outside, cell_address(cell), HALT_KILL, -9);
        run_dry(); /* the class is ours */
    }
}

static void turn_state_without_a_beginning_is_zero(void **state)
{
    static const char zero[100];
    for (uint32_t size = 1; size <= sizeof zero; size += 33) {
        const cadre_class class = {.receive = count, .state_size = size};
        struct cell *cell = born(&class, NULL);
        assert_memory_equal(cell->state, zero, size);
        send_halt(&world, &outside, cell_address(cell), HALT_KILL, -9);
        run_dry();
    }
}

/* ---- whose turn ---- */

static int says_who(cadre_self *s, void *state, cadre_msg *m)
{
    assert_ptr_equal(self_here, s);
    assert_ptr_equal(self_cell(s), it);
    assert_true(cadre_me(s).id == cell_address(it));
    assert_true(self_address(s) == cell_address(it));
    record_add(1);
    return 0;
}

static const cadre_class sayer = {.name = "sayer", .receive = says_who};

static void turn_is_its_actors_and_nobodys_in_between(void **state)
{
    const struct cadre_self *before = self_here;
    it = born(&sayer, NULL);
    assert_null(self_cell(&self));
    for (int i = 0; i < 2; i++) {
        tell_number(it, 1);
        run_dry();
        assert_null(self_cell(&self));
        assert_ptr_equal(self_here, before);
    }
    assert_record(1, 1);
    assert_true(self_address(&outside) == 0);
}

static void turn_here_enters_and_says_who_was_before(void **state)
{
    const struct cadre_self *nobody = self_here;
    assert_non_null(nobody); /* which a user might pass */
    assert_ptr_equal(self_enter(&self), nobody);
    assert_ptr_equal(self_here, &self);
    assert_int_equal(self_check(&self, "test"), 0);
    assert_ptr_equal(self_enter(nobody), &self);
    (void)self_enter(&self);
    (void)self_leave();
    assert_ptr_equal(self_here, nobody);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    TESTS(cmocka_unit_test(turn_has_a_batch_at_most),
          cmocka_unit_test(turn_has_a_batch_at_most_of_what_it_sends_itself),
          cmocka_unit_test(turn_has_a_batch_at_most_of_what_arrives_meanwhile),
          cmocka_unit_test(turn_that_arrivals_keep_busy_leaves_others_theirs),
          cmocka_unit_test(turn_has_a_batch_at_most_of_what_comes_back),
          cmocka_unit_test(turn_killed_in_its_last_message_ends),
          ON_STAGE(turn_state_is_inside_the_cell_when_there_is_room),
          ON_STAGE(turn_state_without_a_beginning_is_zero),
          ON_STAGE(turn_is_its_actors_and_nobodys_in_between),
          ON_STAGE(turn_here_enters_and_says_who_was_before));
    return RUN_TESTS();
}
