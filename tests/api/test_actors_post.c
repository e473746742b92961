/* test_actors_post.c: mail, without a lossy way: that is tests/sim/post.c. */
#include "support/fronts.h"

#include <cadre/actors/post.h>

#include <errno.h>

static cadre_ref inbox, outbox;
static cadre_inbox in;
static cadre_outbox out;

/* What the stage, who is the owner of both, got. */
static struct {
    uint32_t items, counts, disputes;
    cadre_post_item item[SCRIPT_MAX]; /* without their contents */
    char text[SCRIPT_MAX];            /* the first byte of each */
    cadre_post_count count[SCRIPT_MAX];
    cadre_time time[SCRIPT_MAX]; /* of counts */
    uint64_t disputed, numbers[SCRIPT_MAX], number_count;
} got;

static int take(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_post_item *item = cadre_body(m, cadre_post_item);
    const cadre_post_count *count = cadre_body(m, cadre_post_count);
    if (item) {
        got.text[got.items] = (char)*cadre_buf_data(item->content);
        got.item[got.items++] = *item;
    } else if (count) {
        got.time[got.counts] = cadre_now(self);
        got.count[got.counts++] = *count;
    } else if (cadre_body(m, cadre_post_number)) {
        got.numbers[got.number_count++] = cadre_body(m, cadre_post_number)->number;
    } else if (cadre_body(m, cadre_post_dispute)) {
        got.disputes++;
        got.disputed = cadre_body(m, cadre_post_dispute)->number;
    } else {
        return keep_outcome(self, state, m);
    }
    return 0;
}

static void set_up(cadre_self *self)
{
    memset(&got, 0, sizeof got);
    cadre_become(self, take);
    assert_int_equal(cadre_spawn(self, &inbox, &cadre_inbox_class, &in), 0);
    out.to = inbox;
    assert_int_equal(cadre_spawn(self, &outbox, &cadre_outbox_class, &out), 0);
}

static cadre_buf *letter(char c) { return cadre_buf_new(&c, 1); }

static void post(cadre_self *self, uint64_t key, cadre_time ttl, char c)
{
    assert_int_equal(
        cadre_ask(self, NULL, outbox, CADRE_NEVER, cadre_post, key, ttl, letter(c)), 0);
}
static void correct(cadre_self *self, uint64_t item, char c)
{
    assert_int_equal(cadre_ask(self, NULL, outbox, CADRE_NEVER, cadre_post_correct,
                               item, 0, letter(c)),
                     0);
}
static void recall(cadre_self *self, uint64_t item)
{
    assert_int_equal(
        cadre_ask(self, NULL, outbox, CADRE_NEVER, cadre_post_recall, item), 0);
}
static void take_items(cadre_self *self, uint32_t max, bool peek)
{
    assert_int_equal(
        cadre_ask(self, NULL, inbox, CADRE_NEVER, cadre_post_take, max, peek), 0);
}
static void take_all(cadre_self *self) { take_items(self, 0, false); }

static void assert_text(const char *text)
{
    assert_int_equal(got.items, strlen(text));
    assert_memory_equal(got.text, text, got.items);
}

/* ---- taking ---- */

static void take_one(cadre_self *self) { take_items(self, 1, false); }
static void peek_two(cadre_self *self) { take_items(self, 2, true); }
static void post_three(cadre_self *self)
{
    set_up(self);
    post(self, 0, 0, 'a');
    post(self, 0, 0, 'b');
    post(self, 7, 0, 'c');
    later(self, CADRE_SECOND, peek_two);
    later(self, 2 * CADRE_SECOND, take_one);
    later(self, 3 * CADRE_SECOND, take_all);
    later(self, 4 * CADRE_SECOND, take_all);
}
static void check_three(void)
{
    static const uint32_t given[] = {2, 1, 2, 0}, left[] = {3, 2, 0, 0};
    assert_text("ababc");
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(cadre_same(got.item[i].outbox, outbox));
        assert_int_equal(got.item[i].number, (uint64_t)(got.text[i] - 'a' + 1));
        assert_int_equal(got.item[i].version, got.item[i].number);
        assert_int_equal(got.item[i].key, got.text[i] == 'c' ? 7 : 0);
        assert_int_equal(got.item[i].peeked, i < 2);
        assert_false(got.item[i].corrected);
    }
    assert_int_equal(got.counts, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(got.count[i].given, given[i]);
        assert_int_equal(got.count[i].left, left[i]);
        assert_int_equal(got.count[i].lost, 0);
    }
    assert_int_equal(got.number_count, 3);
    assert_int_equal(got.numbers[2], 3);
    assert_int_equal(had.count, 0);
}
static void peek_take_one_take_all(void **state)
{
    play_seeds(50, NULL, post_three, check_three);
}

/* ---- newest wins ---- */

static void post_with_keys(cadre_self *self)
{
    set_up(self);
    post(self, 1, 0, 'a');
    post(self, 2, 0, 'b');
    post(self, 1, 0, 'c');
    post(self, 0, 0, 'd');
    post(self, 2, 0, 'e');
    later(self, CADRE_SECOND, take_all);
}
static void check_keys(void) { assert_text("cde"); }
static void newest_of_a_key_wins(void **state)
{
    play_seeds(50, NULL, post_with_keys, check_keys);
}

static void correct_first(cadre_self *self)
{
    correct(self, 1, 'A');
    correct(self, 1, 'X');
    correct(self, 2, 'B');
}
static void post_and_correct(cadre_self *self)
{
    set_up(self);
    post(self, 0, 0, 'a');
    post(self, 0, 0, 'b');
    later(self, CADRE_SECOND, take_one);
    later(self, 2 * CADRE_SECOND, correct_first);
    later(self, 3 * CADRE_SECOND, take_all);
}
static void check_corrected(void)
{
    assert_text("aXB");
    assert_int_equal(got.item[1].number, 1);
    assert_int_equal(got.item[2].number, 2);
    assert_true(got.item[1].corrected && got.item[2].corrected);
    assert_true(got.item[1].version > 1);
    assert_int_equal(got.numbers[4], 2);
}
static void corrections_replace_and_follow(void **state)
{
    play_seeds(50, NULL, post_and_correct, check_corrected);
}

static void recall_two(cadre_self *self)
{
    recall(self, 1);
    recall(self, 2);
    correct(self, 1, 'x'); /* too late */
}
static void post_and_recall(cadre_self *self)
{
    set_up(self);
    post(self, 0, 0, 'a');
    post(self, 5, 0, 'b');
    post(self, 0, 0, 'c');
    later(self, CADRE_SECOND, recall_two);
    later(self, 2 * CADRE_SECOND, take_all);
}
static void check_recalled(void)
{
    assert_text("c");
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -ENOENT);
    assert_true(cadre_same(had.of[0].origin, outbox));
}
static void recalled_is_gone(void **state)
{
    play_seeds(50, NULL, post_and_recall, check_recalled);
}

static void recall_unknown(cadre_self *self)
{
    set_up(self);
    recall(self, 9);
    correct(self, 9, 'x');
    post(self, 0, -1, 'y');
    later(self, CADRE_SECOND, take_all);
}
static void check_unknown(void)
{
    assert_text("");
    assert_int_equal(had.count, 3);
    assert_int_equal(had.of[0].code, -ENOENT);
    assert_int_equal(had.of[1].code, -ENOENT);
    assert_int_equal(had.of[2].code, -EINVAL);
}
static void what_is_not_kept_is_enoent(void **state)
{
    play_seeds(5, NULL, recall_unknown, check_unknown);
}

/* ---- time to live ---- */

static void post_for_a_while(cadre_self *self)
{
    set_up(self);
    post(self, 0, CADRE_SECOND, 'a');
    post(self, 0, 3 * CADRE_SECOND, 'b');
    post(self, 0, CADRE_NEVER, 'c');
    later(self, 2 * CADRE_SECOND, peek_two);
    later(self, 4 * CADRE_SECOND, take_all);
}
static void check_expired(void)
{
    assert_text("bcc");
    assert_int_equal(got.count[0].left, 2);
}
static void expired_is_gone(void **state)
{
    play_seeds(50, NULL, post_for_a_while, check_expired);
}

/* ---- limits ---- */

static void post_ten(cadre_self *self)
{
    set_up(self);
    for (char c = 'a'; c < 'k'; c++)
        post(self, 0, 0, c);
    for (int i = 1; i <= 8; i++)
        later(self, i * CADRE_SECOND, take_all);
}
static void check_bounded(void)
{
    assert_int_equal(got.items, 10);
    for (uint32_t i = 0; i < got.counts; i++)
        assert_true(got.count[i].given <= 3);
    assert_int_equal(got.count[got.counts - 1].lost, 0);
    for (char c = 'a'; c < 'k'; c++)
        assert_non_null(memchr(got.text, c, 10));
}
static void bounded(void **state)
{
    in = (cadre_inbox){.hold = 3};
    play_seeds(50, NULL, post_ten, check_bounded);
}
/* The outbox has only the last four when the inbox has room for more. */
static void check_kept(void)
{
    assert_int_equal(got.items, 3 + 4);
    for (char c = 'g'; c < 'k'; c++)
        assert_non_null(memchr(got.text, c, 7));
}
static void outbox_keeps_the_newest(void **state)
{
    in = (cadre_inbox){.hold = 3};
    out = (cadre_outbox){.keep = 4};
    play_seeds(50, NULL, post_ten, check_kept);
}

static cadre_ref more[3];
static void post_from_more(cadre_self *self)
{
    set_up(self);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cadre_spawn(self, &more[i], &cadre_outbox_class, &out), 0);
        outbox = more[i];
        post(self, 0, 0, (char)('a' + i));
    }
    later(self, CADRE_SECOND, take_all);
}
static void check_two(void) { assert_int_equal(got.items, 2); }
static void senders_are_bounded(void **state)
{
    in = (cadre_inbox){.senders = 2};
    play_seeds(20, NULL, post_from_more, check_two);
}

/* ---- notices, disputes ---- */

static void wait_for_quiet(cadre_self *self)
{
    assert_int_equal(
        cadre_ask(self, NULL, inbox, CADRE_NEVER, cadre_post_when, 500 * CADRE_MS), 0);
}
static void post_again(cadre_self *self) { post(self, 0, 0, 'a'); }
static void post_in_bursts(cadre_self *self)
{
    set_up(self);
    wait_for_quiet(self);
    for (int i = 0; i < 5; i++)
        later(self, (1000 + i * 300) * CADRE_MS, post_again);
    later(self, 4 * CADRE_SECOND, wait_for_quiet); /* it is quiet, and there is mail */
    later(self, 5 * CADRE_SECOND, take_all);
    later(self, 6 * CADRE_SECOND, wait_for_quiet); /* nothing will come */
    later(self, 7 * CADRE_SECOND, wait_for_quiet);
}
static void check_quiet(void)
{
    assert_int_equal(got.counts, 3);
    assert_int_equal(got.count[0].left, 5);
    assert_true(got.time[0] >= 2700 * CADRE_MS && got.time[0] < 2710 * CADRE_MS);
    assert_true(got.time[1] < 4010 * CADRE_MS);
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -ECANCELED);
    assert_string_equal(had.of[0].text, "inbox: another waits now");
}
static void when_idle_tells_once(void **state)
{
    play_seeds(50, NULL, post_in_bursts, check_quiet);
}

static void dispute(cadre_self *self)
{
    assert_int_equal(
        cadre_send(self, got.item[0].outbox, cadre_post_dispute, got.item[0].number),
        0);
}
static void post_and_dispute(cadre_self *self)
{
    set_up(self);
    post(self, 0, 0, 'a');
    later(self, CADRE_SECOND, take_all);
    later(self, 2 * CADRE_SECOND, dispute);
}
static void check_disputed(void)
{
    assert_int_equal(got.disputes, 1);
    assert_int_equal(got.disputed, 1);
}
static void disputes_reach_the_writer(void **state)
{
    play_seeds(10, NULL, post_and_dispute, check_disputed);
}

/* ---- ends ---- */

static uint64_t turns_before;
static void note_turns(cadre_self *self)
{
    assert_int_equal(cadre_stats(cadre_system_of(self), &sums), 0);
    turns_before = sums.handled;
}
static void post_and_rest(cadre_self *self)
{
    post_three(self);
    later(self, 20 * CADRE_SECOND, note_turns);
}
static void check_rest(void) { assert_true(sums.handled - turns_before <= 2 * 10 + 1); }
static void falls_silent(void **state)
{
    play_seeds(10, NULL, post_and_rest, check_rest);
}

static void stop_both(cadre_self *self)
{
    wait_for_quiet(self);
    post(self, 0, 0, 'z');
    assert_int_equal(cadre_stop(self, inbox), 0);
    assert_int_equal(cadre_stop(self, outbox), 0);
}
static void post_and_stop(cadre_self *self)
{
    set_up(self);
    post(self, 0, 0, 'a');
    post(self, 1, 0, 'b');
    later(self, CADRE_SECOND, stop_both);
}
static void check_ends(void)
{
    assert_int_equal(had.count, got.counts ? 0 : 1); /* when: answered, or dead */
    assert_int_equal(got.number_count, 3);
}
static void ends_free_what_is_held(void **state)
{
    play_seeds(50, NULL, post_and_stop, check_ends); /* a leak is ASan's to find */
}

static void lose_the_outbox(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    set_up(self);
    assert_int_equal(cadre_send(self, inbox, cadre_post_last, me, 5), 0);
    assert_int_equal(cadre_send(self, inbox, cadre_post_letter, me, 3, 3, 0,
                                CADRE_NEVER, 0, letter('c')),
                     0);
    later(self, 4000 * CADRE_SECOND, take_all);
}
static void check_lost(void)
{
    assert_text("c");
    assert_int_equal(got.count[0].lost, 4);
    assert_int_equal(had.count, 2 * 12); /* two ranges, twelve times */
}
static void asks_are_bounded(void **state)
{
    play_seeds(20, NULL, lose_the_outbox, check_lost);
}

static void bad_config_fails_the_start(void **state)
{
    cadre_ref somebody = {1};
    const cadre_outbox bad[] = {
        {.keep = 1}, {.to = somebody, .announce = -1}, {.to = somebody, .ttl = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_outbox_class, &bad[i], -EINVAL);
    assert_start_fails(&cadre_inbox_class, &(cadre_inbox){.patience = -1}, -EINVAL);
}

static int reset(void **state)
{
    in = (cadre_inbox){.hold = 0};
    out = (cadre_outbox){.keep = 0};
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    TESTS(TEST(peek_take_one_take_all), TEST(newest_of_a_key_wins),
          TEST(corrections_replace_and_follow), TEST(recalled_is_gone),
          TEST(what_is_not_kept_is_enoent), TEST(expired_is_gone), TEST(bounded),
          TEST(outbox_keeps_the_newest), TEST(senders_are_bounded),
          TEST(when_idle_tells_once), TEST(disputes_reach_the_writer),
          TEST(falls_silent), TEST(ends_free_what_is_held), TEST(asks_are_bounded),
          TEST(bad_config_fails_the_start));
    return RUN_TESTS();
}
