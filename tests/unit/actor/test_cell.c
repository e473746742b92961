/* test_cell.c: one actor's place: the life word, halts, retiring, and the notice to the
 * parent. */
#include "actor/cell.h"

#include "support/support.h"

enum { SLOT = 17, FIRST = 5, LAST = GENERATION_MAX };

static struct cell cell;
static struct letter start, mail; /* its first letter, and somebody else's */

/* A free cell; FIRST is the generation that is not born yet. */
static int make_free(void **state)
{
    cell_init(&cell, SLOT, FIRST);
    return 0;
}

/* A running one, with `start` in hand. */
static int make_running(void **state)
{
    cell_init(&cell, SLOT, FIRST);
    return cell_claim(&cell, &start) ? 0 : -1;
}

static struct letter *in_hand(void) { return letter_of(mpsc_first(&cell.mailbox)); }

static void advance_to(struct letter *letter)
{
    assert_int_equal(mpsc_advance(&cell.mailbox), MPSC_MORE);
    assert_ptr_equal(in_hand(), letter);
}

static void go_idle(void) { assert_int_equal(mpsc_advance(&cell.mailbox), MPSC_IDLE); }

static void assert_life(uint32_t generation, unsigned halts, int reason)
{
    uint64_t life = load_relaxed(&cell.life);
    assert_int_equal(life_generation(life), generation);
    assert_int_equal(life_halts(life), halts);
    assert_int_equal(life_reason(life), reason);
}

static bool ask_stop(int reason) { return cell_halt(&cell, FIRST, HALT_STOP, reason); }
static bool ask_kill(int reason) { return cell_halt(&cell, FIRST, HALT_KILL, reason); }

/* ---- words ---- */

static void cell_life_word_gives_back_its_parts(void **state)
{
    static const uint32_t generations[] = {0, 1, 2, GENERATION_MAX - 1, GENERATION_MAX};
    static const int reasons[] = {0,           -1,        CADRE_EKILLED,
                                  CADRE_EUSER, INT32_MIN, INT32_MAX};
    for (size_t g = 0; g < sizeof generations / sizeof generations[0]; g++)
        for (unsigned halts = 0; halts < 8; halts++)
            for (size_t r = 0; r < sizeof reasons / sizeof reasons[0]; r++) {
                uint64_t life = life_word(generations[g], halts, reasons[r]);
                assert_int_equal(life_generation(life), generations[g]);
                assert_int_equal(life_halts(life), halts);
                assert_int_equal(life_reason(life), reasons[r]);
            }
}

static void cell_address_gives_back_its_parts(void **state)
{
    static const uint32_t values[] = {0, 1, 1024, GENERATION_MAX - 1, GENERATION_MAX};
    for (uint32_t tag = 1; tag < 256; tag += 127)
        for (size_t s = 0; s < sizeof values / sizeof values[0]; s++)
            for (size_t g = 0; g < sizeof values / sizeof values[0]; g++) {
                uint64_t id = address(tag, values[s], values[g]);
                assert_int_equal(address_tag(id), tag);
                assert_int_equal(address_slot(id), values[s]);
                assert_int_equal(address_generation(id), values[g]);
                assert_true(id > NOTE_KINDS); /* never mistaken for a note */
            }
}

/* ---- claiming ---- */

static void cell_at_first_is_vacant_and_idle(void **state)
{
    assert_life(FIRST, LIFE_VACANT, 0);
    assert_true(mpsc_is_idle(&cell.mailbox));
    assert_true(list_is_empty(&cell.children));
    assert_int_equal(cell.slot, SLOT);
    assert_int_equal(cell.phase, PHASE_FREE);
    assert_int_equal(cell.accepts, 0);
}

static void cell_claimed_runs_with_start_in_hand(void **state)
{
    assert_true(cell_claim(&cell, &start));
    assert_ptr_equal(in_hand(), &start);
    assert_int_equal(start.to, NOTE_START);
    assert_life(FIRST, 0, 0);
    assert_int_equal(cell.generation, FIRST);
    assert_int_equal(cell.phase, PHASE_RUNNING);
}

static void cell_claimed_cannot_be_claimed_again(void **state)
{
    assert_false(cell_claim(&cell, &mail));
    assert_ptr_equal(in_hand(), &start);
    assert_life(FIRST, 0, 0);
}

static void cell_with_a_letter_in_hand_cannot_be_claimed(void **state)
{
    assert_true(mpsc_push(&cell.mailbox, &mail.node)); /* for its former actor */
    assert_false(cell_claim(&cell, &start));
    assert_life(FIRST, LIFE_VACANT, 0);
    go_idle();
    assert_true(cell_claim(&cell, &start));
}

/* ---- halts ---- */

static void cell_vacant_cannot_be_halted(void **state)
{
    assert_false(ask_stop(0));
    assert_false(ask_kill(-1));
    assert_life(FIRST, LIFE_VACANT, 0);
    assert_true(mpsc_is_idle(&cell.mailbox));
}

static void cell_stopped_gets_one_note(void **state)
{
    assert_false(ask_stop(-3)); /* it is running: nothing to wake */
    assert_life(FIRST, HALT_STOP, -3);
    advance_to(&cell.stop_note);
    assert_int_equal(in_hand()->to, NOTE_STOP);
    go_idle();
}

static void cell_stopped_again_keeps_the_first_reason(void **state)
{
    (void)ask_stop(-3);
    assert_false(ask_stop(-4));
    assert_life(FIRST, HALT_STOP, -3);
    advance_to(&cell.stop_note);
    go_idle(); /* one note only */
}

static void cell_idle_that_is_halted_must_be_run(void **state)
{
    go_idle();
    assert_true(ask_stop(0));
    assert_ptr_equal(in_hand(), &cell.stop_note);
    assert_false(ask_stop(0)); /* not twice */
    assert_false(ask_kill(0)); /* it is running by now */
    advance_to(&cell.kill_note);
    go_idle();
}

static void cell_killed_over_a_stop_has_the_kills_reason(void **state)
{
    (void)ask_stop(-3);
    (void)ask_kill(-9);
    assert_life(FIRST, HALT_STOP | HALT_KILL, -9);
    advance_to(&cell.stop_note);
    advance_to(&cell.kill_note);
    assert_int_equal(in_hand()->to, NOTE_KILL);
    go_idle();
}

static void cell_killed_cannot_be_stopped_or_killed_again(void **state)
{
    (void)ask_kill(-9);
    assert_false(ask_stop(-3));
    assert_false(ask_kill(-10));
    assert_life(FIRST, HALT_KILL, -9);
    advance_to(&cell.kill_note);
    go_idle();
}

static void cell_of_another_generation_is_left_alone(void **state)
{
    go_idle();
    assert_false(cell_halt(&cell, FIRST - 1, HALT_KILL, -1));
    assert_false(cell_halt(&cell, FIRST + 1, HALT_STOP, -1));
    assert_false(cell_halt(&cell, 0, HALT_STOP, -1));
    assert_life(FIRST, 0, 0);
    assert_true(mpsc_is_idle(&cell.mailbox));
}

/* ---- retiring ---- */

static void cell_retired_is_vacant_in_the_next_generation(void **state)
{
    assert_true(cell_retire(&cell, LAST));
    assert_life(FIRST + 1, LIFE_VACANT, 0);
    assert_int_equal(cell.phase, PHASE_FREE);
    assert_false(ask_stop(0)); /* its address reaches nobody */
    assert_false(cell_halt(&cell, FIRST + 1, HALT_STOP, 0));
}

static void cell_cannot_retire_while_its_stop_is_on_its_way(void **state)
{
    (void)ask_stop(-3);
    assert_false(cell_retire(&cell, LAST));
    assert_life(FIRST, HALT_STOP, -3);
    cell_note_came(&cell, NOTE_STOP);
    assert_true(cell_retire(&cell, LAST));
}

static void cell_cannot_retire_while_its_kill_is_on_its_way(void **state)
{
    (void)ask_kill(-9);
    assert_false(cell_retire(&cell, LAST));
    cell_note_came(&cell, NOTE_KILL);
    assert_true(cell_retire(&cell, LAST));
}

static void cell_cannot_retire_before_both_notes_have_come(void **state)
{
    (void)ask_stop(-3);
    (void)ask_kill(-9);
    assert_false(cell_retire(&cell, LAST));
    cell_note_came(&cell, NOTE_STOP);
    assert_false(cell_retire(&cell, LAST));
    cell_note_came(&cell, NOTE_KILL);
    assert_true(cell_retire(&cell, LAST));
}

static void cell_asked_to_stop_while_it_lingers_waits_for_that_too(void **state)
{
    (void)ask_stop(-3);
    cell_note_came(&cell, NOTE_STOP);
    (void)ask_kill(-9); /* just before it would have retired */
    assert_false(cell_retire(&cell, LAST));
    assert_life(FIRST, HALT_STOP | HALT_KILL, -9);
}

static void cell_claimed_again_has_forgotten_its_former_life(void **state)
{
    (void)ask_stop(-3);
    (void)ask_kill(-9);
    cell_note_came(&cell, NOTE_STOP);
    cell_note_came(&cell, NOTE_KILL);
    cell.late = cell.started = cell.killed = true;
    cell.stash = (void *)&cell;
    assert_true(cell_retire(&cell, LAST));
    mpsc_init(&cell.mailbox); /* its letters have been handled */
    assert_true(cell_claim(&cell, &start));
    assert_life(FIRST + 1, 0, 0);
    assert_int_equal(cell.generation, FIRST + 1);
    assert_false(cell.late || cell.started || cell.killed);
    assert_null(cell.stash);
    assert_false(ask_stop(-1)); /* to the former one */
    (void)cell_halt(&cell, FIRST + 1, HALT_STOP, -2);
    assert_life(FIRST + 1, HALT_STOP, -2);
    assert_false(cell_retire(&cell, LAST)); /* the old notes do not count */
}

static void cell_of_the_last_generation_retires_for_ever(void **state)
{
    assert_true(cell_retire(&cell, FIRST));
    assert_life(0, LIFE_VACANT, 0);
    assert_false(cell_halt(&cell, 0, HALT_STOP, 0));
}

/* ---- the notice to the parent ---- */

/* The notice must be out of the cell's own mailbox: not the letter in hand. */
static void assert_notice(struct letter *expected, enum note kind)
{
    struct letter *notice = cell_notice(&cell);
    assert_ptr_equal(notice, expected);
    assert_int_equal(notice->to, kind);
    assert_ptr_not_equal(notice, in_hand());
    assert_ptr_equal(cell_of_notice(notice), &cell);
}

static void cell_notice_without_notes_is_the_kill_note(void **state)
{
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.kill_note, NOTE_ENDED_B);
}

static void cell_notice_with_the_stop_in_hand_is_the_kill_note(void **state)
{
    (void)ask_stop(0);
    advance_to(&cell.stop_note);
    cell_note_came(&cell, NOTE_STOP);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.kill_note, NOTE_ENDED_B);
}

static void cell_notice_after_the_stop_is_the_kill_note(void **state)
{
    (void)ask_stop(0);
    (void)mpsc_push(&cell.mailbox, &mail.node); /* a child's notice, say */
    advance_to(&cell.stop_note);
    cell_note_came(&cell, NOTE_STOP);
    advance_to(&mail);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.kill_note, NOTE_ENDED_B);
}

static void cell_notice_with_the_kill_in_hand_is_the_stop_note(void **state)
{
    (void)ask_kill(-9);
    advance_to(&cell.kill_note);
    cell_note_came(&cell, NOTE_KILL);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.stop_note, NOTE_ENDED_A);
}

/* Both come, in this order, and the end finds the one in hand that is last. */
static void come_both(enum halt first, enum halt second)
{
    static const enum note notes[] = {[HALT_STOP] = NOTE_STOP, [HALT_KILL] = NOTE_KILL};
    struct letter *letters[] = {
        [HALT_STOP] = &cell.stop_note, [HALT_KILL] = &cell.kill_note};
    (void)mpsc_push(&cell.mailbox, &letters[first]->node);
    (void)mpsc_push(&cell.mailbox, &letters[second]->node);
    advance_to(letters[first]);
    cell_note_came(&cell, notes[first]);
    advance_to(letters[second]);
    cell_note_came(&cell, notes[second]);
    store_relaxed(&cell.life, life_word(FIRST, HALT_STOP | HALT_KILL, -9));
}

static void cell_notice_after_both_with_the_kill_in_hand_is_the_stop_note(void **state)
{
    come_both(HALT_STOP, HALT_KILL);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.stop_note, NOTE_ENDED_A);
}

/* A stop is pushed after its bit is set, so a kill that was asked for later may come
 * first. */
static void cell_notice_after_both_with_the_stop_in_hand_is_the_kill_note(void **state)
{
    come_both(HALT_KILL, HALT_STOP);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.kill_note, NOTE_ENDED_B);
}

static void cell_notice_after_both_with_another_in_hand_is_either(void **state)
{
    come_both(HALT_STOP, HALT_KILL);
    (void)mpsc_push(&cell.mailbox, &mail.node);
    advance_to(&mail);
    assert_true(cell_retire(&cell, LAST));
    assert_notice(&cell.kill_note, NOTE_ENDED_B);
}

#define FREE(test) cmocka_unit_test_setup(test, make_free)
#define RUNNING(test) cmocka_unit_test_setup(test, make_running)

int main(void)
{
    TESTS(cmocka_unit_test(cell_life_word_gives_back_its_parts),
          cmocka_unit_test(cell_address_gives_back_its_parts),
          FREE(cell_at_first_is_vacant_and_idle),
          FREE(cell_claimed_runs_with_start_in_hand),
          RUNNING(cell_claimed_cannot_be_claimed_again),
          FREE(cell_with_a_letter_in_hand_cannot_be_claimed),
          FREE(cell_vacant_cannot_be_halted), RUNNING(cell_stopped_gets_one_note),
          RUNNING(cell_stopped_again_keeps_the_first_reason),
          RUNNING(cell_idle_that_is_halted_must_be_run),
          RUNNING(cell_killed_over_a_stop_has_the_kills_reason),
          RUNNING(cell_killed_cannot_be_stopped_or_killed_again),
          RUNNING(cell_of_another_generation_is_left_alone),
          RUNNING(cell_retired_is_vacant_in_the_next_generation),
          RUNNING(cell_cannot_retire_while_its_stop_is_on_its_way),
          RUNNING(cell_cannot_retire_while_its_kill_is_on_its_way),
          RUNNING(cell_cannot_retire_before_both_notes_have_come),
          RUNNING(cell_asked_to_stop_while_it_lingers_waits_for_that_too),
          RUNNING(cell_claimed_again_has_forgotten_its_former_life),
          RUNNING(cell_of_the_last_generation_retires_for_ever),
          RUNNING(cell_notice_without_notes_is_the_kill_note),
          RUNNING(cell_notice_with_the_stop_in_hand_is_the_kill_note),
          RUNNING(cell_notice_after_the_stop_is_the_kill_note),
          RUNNING(cell_notice_with_the_kill_in_hand_is_the_stop_note),
          RUNNING(cell_notice_after_both_with_the_kill_in_hand_is_the_stop_note),
          RUNNING(cell_notice_after_both_with_the_stop_in_hand_is_the_kill_note),
          RUNNING(cell_notice_after_both_with_another_in_hand_is_either));
    return RUN_TESTS();
}
