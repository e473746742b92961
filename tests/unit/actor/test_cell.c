/* test_cell.c: one actor's place: whose it is, its life word, halts, retiring. */
#include "actor/cell.h"

#include "base/thread.h"
#include "support/support.h"

enum { SLOT = 17, FIRST = 5, LAST = GENERATION_MAX, WORKER = 3, TAG = 200 };
#define ID address(TAG, SLOT, FIRST)

static struct cell cell;
static struct letter mail; /* somebody's */
static const cadre_class small = {.state_size = CELL_INLINE};

/* A free cell; FIRST is the generation that is not born yet. */
static int make_free(void **state)
{
    memset(&cell, 0xa5, sizeof cell);
    cell_init(&cell, ID);
    return 0;
}

/* A claimed one, whose life has begun. */
static int make_born(void **state)
{
    cell_init(&cell, ID);
    if (!cell_claim(&cell, WORKER))
        return -1;
    cell_begin(&cell, &small, SLOT_NONE);
    return 0;
}

static void assert_life(uint32_t generation, unsigned halts, int reason)
{
    uint64_t life = load_relaxed(&cell.life);
    assert_int_equal(life_generation(life), generation);
    assert_int_equal(life_halts(life), halts);
    assert_int_equal(life_reason(life), reason);
}

static bool ask_stop(int reason) { return cell_halt(&cell, FIRST, HALT_STOP, reason); }
static bool ask_kill(int reason) { return cell_halt(&cell, FIRST, HALT_KILL, reason); }

/* Its last turn is over: it is nobody's. */
static void end_turn(void)
{
    cell.task.scheduled = false;
    task_give(&cell.task, TASK_NOBODY);
}

/* Does it take a message to this address as a running one does? */
static bool takes(uint64_t to, uint32_t flags)
{
    return cell_takes(&cell, &(struct letter){.to = address_letter(to) | flags});
}

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
    static const uint32_t slots[] = {0, 1, 1024, SLOT_MAX - 1, SLOT_MAX};
    static const uint32_t values[] = {0, 1, 1024, GENERATION_MAX - 1, GENERATION_MAX};
    for (uint32_t tag = 1; tag < 256; tag += 127)
        for (size_t s = 0; s < sizeof slots / sizeof slots[0]; s++)
            for (size_t g = 0; g < sizeof values / sizeof values[0]; g++) {
                uint64_t id = address(tag, slots[s], values[g]);
                assert_int_equal(address_tag(id), tag);
                assert_int_equal(address_slot(id), slots[s]);
                assert_int_equal(address_generation(id), values[g]);
                assert_true(id != NOTE_STOP && id != NOTE_ENDED);
            }
}

static void cell_address_is_never_a_note(void **state)
{
    static const uint32_t generations[] = {1, 2, GENERATION_MAX - 1, GENERATION_MAX};
    /* A note has no generation, which each actor's address has. */
    assert_int_equal(NOTE_STOP >> LETTER_BITS, 0);
    assert_int_equal(NOTE_ENDED >> LETTER_BITS, 0);
    assert_int_not_equal(NOTE_STOP, NOTE_ENDED);
    assert_int_equal((NOTE_STOP | NOTE_ENDED) & LETTER_TAIL, 0);
    for (size_t g = 0; g < sizeof generations / sizeof generations[0]; g++) {
        uint32_t to = address_letter(address(TAG, SLOT, generations[g]));
        assert_int_equal(to >> LETTER_BITS, generations[g]);
        assert_int_equal(to & LETTER_KIND, 0);
        assert_int_equal((to | LETTER_TOKEN) >> LETTER_BITS, generations[g]);
    }
}

static void cell_letter_is_the_upper_half_of_the_life_word(void **state)
{
    static const uint32_t generations[] = {1, 2, GENERATION_MAX - 1, GENERATION_MAX};
    for (size_t g = 0; g < sizeof generations / sizeof generations[0]; g++)
        for (int reason = -1; reason <= 1; reason++)
            assert_int_equal(address_letter(address(TAG, SLOT, generations[g])),
                             life_word(generations[g], 0, reason) >> 32);
}

/* The kind of a letter stands where the life word has its halts. */
static void cell_takes_no_letter_with_a_kind_whatever_is_asked(void **state)
{
    cell_init(&cell, ID);
    for (unsigned halts = 0; halts < 16; halts++)
        for (unsigned kind = 0; kind < LETTER_MARK; kind++) {
            struct letter marked = {.to = address_letter(ID) | LETTER_MARK | kind};
            atomic_set(&cell.life, life_word(FIRST, halts, -1));
            assert_false(cell_takes(&cell, &marked));
        }
    struct letter plain = {.to = address_letter(ID)};
    assert_false(cell_takes(&cell, &plain)); /* so much is asked */
    atomic_set(&cell.life, life_word(FIRST, 0, -1));
    assert_true(cell_takes(&cell, &plain));
}

static void cell_address_of_another_life_is_the_same_place(void **state)
{
    assert_true(address_of_life(ID, FIRST) == ID);
    assert_true(address_of_life(ID, FIRST + 1) == address(TAG, SLOT, FIRST + 1));
    assert_true(address_of_life(address(255, SLOT_MAX, GENERATION_MAX), 1) ==
                address(255, SLOT_MAX, 1));
    assert_true(address_of_life(address(1, 0, 0), GENERATION_MAX) ==
                address(1, 0, GENERATION_MAX));
}

static void cell_is_two_lines_of_which_the_first_is_hot(void **state)
{
    assert_int_equal(sizeof(struct cell), 2 * CACHE_LINE);
    assert_true(offsetof(struct cell, state) + sizeof cell.state <= CACHE_LINE);
    assert_int_equal(offsetof(struct cell, kind), CACHE_LINE);
    assert_int_equal(offsetof(struct cell, task), 0);
}

/* ---- claiming ---- */

static void cell_at_first_is_free_and_nobodys(void **state)
{
    assert_life(FIRST, LIFE_VACANT, 0);
    assert_int_equal(load_relaxed(&cell.task.owner), TASK_NOBODY);
    assert_true(inbox_is_empty(&cell.task.inbox));
    assert_null(cell.mailbox.newest);
    assert_int_equal(cell_slot(&cell), SLOT);
    assert_true(cell_address(&cell) == ID);
    assert_int_equal(cell_phase(&cell), PHASE_FREE);
    assert_true(cell.task.odd);
    assert_false(takes(ID, 0));
    assert_int_equal(cell.note.to, NOTE_STOP);
}

static void cell_claimed_is_the_workers_and_not_run_yet(void **state)
{
    assert_true(cell_claim(&cell, WORKER));
    assert_true(task_is_owned_by(&cell.task, WORKER));
    assert_true(cell.task.scheduled);
    assert_life(FIRST, LIFE_VACANT, 0); /* not born yet */
}

static void cell_claimed_cannot_be_claimed_again(void **state)
{
    assert_true(cell_claim(&cell, WORKER));
    assert_false(cell_claim(&cell, WORKER));
    assert_false(cell_claim(&cell, 0));
    assert_true(task_is_owned_by(&cell.task, WORKER));
}

static void cell_in_its_last_turn_cannot_be_claimed(void **state)
{
    assert_true(task_claim(&cell.task, 0)); /* it bounces what came late */
    assert_false(cell_claim(&cell, WORKER));
    assert_false(cell.task.scheduled);
    end_turn();
    assert_true(cell_claim(&cell, WORKER));
}

static void cell_with_strays_cannot_be_claimed(void **state)
{
    assert_true(inbox_push(&cell.task.inbox, &mail.node)); /* for its former actor */
    assert_false(cell_claim(&cell, WORKER));
    assert_int_equal(load_relaxed(&cell.task.owner), TASK_NOBODY);
    assert_false(cell.task.scheduled);
    (void)inbox_take(&cell.task.inbox, INBOX_AWAKE);
    assert_false(cell_claim(&cell, WORKER)); /* nor while a token is on its way */
    (void)inbox_take(&cell.task.inbox, INBOX_EMPTY);
    assert_true(cell_claim(&cell, WORKER));
}

/* ---- beginning ---- */

static void cell_begun_is_born_and_odd(void **state)
{
    assert_life(FIRST, 0, 0);
    assert_int_equal(cell_phase(&cell), PHASE_BORN);
    assert_true(cell.task.odd); /* start comes before any message */
    assert_true(cell_address(&cell) == ID);
    assert_ptr_equal(cell.receive, small.receive);
    assert_ptr_equal(cell_class(&cell), &small);
    assert_int_equal(cell_parent(&cell), SLOT_NONE);
    assert_int_equal(cell.family.child, SLOT_NONE);
    assert_int_equal(cell.family.older, SLOT_NONE);
    assert_int_equal(cell.family.younger, SLOT_NONE);
}

static void cell_takes_what_was_sent_to_this_life(void **state)
{
    assert_true(takes(ID, 0));
    assert_false(takes(address(TAG, SLOT, FIRST - 1), 0));
    assert_false(takes(address(TAG, SLOT, FIRST + 1), 0));
    assert_false(takes(address(TAG, SLOT, 0), 0));
    for (uint32_t flags = 1; flags < 16; flags++) /* these need a closer look */
        assert_false(takes(ID, flags));
    assert_false(takes(ID, LETTER_TOKEN));
    assert_false(cell_takes(&cell, &cell.note));
    cell.note.to = NOTE_ENDED;
    assert_false(cell_takes(&cell, &cell.note));
    assert_true(cell_retire(&cell, LAST));
    assert_false(takes(ID, 0));
    assert_false(takes(address(TAG, SLOT, FIRST + 1), 0)); /* not born */
    cell_begin(&cell, &small, SLOT_NONE);
    assert_false(takes(ID, 0));
    assert_true(takes(address(TAG, SLOT, FIRST + 1), 0));
}

static void cell_takes_nothing_once_an_end_was_asked_for(void **state)
{
    static const int reasons[] = {0, -1, CADRE_EKILLED, INT32_MIN, INT32_MAX};
    for (size_t r = 0; r < sizeof reasons / sizeof reasons[0]; r++)
        for (unsigned halts = 0; halts < 8; halts++) {
            store_relaxed(&cell.life, life_word(FIRST, halts, reasons[r]));
            assert_int_equal(takes(ID, 0), halts == 0);
            assert_false(takes(ID, LETTER_TOKEN));
        }
}

static void cell_letter_address_is_whom_it_was_sent_to(void **state)
{
    static const uint32_t generations[] = {0, 1, FIRST - 1, FIRST, GENERATION_MAX};
    for (size_t g = 0; g < sizeof generations / sizeof generations[0]; g++)
        for (uint32_t flags = 0; flags <= LETTER_TOKEN; flags += LETTER_TOKEN) {
            uint64_t to = address(TAG, SLOT, generations[g]);
            struct letter letter = {.to = address_letter(to) | flags};
            assert_true(cell_letter_address(&cell, &letter) == to);
        }
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static void cell_begun_again_has_forgotten_its_former_life(void **state)
{
    static const cadre_class other = {.receive = ignore};
    assert_true(ask_stop(-3));
    assert_true(ask_kill(-9));
    cell.reason = -9; /* shares its place with receive */
    cell.note.started = cell.note.killed = cell.note.stop_came = true;
    cell.note.to = NOTE_ENDED;
    cell.family = (struct family){{1}, 2, 3, 4};
    assert_true(cell_retire(&cell, LAST));
    end_turn();
    cell.free_next = &cell; /* shares its place with the extras */
    assert_true(cell_claim(&cell, 0));
    cell_begin(&cell, &other, 99);
    assert_life(FIRST + 1, 0, 0);
    assert_true(cell_address(&cell) == address(TAG, SLOT, FIRST + 1));
    assert_ptr_equal(cell_class(&cell), &other);
    assert_int_equal(cell_phase(&cell), PHASE_BORN);
    assert_true(cell.receive == ignore);
    assert_false(cell.note.started || cell.note.killed || cell.note.stop_came);
    assert_null(cell.extras);
    assert_int_equal(cell.note.to, NOTE_STOP);
    assert_int_equal(cell_parent(&cell), 99);
    assert_int_equal(cell.family.child, SLOT_NONE);
    assert_int_equal(cell.family.older, SLOT_NONE);
    assert_int_equal(cell.family.younger, SLOT_NONE);
    assert_false(ask_stop(-1)); /* to the former one */
    assert_true(cell_halt(&cell, FIRST + 1, HALT_STOP, -2));
    assert_false(cell_retire(&cell, LAST)); /* the old note does not count */
}

/* ---- halts ---- */

static void cell_vacant_cannot_be_halted(void **state)
{
    assert_false(ask_stop(0));
    assert_false(ask_kill(-1));
    assert_true(cell_claim(&cell, WORKER));
    assert_false(ask_kill(-1)); /* nor while it is being made */
    assert_life(FIRST, LIFE_VACANT, 0);
}

static void cell_stopped_says_so_once(void **state)
{
    assert_true(ask_stop(-3));
    assert_life(FIRST, HALT_STOP, -3);
    assert_false(ask_stop(-4));
    assert_life(FIRST, HALT_STOP, -3); /* the first reason */
}

static void cell_killed_says_so_once(void **state)
{
    assert_true(ask_kill(-9));
    assert_false(ask_kill(-10));
    assert_false(ask_stop(-3));
    assert_life(FIRST, HALT_KILL, -9);
}

static void cell_killed_over_a_stop_has_the_kills_reason(void **state)
{
    assert_true(ask_stop(-3));
    assert_true(ask_kill(-9));
    assert_life(FIRST, HALT_STOP | HALT_KILL, -9);
    assert_false(ask_stop(-3));
    assert_false(ask_kill(-9));
}

static void cell_of_another_generation_is_left_alone(void **state)
{
    assert_false(cell_halt(&cell, FIRST - 1, HALT_KILL, -1));
    assert_false(cell_halt(&cell, FIRST + 1, HALT_STOP, -1));
    assert_false(cell_halt(&cell, 0, HALT_STOP, -1));
    assert_life(FIRST, 0, 0);
}

static void cell_halts_leave_mail_and_owner_alone(void **state)
{
    (void)ask_stop(-3);
    (void)ask_kill(-9);
    assert_true(
        inbox_is_empty(&cell.task.inbox)); /* sending the note is the caller's */
    assert_true(task_is_owned_by(&cell.task, WORKER));
}

/* Several ask at once: one is told to send the note, one to wake. */
enum { ASKERS = 3, ROUNDS = 500 };
static atomic_uint at_start, stops, kills, ended;

static void *ask_both(void *arg)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        while (atomic_load(&at_start) <= round)
            thread_yield();
        if (cell_halt(&cell, FIRST + round, HALT_STOP, -3))
            atomic_fetch_add(&stops, 1);
        if (cell_halt(&cell, FIRST + round, HALT_KILL, -9))
            atomic_fetch_add(&kills, 1);
        atomic_fetch_add(&ended, 1);
    }
    return NULL;
}

static void cell_asked_by_many_tells_one_of_each(void **state)
{
    struct thread askers[ASKERS];
    atomic_store(&at_start, 0);
    atomic_store(&ended, 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(thread_start(&askers[i], "asker", ask_both, NULL), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        atomic_store(&stops, 0);
        atomic_store(&kills, 0);
        atomic_fetch_add(&at_start, 1);
        await(&ended, (round + 1) * ASKERS);
        assert_int_equal(atomic_load(&stops), 1);
        assert_int_equal(atomic_load(&kills), 1);
        assert_life(FIRST + round, HALT_STOP | HALT_KILL, -9);
        cell.note.stop_came = true;
        assert_true(cell_retire(&cell, LAST));
        cell_begin(&cell, &small, SLOT_NONE);
    }
    for (int i = 0; i < ASKERS; i++)
        thread_join(&askers[i]);
}

/* ---- retiring ---- */

static void cell_retired_is_vacant_in_the_next_generation(void **state)
{
    assert_true(cell_retire(&cell, LAST));
    assert_life(FIRST + 1, LIFE_VACANT, 0);
    assert_int_equal(cell_phase(&cell), PHASE_FREE);
    assert_false(ask_stop(0)); /* its address reaches nobody */
    assert_false(cell_halt(&cell, FIRST + 1, HALT_STOP, 0));
    assert_ptr_equal(cell_class(&cell), &small); /* for the report */
}

static void cell_cannot_retire_while_its_stop_is_on_its_way(void **state)
{
    assert_true(ask_stop(-3));
    cell.note.phase = PHASE_LINGERS;
    assert_false(cell_retire(&cell, LAST));
    assert_life(FIRST, HALT_STOP, -3);
    assert_int_equal(cell_phase(&cell), PHASE_LINGERS);
    cell.note.stop_came = true;
    assert_true(cell_retire(&cell, LAST));
    assert_life(FIRST + 1, LIFE_VACANT, 0);
}

static void cell_killed_retires_at_once(void **state)
{
    assert_true(ask_kill(-9));
    assert_true(cell_retire(&cell, LAST));
}

static void cell_killed_over_a_stop_waits_for_the_stop(void **state)
{
    assert_true(ask_stop(-3));
    assert_true(ask_kill(-9));
    assert_false(cell_retire(&cell, LAST));
    assert_life(FIRST, HALT_STOP | HALT_KILL, -9);
    cell.note.stop_came = true;
    assert_true(cell_retire(&cell, LAST));
}

static void cell_of_the_last_generation_retires_for_ever(void **state)
{
    assert_true(cell_retire(&cell, FIRST));
    assert_life(0, LIFE_VACANT, 0);
    assert_false(cell_halt(&cell, 0, HALT_STOP, 0));
    assert_false(cell_halt(&cell, FIRST, HALT_STOP, 0));
}

static void cell_before_the_last_generation_has_one_more(void **state)
{
    assert_true(cell_retire(&cell, FIRST + 1));
    assert_life(FIRST + 1, LIFE_VACANT, 0);
}

/* ---- going down ---- */

/* What an end leaves behind, with what was obeyed of it. */
static void end_with(bool killed, bool stop_came)
{
    cell.note.phase = PHASE_ENDING;
    cell.note.started = true;
    cell.note.killed = killed;
    cell.note.stop_came = stop_came;
}

static void cell_that_is_down_keeps_its_generation(void **state)
{
    end_with(false, false);
    assert_true(cell_go_down(&cell));
    assert_life(FIRST, 0, 0);
    assert_int_equal(cell_phase(&cell), PHASE_DOWN);
    assert_false(cell.note.started);
}

static void cell_that_is_down_has_forgotten_what_was_obeyed(void **state)
{
    assert_true(ask_stop(0));
    assert_true(ask_kill(-9));
    end_with(true, true);
    assert_true(cell_go_down(&cell));
    assert_life(FIRST, 0, 0);
    assert_false(cell.note.killed || cell.note.stop_came);
    assert_true(ask_stop(-1)); /* and may be asked again */
    assert_true(ask_kill(-2));
}

static void cell_that_is_down_leaves_the_rest_to_the_next_one(void **state)
{
    assert_true(ask_stop(-3));
    end_with(false, false); /* the note is on its way */
    assert_true(cell_go_down(&cell));
    assert_life(FIRST, HALT_STOP, -3);
    assert_true(ask_kill(-9)); /* not obeyed before it goes down again */
    end_with(false, true);
    assert_true(cell_go_down(&cell));
    assert_life(FIRST, 0, 0);
}

static void cell_killed_while_down_is_revived(void **state)
{
    end_with(false, false);
    assert_true(cell_go_down(&cell));
    cell_revive(&cell);
    assert_life(FIRST, 0, 0);
    assert_true(ask_stop(-3));
    cell_revive(&cell);
    assert_life(FIRST, HALT_STOP, -3);
    assert_true(ask_kill(-9));
    assert_life(FIRST, HALT_STOP | HALT_KILL, -9);
    cell_revive(&cell);
    assert_life(FIRST, HALT_STOP, 0);
}

static void cell_killed_and_down_has_no_reason_for_its_stop(void **state)
{
    assert_true(ask_stop(-3));
    assert_true(ask_kill(-9));
    end_with(true, false);
    assert_true(cell_go_down(&cell));
    assert_life(FIRST, HALT_STOP, 0);
}

static void cell_that_ends_for_good_does_not_go_down(void **state)
{
    assert_true(ask_stop(-3));
    assert_int_equal(cell_halt(&cell, FIRST, HALT_STOP | HALT_FOR_GOOD, -1),
                     HALT_FOR_GOOD);
    assert_life(FIRST, HALT_STOP | HALT_FOR_GOOD, -3);
    end_with(false, true);
    assert_false(cell_go_down(&cell));
    assert_int_equal(cell_phase(&cell), PHASE_ENDING);
    assert_true(cell_ends_for_good(&cell));
    assert_int_equal(cell_halt(&cell, FIRST, HALT_KILL | HALT_FOR_GOOD, -9), HALT_KILL);
    assert_true(cell_retire(&cell, LAST));
    assert_life(FIRST + 1, LIFE_VACANT, 0);
}

static void cell_says_whose_it_is_and_whether_it_is_kept(void **state)
{
    assert_int_equal(cell_parent(&cell), SLOT_NONE);
    assert_false(cell_is_kept(&cell)); /* the root */
    store_relaxed(&cell.family.parent, 99);
    assert_false(cell_is_kept(&cell));
    store_relaxed(&cell.family.parent, 99 | FAMILY_KEPT);
    assert_true(cell_is_kept(&cell));
    assert_int_equal(cell_parent(&cell), 99);
}

static void cell_that_goes_down_is_another_one(void **state)
{
    store_relaxed(&cell.family.parent, 99 | FAMILY_KEPT);
    assert_false(cell_is_odd(&cell));
    assert_true(cell_go_down(&cell));
    assert_true(cell_is_odd(&cell) && cell_is_kept(&cell));
    assert_int_equal(cell_parent(&cell), 99);
    cell_revive(&cell);
    assert_true(cell_is_odd(&cell));
    assert_true(cell_go_down(&cell));
    assert_false(cell_is_odd(&cell));
}

#define FREE(test) cmocka_unit_test_setup(test, make_free)
#define BORN(test) cmocka_unit_test_setup(test, make_born)

int main(void)
{
    TESTS(cmocka_unit_test(cell_life_word_gives_back_its_parts),
          cmocka_unit_test(cell_address_gives_back_its_parts),
          cmocka_unit_test(cell_address_is_never_a_note),
          cmocka_unit_test(cell_letter_is_the_upper_half_of_the_life_word),
          cmocka_unit_test(cell_takes_no_letter_with_a_kind_whatever_is_asked),
          cmocka_unit_test(cell_address_of_another_life_is_the_same_place),
          cmocka_unit_test(cell_is_two_lines_of_which_the_first_is_hot),
          FREE(cell_at_first_is_free_and_nobodys),
          FREE(cell_claimed_is_the_workers_and_not_run_yet),
          FREE(cell_claimed_cannot_be_claimed_again),
          FREE(cell_in_its_last_turn_cannot_be_claimed),
          FREE(cell_with_strays_cannot_be_claimed), BORN(cell_begun_is_born_and_odd),
          BORN(cell_takes_what_was_sent_to_this_life),
          BORN(cell_takes_nothing_once_an_end_was_asked_for),
          BORN(cell_letter_address_is_whom_it_was_sent_to),
          BORN(cell_begun_again_has_forgotten_its_former_life),
          FREE(cell_vacant_cannot_be_halted), BORN(cell_stopped_says_so_once),
          BORN(cell_killed_says_so_once),
          BORN(cell_killed_over_a_stop_has_the_kills_reason),
          BORN(cell_of_another_generation_is_left_alone),
          BORN(cell_halts_leave_mail_and_owner_alone),
          BORN(cell_asked_by_many_tells_one_of_each),
          BORN(cell_retired_is_vacant_in_the_next_generation),
          BORN(cell_cannot_retire_while_its_stop_is_on_its_way),
          BORN(cell_that_is_down_keeps_its_generation),
          BORN(cell_that_is_down_has_forgotten_what_was_obeyed),
          BORN(cell_that_is_down_leaves_the_rest_to_the_next_one),
          BORN(cell_killed_while_down_is_revived),
          BORN(cell_killed_and_down_has_no_reason_for_its_stop),
          BORN(cell_that_goes_down_is_another_one),
          BORN(cell_that_ends_for_good_does_not_go_down),
          BORN(cell_says_whose_it_is_and_whether_it_is_kept),
          BORN(cell_killed_retires_at_once),
          BORN(cell_killed_over_a_stop_waits_for_the_stop),
          BORN(cell_of_the_last_generation_retires_for_ever),
          BORN(cell_before_the_last_generation_has_one_more));
    return RUN_TESTS();
}
