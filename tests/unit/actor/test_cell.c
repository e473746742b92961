/* test_cell.c: one life of a cell after the other: claim, halt, retire, notice. Its
 * interleavings are the model checker's affair. */
#include "support/support.h"

#include "actor/cell.h"

static struct cell cell;
static struct letter start;

static void claimed(void)
{
    cell_init(&cell, 7, 3);
    assert_true(cell_claim(&cell, &start));
}

static uint32_t generation(void) { return life_generation(load_relaxed(&cell.life)); }
static unsigned halts(void) { return life_halts(load_relaxed(&cell.life)); }
static int reason(void) { return life_reason(load_relaxed(&cell.life)); }

/* The turn takes what is first, and goes on to the next. */
static enum mpsc_state take(struct letter *expected)
{
    struct letter *first = letter_of(mpsc_first(&cell.mailbox));
    assert_ptr_equal(first, expected);
    if (first->to < NOTE_KINDS)
        cell_note_came(&cell, (enum note)first->to);
    return mpsc_advance(&cell.mailbox);
}

static void cell_addresses_hold_their_three_parts(void **state)
{
    static const uint32_t numbers[] = {0, 1, 12345, GENERATION_MAX};
    for (uint64_t tag = 0; tag < 256; tag += 51)
        for (int s = 0; s < 4; s++)
            for (int g = 0; g < 4; g++) {
                uint64_t id = address(tag, numbers[s], numbers[g]);
                assert_int_equal(address_tag(id), tag);
                assert_int_equal(address_slot(id), numbers[s]);
                assert_int_equal(address_generation(id), numbers[g]);
            }
}

static void cell_life_word_holds_its_three_parts(void **state)
{
    static const int reasons[] = {0, -1, CADRE_EKILLED, INT32_MIN, INT32_MAX};
    for (int r = 0; r < 5; r++)
        for (unsigned h = 0; h < 8; h++) {
            uint64_t life = life_word(GENERATION_MAX, h, reasons[r]);
            assert_int_equal(life_generation(life), GENERATION_MAX);
            assert_int_equal(life_halts(life), h);
            assert_int_equal(life_reason(life), reasons[r]);
        }
}

static void cell_claimed_has_its_start_in_hand(void **state)
{
    struct letter other;
    claimed();
    assert_int_equal(cell.generation, 3);
    assert_int_equal(cell.phase, PHASE_RUNNING);
    assert_int_equal(start.to, NOTE_START);
    assert_int_equal(halts(), 0);
    assert_false(cell_claim(&cell, &other)); /* until its first turn is over */
    assert_int_equal(take(&start), MPSC_IDLE);
}

static void cell_claim_fails_while_a_letter_is_being_bounced(void **state)
{
    struct letter late = {.to = address(1, 7, 2)};
    cell_init(&cell, 7, 3);
    assert_true(mpsc_push(&cell.mailbox, &late.node));
    assert_false(cell_claim(&cell, &start));
    assert_int_equal(cell.phase, PHASE_FREE);
    assert_int_equal(take(&late), MPSC_IDLE);
    assert_true(cell_claim(&cell, &start));
}

static void cell_vacant_cannot_be_halted(void **state)
{
    cell_init(&cell, 7, 3);
    for (uint32_t g = 0; g <= 4; g++) {
        assert_false(cell_halt(&cell, g, HALT_STOP, 0));
        assert_false(cell_halt(&cell, g, HALT_KILL, -1));
    }
    assert_int_equal(halts(), LIFE_VACANT);
    assert_true(mpsc_is_idle(&cell.mailbox));
}

static void cell_halt_reaches_its_generation_only(void **state)
{
    claimed();
    assert_false(cell_halt(&cell, 2, HALT_STOP, 0));
    assert_false(cell_halt(&cell, 4, HALT_KILL, -1));
    assert_false(cell_halt(&cell, 0, HALT_KILL, -1));
    assert_int_equal(halts(), 0);
    assert_int_equal(take(&start), MPSC_IDLE);
}

static void cell_halt_wakes_an_idle_cell(void **state)
{
    claimed();
    assert_int_equal(take(&start), MPSC_IDLE);
    assert_true(cell_halt(&cell, 3, HALT_STOP, -4));
    assert_int_equal(halts(), HALT_STOP);
    assert_int_equal(reason(), -4);
    assert_false(cell_halt(&cell, 3, HALT_STOP, -5)); /* once */
    assert_int_equal(reason(), -4);
    assert_int_equal(cell.stop_note.to, NOTE_STOP);
    assert_int_equal(take(&cell.stop_note), MPSC_IDLE);
    assert_true(cell.stop_came);
}

static void cell_kill_comes_after_a_stop_but_no_stop_after_a_kill(void **state)
{
    claimed();
    assert_false(cell_halt(&cell, 3, HALT_STOP, 0)); /* it is running */
    assert_false(cell_halt(&cell, 3, HALT_KILL, -8));
    assert_int_equal(halts(), HALT_STOP | HALT_KILL);
    assert_int_equal(reason(), -8);
    assert_false(cell_halt(&cell, 3, HALT_KILL, -9));
    assert_int_equal(reason(), -8);
    assert_int_equal(take(&start), MPSC_MORE);
    assert_int_equal(take(&cell.stop_note), MPSC_MORE);
    assert_int_equal(take(&cell.kill_note), MPSC_IDLE);

    claimed();
    assert_false(cell_halt(&cell, 3, HALT_KILL, -8));
    assert_false(cell_halt(&cell, 3, HALT_STOP, 0));
    assert_int_equal(halts(), HALT_KILL);
    assert_int_equal(take(&start), MPSC_MORE);
    assert_int_equal(take(&cell.kill_note), MPSC_IDLE);
}

static void cell_retires_only_when_its_notes_have_come(void **state)
{
    claimed();
    assert_false(cell_halt(&cell, 3, HALT_STOP, 0));
    assert_false(cell_halt(&cell, 3, HALT_KILL, -8));
    assert_false(cell_retire(&cell, GENERATION_MAX));
    assert_int_equal(take(&start), MPSC_MORE);
    assert_int_equal(take(&cell.stop_note), MPSC_MORE);
    assert_false(cell_retire(&cell, GENERATION_MAX));
    cell_note_came(&cell, NOTE_KILL); /* in hand */
    assert_true(cell_retire(&cell, GENERATION_MAX));
    assert_int_equal(generation(), 4);
    assert_int_equal(halts(), LIFE_VACANT);
    assert_int_equal(cell.phase, PHASE_FREE);
    assert_int_equal(cell.generation, 3); /* until the next claim */
    assert_false(cell_halt(&cell, 3, HALT_KILL, -1));
    assert_false(cell_halt(&cell, 4, HALT_KILL, -1));
}

static void cell_retired_can_be_claimed_for_its_next_life(void **state)
{
    claimed();
    assert_false(cell_halt(&cell, 3, HALT_KILL, -8));
    assert_int_equal(take(&start), MPSC_MORE);
    assert_int_equal(take(&cell.kill_note), MPSC_IDLE);
    assert_true(cell_retire(&cell, GENERATION_MAX));
    assert_true(cell_claim(&cell, &start));
    assert_int_equal(cell.generation, 4);
    assert_int_equal(halts(), 0);
    assert_int_equal(reason(), 0);
    assert_false(cell.stop_came || cell.kill_came || cell.killed || cell.started);
    assert_null(cell.stash);
}

static void cell_of_the_last_generation_ends_for_good(void **state)
{
    claimed();
    assert_true(cell_retire(&cell, 3));
    assert_int_equal(generation(), 0);
    assert_false(cell_halt(&cell, 0, HALT_KILL, -1));
    assert_false(cell_halt(&cell, 3, HALT_KILL, -1));
}

/* The notice is a note that is not in the cell's own mailbox any more. */
static void expect_notice(struct letter *note, enum note kind)
{
    struct letter *notice = cell_notice(&cell);
    assert_ptr_equal(notice, note);
    assert_int_equal(notice->to, kind);
    assert_ptr_equal(cell_of_notice(notice), &cell);
}

static void cell_notice_is_a_note_that_never_came(void **state)
{
    claimed();
    expect_notice(&cell.stop_note, NOTE_ENDED_A);

    claimed(); /* a stop is in hand */
    assert_false(cell_halt(&cell, 3, HALT_STOP, 0));
    (void)mpsc_advance(&cell.mailbox);
    cell_note_came(&cell, NOTE_STOP);
    expect_notice(&cell.kill_note, NOTE_ENDED_B);

    claimed(); /* a kill is in hand */
    assert_false(cell_halt(&cell, 3, HALT_KILL, -1));
    (void)mpsc_advance(&cell.mailbox);
    cell_note_came(&cell, NOTE_KILL);
    expect_notice(&cell.stop_note, NOTE_ENDED_A);
}

static void cell_notice_is_the_note_that_is_not_in_hand(void **state)
{
    for (int kill_first = 0; kill_first < 2; kill_first++) {
        claimed();
        cell_note_came(&cell, NOTE_STOP);
        cell_note_came(&cell, NOTE_KILL);
        struct letter *in_hand = kill_first ? &cell.kill_note : &cell.stop_note;
        assert_false(mpsc_push(&cell.mailbox, &in_hand->node));
        (void)mpsc_advance(&cell.mailbox);
        if (kill_first)
            expect_notice(&cell.stop_note, NOTE_ENDED_A);
        else
            expect_notice(&cell.kill_note, NOTE_ENDED_B);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(cell_addresses_hold_their_three_parts),
          cmocka_unit_test(cell_life_word_holds_its_three_parts),
          cmocka_unit_test(cell_claimed_has_its_start_in_hand),
          cmocka_unit_test(cell_claim_fails_while_a_letter_is_being_bounced),
          cmocka_unit_test(cell_vacant_cannot_be_halted),
          cmocka_unit_test(cell_halt_reaches_its_generation_only),
          cmocka_unit_test(cell_halt_wakes_an_idle_cell),
          cmocka_unit_test(cell_kill_comes_after_a_stop_but_no_stop_after_a_kill),
          cmocka_unit_test(cell_retires_only_when_its_notes_have_come),
          cmocka_unit_test(cell_retired_can_be_claimed_for_its_next_life),
          cmocka_unit_test(cell_of_the_last_generation_ends_for_good),
          cmocka_unit_test(cell_notice_is_a_note_that_never_came),
          cmocka_unit_test(cell_notice_is_the_note_that_is_not_in_hand));
    return RUN_TESTS();
}
