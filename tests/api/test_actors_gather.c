/* test_actors_gather.c: many are asked, one answer comes, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/gather.h>

#include <errno.h>

/* Targets of their own: each answers, fails or stays silent after a time of its own. */
enum { TARGETS = 5 };
struct habit {
    int code; /* as in a script */
    cadre_time delay;
    bool sends_owned;
};
static struct habit habits[TARGETS];
static uint32_t asked, cancelled;
static cadre_ref targets[TARGETS];

typedef struct {
    cadre_promise promise;
    uint64_t value;
} reminder;
static CADRE_TYPE(reminder);

static int answer_now(cadre_self *self, const struct habit *h, const reminder *r)
{
    if (!cadre_is_awaited(self, r->promise)) {
        cancelled++;
        return 0;
    }
    if (h->sends_owned) {
        shares++;
        return cadre_answer(self, r->promise, owned, 0);
    }
    return h->code < 0 ? cadre_answer(self, r->promise, cadre_failure, .code = h->code)
                       : cadre_answer(self, r->promise, number, r->value);
}

static int target_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t index = *(uint32_t *)state;
    const struct habit *h = &habits[index];
    reminder r, *due = cadre_body(m, reminder);
    if (due)
        return answer_now(self, h, due);
    asked++;
    if (h->code == LEAVE || h->code == FORGET)
        return h->code == LEAVE ? CADRE_STOP : 0;
    r.value = cadre_body(m, number) ? 100 * index + cadre_body(m, number)->value : 0;
    assert_int_equal(cadre_defer(self, m, &r.promise), 0);
    if (h->code == HOLD)
        return 0;
    return cadre_after_as(self, NULL, h->delay, &reminder_type, &r);
}
static const cadre_class target_class = {
    .name = "target", .state_size = sizeof(uint32_t), .receive = target_receive};

/* ---- the client ---- */

static cadre_gather config;
static cadre_token token;
static cadre_time asked_at, answered_at;
static cadre_gathered result; /* without its list */
static struct outcome lines[TARGETS];

static int keep_gathered(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_gathered *g = cadre_body(m, cadre_gathered);
    answered_at = cadre_now(self);
    if (!g)
        return keep_outcome(self, state, m);
    had.count++;
    result = *g;
    assert_int_equal(g->targets, TARGETS);
    assert_int_equal(cadre_gathered_at(g, TARGETS).from.id, 0);
    for (uint32_t i = 0; i < TARGETS; i++) {
        cadre_msg line = cadre_gathered_at(g, i);
        const cadre_failure *f = cadre_body(&line, cadre_failure);
        assert_true(cadre_same(line.from, targets[i]));
        lines[i] = (struct outcome){.type = line.type, .code = f ? f->code : 0};
        lines[i].value =
            cadre_body(&line, number) ? cadre_body(&line, number)->value : 0;
    }
    return 0;
}

static void set_up(cadre_self *self)
{
    asked = cancelled = 0;
    memset(lines, 0, sizeof lines);
    for (uint32_t i = 0; i < TARGETS; i++) {
        assert_int_equal(cadre_spawn(self, &targets[i], &target_class, &i), 0);
        config.targets[i] = targets[i];
    }
    assert_int_equal(cadre_spawn(self, &front, &cadre_gather_class, &config), 0);
    asked_at = cadre_now(self);
}

static void ask_all(cadre_self *self)
{
    set_up(self);
    token = ask_number(self, front, CADRE_NEVER, 7);
    assert_int_equal(cadre_then(self, token, keep_gathered), 0);
}

static void use(uint32_t need, const struct habit *h)
{
    config = (cadre_gather){.need = need};
    memcpy(habits, h, sizeof habits);
}

static void assert_answered_after(cadre_time delay)
{
    assert_int_equal(had.count, 1);
    assert_true(answered_at - asked_at >= delay);
    assert_true(answered_at - asked_at < delay + 10 * CADRE_MS);
}

static void assert_line(uint32_t i, const cadre_type *type, int64_t value_or_code)
{
    assert_ptr_equal(lines[i].type, type);
    assert_int_equal(lines[i].code + (int64_t)lines[i].value, value_or_code);
}

/* ---- how many ---- */

static const struct habit different[TARGETS] = {{ANSWER, 50 * CADRE_MS, false},
                                                {-ENOENT, 10 * CADRE_MS, false},
                                                {ANSWER, 20 * CADRE_MS, false},
                                                {ANSWER, 300 * CADRE_MS, false},
                                                {-EBUSY, 200 * CADRE_MS, false}};

static void check_all(void)
{
    assert_answered_after(300 * CADRE_MS);
    assert_int_equal(result.answers, 3);
    assert_int_equal(result.failures, 2);
    assert_false(result.enough);
    assert_line(0, &number_type, 7);
    assert_line(1, &cadre_failure_type, -ENOENT);
    assert_line(2, &number_type, 207);
    assert_line(3, &number_type, 307);
    assert_line(4, &cadre_failure_type, -EBUSY);
}
static void all_are_listed(void **state)
{
    use(0, different);
    play_seeds(50, NULL, ask_all, check_all);
}

static void check_any(void)
{
    assert_answered_after(20 * CADRE_MS);
    assert_int_equal(result.answers, 1);
    assert_int_equal(result.failures, 1);
    assert_true(result.enough);
    assert_line(0, NULL, 0);
    assert_line(1, &cadre_failure_type, -ENOENT);
    assert_line(2, &number_type, 207);
    assert_line(3, NULL, 0);
    assert_int_equal(asked, TARGETS);
    assert_int_equal(cancelled, 3);
}
static void any_is_the_first_success(void **state)
{
    use(1, different);
    play_seeds(50, NULL, ask_all, check_any);
}

static void check_quorum(void)
{
    assert_answered_after(300 * CADRE_MS);
    assert_int_equal(result.answers, 3);
    assert_true(result.enough);
}
static void quorum_of_three(void **state)
{
    use(3, different);
    play_seeds(50, NULL, ask_all, check_quorum);
}

/* The second failure makes four answers impossible. */
static void check_hopeless(void)
{
    assert_answered_after(200 * CADRE_MS);
    assert_int_equal(result.answers, 2);
    assert_int_equal(result.failures, 2);
    assert_false(result.enough);
    assert_line(3, NULL, 0);
    assert_int_equal(cancelled, 1);
}
static void decided_at_once(void **state)
{
    use(4, different);
    play_seeds(50, NULL, ask_all, check_hopeless);
    use(TARGETS, different);
    play_seeds(50, NULL, ask_all, NULL);
    assert_answered_after(10 * CADRE_MS);
    assert_int_equal(cancelled, 4);
}

/* ---- ends ---- */

static const struct habit bad[TARGETS] = {{HOLD, 0, false},
                                          {LEAVE, 0, false},
                                          {FORGET, 0, false},
                                          {ANSWER, 0, false},
                                          {HOLD, 0, false}};
static void check_bad(void)
{
    assert_answered_after(2 * CADRE_SECOND);
    assert_line(0, &cadre_failure_type, -ETIMEDOUT);
    assert_line(1, &cadre_failure_type, CADRE_EUNANSWERED);
    assert_line(2, &cadre_failure_type, CADRE_EUNANSWERED);
    assert_line(3, &number_type, 307);
    assert_line(4, &cadre_failure_type, -ETIMEDOUT);
}
static void silence_is_a_failure(void **state)
{
    use(0, bad);
    config.timeout = 2 * CADRE_SECOND;
    play_seeds(50, NULL, ask_all, check_bad);
}

static void cancel_it(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, token), 0);
}
static void ask_and_cancel(cadre_self *self)
{
    ask_all(self);
    later(self, 30 * CADRE_MS, cancel_it);
}
static void check_cancelled(void)
{
    assert_int_equal(had.count, 0);
    assert_int_equal(asked, TARGETS);
    assert_int_equal(cancelled, 3);
}
static void rest_is_cancelled(void **state)
{
    use(0, different);
    play_seeds(100, NULL, ask_and_cancel, check_cancelled);
}

static void ask_and_die(cadre_self *self)
{
    set_up(self);
    let_a_client_die(self, 30 * CADRE_MS, 7);
}
static void dead_client_cancels_the_rest(void **state)
{
    use(0, different);
    play_seeds(50, NULL, ask_and_die, check_cancelled);
}

static void ask_many_and_stop(cadre_self *self)
{
    set_up(self);
    for (int i = 0; i < 50; i++)
        (void)ask_number(self, front, CADRE_NEVER, 7);
    later(self, 30 * CADRE_MS, stop_front);
}
static void check_stopped(void)
{
    assert_int_equal(had.count, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(had.of[i].code, CADRE_EDEAD);
    assert_owned_dropped(0);
}
static void one_outcome(void **state)
{
    use(0, different);
    for (int i = 0; i < 3; i++)
        habits[i].sends_owned = true;
    config.share = share_owned;
    play_seeds(50, NULL, ask_many_and_stop, check_stopped);
}

/* ---- bodies ---- */

static void ask_with_owned(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, owned, 0), 0);
    assert_int_equal(cadre_then(self, token, keep_gathered), 0);
}
static void check_owned(void)
{
    assert_int_equal(had.count, 1);
    assert_line(0, &owned_type, 0);
    assert_line(2, &owned_type, 0);
    assert_owned_dropped(1);
}
static void what_is_owned_is_shared_and_dropped_once(void **state)
{
    use(0, different);
    habits[0].sends_owned = habits[2].sends_owned = true;
    config.share = share_owned;
    play_seeds(50, NULL, ask_with_owned, check_owned);
    config.need = 1;
    play_seeds(50, NULL, ask_with_owned, NULL);
    assert_owned_dropped(1);
}
static void check_unsupported(void)
{
    assert_int_equal(had.count, 1);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_line(i, &cadre_failure_type, -ENOTSUP);
    assert_owned_dropped(1);
}
static void what_is_owned_needs_share(void **state)
{
    use(0, different);
    play_seeds(10, NULL, ask_with_owned, check_unsupported);
}

static void send_plain(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_send(self, front, number, 3), 0);
}
static void plain_messages_are_not_handled(void **state)
{
    use(0, different);
    play_seeds(5, NULL, send_plain, NULL);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(asked, 0);
}

static void nothing_gathered_has_no_lines(void **state)
{
    cadre_gathered g = {.targets = 0};
    assert_null(cadre_gathered_at(&g, 0).type);
    assert_null(cadre_gathered_at(NULL, 0).type);
    cadre_gathered_type.drop(&g);
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_gather wrong[] = {{.need = 0},
                                  {.targets = {{1}, {2}}, .need = 3},
                                  {.targets = {{1}}, .timeout = -1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_start_fails(&cadre_gather_class, &wrong[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(all_are_listed), cmocka_unit_test(any_is_the_first_success),
          cmocka_unit_test(quorum_of_three), cmocka_unit_test(decided_at_once),
          cmocka_unit_test(silence_is_a_failure), cmocka_unit_test(rest_is_cancelled),
          cmocka_unit_test(dead_client_cancels_the_rest), cmocka_unit_test(one_outcome),
          cmocka_unit_test(what_is_owned_is_shared_and_dropped_once),
          cmocka_unit_test(what_is_owned_needs_share),
          cmocka_unit_test(plain_messages_are_not_handled),
          cmocka_unit_test(nothing_gathered_has_no_lines),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
