/* test_fold.c: a worker whose work is small and talks a lot to another one gives it all
 * to that one, and abstains for a while. */
#include "sched/worker.h"

#include "support/support.h"
#include "unit/sched/jobs.h"

enum { MESSAGES = 64, SHORT_NS = 125, CROSS_NS = 1000 };
/* For so many that cross it is worth while, and for twice as many it costs as much. */
enum { FEW = MESSAGES * SHORT_NS / CROSS_NS, MANY = 2 * FEW };
enum { CHATTY_NS = 2000 * CROSS_NS, READINGS = CHATTY_NS / (FEW * CROSS_NS) + 1 };
enum { ABSTAIN_MIN_MS = 16, ABSTAIN_MAX_MS = 256, FOREIGN = JOBS - 1 };

static struct worker *const folder = &workers[2];
static int windows; /* that the next run has, and what comes in from outside in each */
static uint32_t mail;

static void reading(int posts, int64_t message_ns);

static void job_runs(struct job *job, struct worker *worker)
{
    record_add(worker->id * 1000 + (uint64_t)job->number);
    for (; windows > 0; windows--) {
        appetite_note_mail(&folder->appetite, mail);
        reading(0, SHORT_NS);
    }
}

/* FOREIGN belongs to `owner`. */
static void make_talk(struct worker *owner)
{
    make_crew(CREW, 1);
    job_for(owner, FOREIGN);
}

static int make_talk_with_first(void **state)
{
    make_talk(&workers[0]);
    return 0;
}

/* What happens from one reading of the clock to the next. */
static void reading(int posts, int64_t message_ns)
{
    for (int i = 0; i < posts; i++)
        appetite_note_post(&folder->appetite, &jobs[FOREIGN].task);
    clock_advance(&crew.clock, MESSAGES * message_ns);
    folder->slice.left = 1;
    folder->slice.every = folder->slice.window = MESSAGES;
    (void)worker_slice_is_over(folder);
}

static void readings(int n, int posts, int64_t message_ns)
{
    for (int i = 0; i < n; i++)
        reading(posts, message_ns);
}

static void chat(void)
{
    reading(0, 0); /* whatever was before */
    readings(READINGS + 1, MANY, SHORT_NS);
}

static uint64_t steals(void) { return load_relaxed(&folder->steals); }

static bool is_hungry_asleep(void)
{
    assert_true(worker_lie_down(folder));
    bool hungry = idle_is_hungry(&crew.idle, folder->id);
    worker_get_up(folder);
    return hungry;
}

/* ---- when ---- */

static void fold_comes_after_so_many_chatty_readings(void **state)
{
    line_up_jobs(folder, 0, 2);
    readings(READINGS - 1, MANY, SHORT_NS);
    assert_false(folder->folds);
    reading(MANY, SHORT_NS);
    assert_true(folder->folds);
    assert_false(worker_step(folder)); /* all is gone */
}

static void fold_does_not_come_when_few_messages_cross(void **state)
{
    readings(4 * READINGS, FEW, SHORT_NS);
    assert_false(folder->folds);
}

static void fold_does_not_come_when_messages_are_long(void **state)
{
    readings(READINGS, MESSAGES, CROSS_NS);
    assert_false(folder->folds);
    readings(READINGS, MESSAGES, CROSS_NS / 2);
    assert_true(folder->folds);
}

static void fold_comes_when_long_messages_do_little_but_send_across(void **state)
{
    enum { POSTS = 12 * MESSAGES, LONG_NS = 12 * CROSS_NS };
    readings(READINGS, POSTS, LONG_NS);
    assert_false(folder->folds);
    readings(READINGS, POSTS, LONG_NS / 2);
    assert_true(folder->folds);
}

static void fold_counts_what_comes_from_others(void **state)
{
    for (int i = 0; i < 2 * READINGS; i++) {
        appetite_note_mail(&folder->appetite, MANY);
        reading(0, SHORT_NS); /* from outside, perhaps: nobody to fold with */
    }
    assert_false(folder->folds);
    for (int i = 0; i < READINGS; i++) {
        appetite_note_mail(&folder->appetite, MANY - 1);
        reading(1, SHORT_NS);
    }
    assert_true(folder->folds);
}

/* The folder is given this one, or has it itself, and runs it for so many windows. */
static void run_one(int job, bool is_given, int count)
{
    line_up_jobs(folder, job, job + 1);
    if (is_given)
        store_relaxed(&jobs[job].task.asker, task_given_by(w->id));
    windows = count;
    assert_true(worker_step(folder));
}

static void fold_counts_what_comes_with_a_gift_by_half(void **state)
{
    enum { WORTH_NS = MESSAGES / 2 * CROSS_NS - MESSAGES * SHORT_NS };
    run_one(0, true, CHATTY_NS / WORTH_NS);
    assert_false(folder->folds);
    run_one(1, true, 1);
    assert_true(folder->folds);
    line_up_jobs(folder, 2, 3);
    assert_false(worker_step(folder));
    assert_int_equal(load_relaxed(&jobs[2].task.owner), w->id);
}

static void
fold_counts_no_more_of_a_gift_that_is_also_sent_to_from_outside(void **state)
{
    mail = 100 * MANY;
    run_one(0, true, READINGS / 4);
    mail = 0;
    assert_false(folder->folds);
}

static void fold_does_not_count_what_one_has_itself(void **state)
{
    run_one(0, false, 4 * READINGS);
    run_one(1, true, 0);
    run_one(2, false, 4 * READINGS);
    assert_false(folder->folds);
}

static void fold_counts_a_gift_in_its_first_turn_only(void **state)
{
    run_one(0, true, 1);
    jobs[0].task.scheduled = true; /* it had more to do */
    worker_requeue(folder, &jobs[0].task);
    windows = 4 * READINGS;
    assert_true(worker_step(folder));
    assert_false(folder->folds);
}

static void fold_is_no_gift(void **state)
{
    line_up_jobs(folder, 0, 1);
    chat();
    assert_false(worker_step(folder));
    assert_int_equal(load_relaxed(&jobs[0].task.asker), TASK_NOBODY);
}

/* A few messages at a time, and sleep in between. */
static void fold_comes_to_one_that_is_given_little_at_a_time(void **state)
{
    for (int i = 0; i < MESSAGES * READINGS && is_hungry_asleep(); i++) {
        appetite_note_post(&folder->appetite, &jobs[FOREIGN].task);
        folder->slice.left--;
        clock_advance(&crew.clock, SHORT_NS);
    }
    assert_false(is_hungry_asleep());
}

static void fold_comes_when_it_was_chatty_longer_than_not(void **state)
{
    for (int i = 0; i < 4 * READINGS; i++)
        reading(i % 2 ? MANY : 0, SHORT_NS);
    assert_false(folder->folds);
    readings(READINGS - 3, MANY, SHORT_NS); /* the last one was chatty, too */
    assert_false(folder->folds);
    reading(MANY, SHORT_NS);
    assert_true(folder->folds);
}

static void fold_owes_nothing_for_a_quiet_time(void **state)
{
    readings(4 * READINGS, 0, SHORT_NS);
    readings(READINGS, MANY, SHORT_NS);
    assert_true(folder->folds);
}

static void fold_does_not_come_without_a_partner(void **state)
{
    task_give(&jobs[FOREIGN].task, TASK_NOBODY);
    readings(4 * READINGS, MESSAGES, SHORT_NS);
    assert_false(folder->folds);
    task_give(&jobs[FOREIGN].task, (int32_t)folder->id);
    readings(4 * READINGS, MESSAGES, SHORT_NS);
    assert_false(folder->folds);
}

/* When both are, one of them. */
static void fold_goes_to_a_higher_number_that_is_not_chatty_itself(void **state)
{
    make_talk(&workers[3]);
    store_relaxed(&workers[3].appetite.chatter, 1);
    readings(4 * READINGS, MESSAGES, SHORT_NS);
    assert_false(folder->folds);
    store_relaxed(&workers[3].appetite.chatter, 0);
    reading(MESSAGES, SHORT_NS);
    assert_true(folder->folds);
}

static void fold_goes_to_a_lower_number_in_any_case(void **state)
{
    store_relaxed(&w->appetite.chatter, CHATTY_NS);
    readings(READINGS, MESSAGES, SHORT_NS);
    assert_true(folder->folds);
}

/* ---- what ---- */

static void fold_gives_everything_to_the_partner_in_its_order(void **state)
{
    line_up_jobs(folder, 0, 3);
    schedule_jobs(folder, 3, 6);
    chat();
    assert_false(worker_step(folder));
    assert_false(folder->folds);
    assert_int_equal(folder->line.count + deque_size(&folder->deque), 0);
    run_dry(w);
    assert_record(0, 1, 2, 3, 4, 5);
    for (int i = 0; i < 6; i++)
        assert_true(task_is_owned_by(&jobs[i].task, w->id));
    assert_int_equal(steals(), 1);
}

static void fold_wakes_the_partner_once(void **state)
{
    assert_true(worker_lie_down(w));
    line_up_jobs(folder, 0, 3);
    chat();
    assert_false(worker_step(folder));
    assert_false(idle_is_asleep(&crew.idle, w->id));
    assert_int_equal(load_relaxed(&beds[w->id].word.value), 1);
}

static void fold_leaves_what_has_its_token_elsewhere(void **state)
{
    schedule_jobs(folder, 0, 3);
    lose_token(&jobs[1]);
    chat();
    assert_false(worker_step(folder));
    run_dry(w);
    assert_record(0, 2);
    crew_wake(&crew, NULL, &jobs[1].task);
    run_dry(folder);
    assert_record(0, 2, 2001);
}

static void fold_with_nothing_to_give_wakes_nobody(void **state)
{
    assert_true(worker_lie_down(w));
    chat();
    assert_false(worker_step(folder));
    assert_true(idle_is_asleep(&crew.idle, w->id));
    assert_int_equal(steals(), 0);
}

/* The turn goes on after the clock was read: the partner may be another by then. */
static void fold_goes_to_whom_it_was_judged_by(void **state)
{
    line_up_jobs(folder, 0, 2);
    chat();
    task_give(&jobs[FOREIGN].task, TASK_NOBODY); /* it ended */
    appetite_note_post(&folder->appetite, &jobs[FOREIGN].task);
    (void)worker_step(folder);
    run_dry(w);
    run_dry(folder);
    assert_runs(0, 2, 1);
    assert_true(task_is_owned_by(&jobs[0].task, w->id) ||
                task_is_owned_by(&jobs[0].task, folder->id));
}

/* ---- abstaining ---- */

static void advance_ms(int ms) { clock_advance(&crew.clock, (int64_t)ms * 1000000); }

static void fold_once(void)
{
    chat();
    assert_true(folder->folds);
    assert_false(worker_step(folder));
}

static void fold_makes_one_abstain_for_a_while(void **state)
{
    assert_true(is_hungry_asleep());
    fold_once();
    assert_false(is_hungry_asleep());
    clock_advance(&crew.clock, ABSTAIN_MIN_MS * 1000000 - 1);
    assert_false(is_hungry_asleep());
    clock_advance(&crew.clock, 1);
    assert_true(is_hungry_asleep());
}

static void fold_after_fold_abstains_longer_up_to_a_limit(void **state)
{
    for (int ms = ABSTAIN_MIN_MS; ms <= 4 * ABSTAIN_MAX_MS; ms *= 2) {
        int expected = ms < ABSTAIN_MAX_MS ? ms : ABSTAIN_MAX_MS;
        fold_once();
        clock_advance(&crew.clock, (int64_t)expected * 1000000 - 1);
        assert_false(is_hungry_asleep());
        clock_advance(&crew.clock, 1);
        assert_true(is_hungry_asleep());
    }
}

static void fold_long_after_another_abstains_shortly_again(void **state)
{
    for (int i = 0; i < 5; i++) {
        fold_once();
        advance_ms(ABSTAIN_MAX_MS);
    }
    advance_ms(ABSTAIN_MAX_MS + 1); /* it had work all that time */
    fold_once();
    advance_ms(ABSTAIN_MIN_MS);
    assert_true(is_hungry_asleep());
}

static void fold_watch_makes_a_sleeper_hungry_again(void **state)
{
    fold_once();
    assert_true(worker_lie_down(folder));
    assert_true(worker_lie_down(&workers[1]));
    assert_int_equal(load_relaxed(&crew.idle.wants), 1);
    worker_appetites(&crew);
    assert_false(idle_is_hungry(&crew.idle, folder->id));
    advance_ms(ABSTAIN_MIN_MS);
    worker_appetites(&crew);
    assert_true(idle_is_hungry(&crew.idle, folder->id));
    worker_appetites(&crew); /* counted once */
    assert_int_equal(load_relaxed(&crew.idle.wants), 2);
    assert_false(idle_is_hungry(&crew.idle, 0)); /* those that are up are not */
    assert_false(idle_is_hungry(&crew.idle, 3));
}

#define TALKING(test) cmocka_unit_test_setup(test, make_talk_with_first)

int main(void)
{
    TESTS(TALKING(fold_comes_after_so_many_chatty_readings),
          TALKING(fold_does_not_come_when_few_messages_cross),
          TALKING(fold_does_not_come_when_messages_are_long),
          TALKING(fold_comes_when_long_messages_do_little_but_send_across),
          TALKING(fold_counts_what_comes_from_others),
          TALKING(fold_counts_what_comes_with_a_gift_by_half),
          TALKING(fold_counts_no_more_of_a_gift_that_is_also_sent_to_from_outside),
          TALKING(fold_does_not_count_what_one_has_itself),
          TALKING(fold_counts_a_gift_in_its_first_turn_only), TALKING(fold_is_no_gift),
          TALKING(fold_comes_to_one_that_is_given_little_at_a_time),
          TALKING(fold_comes_when_it_was_chatty_longer_than_not),
          TALKING(fold_owes_nothing_for_a_quiet_time),
          TALKING(fold_does_not_come_without_a_partner),
          TALKING(fold_goes_to_a_higher_number_that_is_not_chatty_itself),
          TALKING(fold_goes_to_a_lower_number_in_any_case),
          TALKING(fold_gives_everything_to_the_partner_in_its_order),
          TALKING(fold_wakes_the_partner_once),
          TALKING(fold_leaves_what_has_its_token_elsewhere),
          TALKING(fold_with_nothing_to_give_wakes_nobody),
          TALKING(fold_goes_to_whom_it_was_judged_by),
          TALKING(fold_makes_one_abstain_for_a_while),
          TALKING(fold_after_fold_abstains_longer_up_to_a_limit),
          TALKING(fold_long_after_another_abstains_shortly_again),
          TALKING(fold_watch_makes_a_sleeper_hungry_again));
    return RUN_TESTS();
}
