/* test_actors_group.c: many actors behind one address, in virtual time. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/fronts.h"

#include <cadre/actors/group.h>
#include <cadre/name.h>

#include <errno.h>

enum { MEMBERS = 5, NOTES_MAX = 512, SEEDS = 30 / EFFORT_SEEDS, STEPS = 150 };

/* What each member got, in order: numbers; news as 1000 * joined + members. */
static struct notes {
    uint32_t count, owned;
    uint64_t of[NOTES_MAX];
} notes[MEMBERS];
static cadre_group config;
static cadre_ref members[MEMBERS];

static int member_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct notes *mine = &notes[*(uint32_t *)state];
    const cadre_group_news *news = cadre_body(m, cadre_group_news);
    mine->owned += cadre_body(m, owned) != NULL;
    assert_true(cadre_same(m->from, front));
    assert_int_equal(m->token.id, 0);
    assert_true(mine->count < NOTES_MAX);
    if (cadre_body(m, number))
        mine->of[mine->count++] = cadre_body(m, number)->value;
    if (news)
        mine->of[mine->count++] = 1000 * news->joined + news->count;
    return 0;
}
static const cadre_class member = {
    .name = "member", .state_size = sizeof(uint32_t), .receive = member_receive};

/* The answers to the root's requests, in order. */
static struct {
    uint32_t asked, count;
    uint32_t of[NOTES_MAX], missed;
    int codes[NOTES_MAX];
    cadre_ref first, last; /* of a list */
} answers;

static int keep_answer(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_group_count *count = cadre_body(m, cadre_group_count);
    const cadre_group_list *list = cadre_body(m, cadre_group_list);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    uint32_t i = answers.count++;
    assert_true(count || list || failure);
    answers.codes[i] = failure ? failure->code : 0;
    answers.of[i] = count ? count->count : list ? list->count : 0;
    answers.missed += count ? count->missed : 0;
    if (list) {
        answers.first = cadre_group_at(list, 0);
        answers.last = cadre_group_at(list, list->count - 1);
        assert_int_equal(cadre_group_at(list, list->count).id, 0);
    }
    return 0;
}

static void ask(cadre_self *self, const cadre_type *type, const void *body)
{
    cadre_token token;
    assert_int_equal(cadre_ask_as(self, &token, front, CADRE_SECOND, type, body), 0);
    assert_int_equal(cadre_then(self, token, keep_answer), 0);
    answers.asked++;
}
static void join(cadre_self *self, uint32_t i)
{
    ask(self, CADRE_BODY(cadre_group_join, members[i]));
}
static void leave(cadre_self *self, uint32_t i)
{
    ask(self, CADRE_BODY(cadre_group_leave, members[i]));
}
static void say(cadre_self *self, uint64_t value)
{
    ask(self, CADRE_BODY(number, value));
}
static void list(cadre_self *self) { ask(self, CADRE_BODY(cadre_group_members, 0)); }

static void set_up(cadre_self *self)
{
    memset(notes, 0, sizeof notes);
    memset(&answers, 0, sizeof answers);
    assert_int_equal(cadre_spawn(self, &front, &cadre_group_class, &config), 0);
    for (uint32_t i = 0; i < MEMBERS; i++)
        assert_int_equal(cadre_spawn(self, &members[i], &member, &i), 0);
}

static void assert_answers(const uint32_t *counts, uint32_t count)
{
    assert_int_equal(answers.count, count);
    assert_int_equal(answers.missed, 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(answers.codes[i], 0);
        assert_int_equal(answers.of[i], counts[i]);
    }
}

/* ---- a model --------------------------------------------------------------------- */

static struct {
    bool is_in[MEMBERS];
    struct notes notes[MEMBERS];
    uint32_t counts[STEPS];
    int codes[STEPS];
} model;
static struct dice dice;

static uint32_t how_many(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMBERS; i++)
        count += model.is_in[i];
    return count;
}

static void step(cadre_self *self, uint32_t k)
{
    uint32_t i = dice_below(&dice, MEMBERS), kind = dice_below(&dice, 4);
    if (kind == 0) {
        join(self, i);
        model.is_in[i] = true;
    } else if (kind == 1) {
        leave(self, i);
        model.codes[k] = model.is_in[i] ? 0 : -ENOENT;
        model.is_in[i] = false;
    } else {
        say(self, k);
        for (uint32_t n = 0; n < MEMBERS; n++)
            if (model.is_in[n])
                model.notes[n].of[model.notes[n].count++] = k;
    }
    model.counts[k] = model.codes[k] ? 0 : how_many();
}
static void go_wild(cadre_self *self)
{
    set_up(self);
    memset(&model, 0, sizeof model);
    for (uint32_t k = 0; k < STEPS; k++)
        step(self, k);
}
static void check_model(void)
{
    assert_int_equal(answers.count, STEPS);
    assert_memory_equal(answers.codes, model.codes, sizeof model.codes);
    assert_memory_equal(answers.of, model.counts, sizeof model.counts);
    assert_memory_equal(notes, model.notes, sizeof notes);
}
/* Which implies that all get it in one order. */
static void members_get_all(void **state)
{
    config = (cadre_group){.name = NULL};
    dice = (struct dice){1};
    play_seeds(SEEDS, NULL, go_wild, check_model);
}

enum { SPEAKERS = 3, WORDS = 20 };
static int speaker_start(cadre_self *self, void *state)
{
    for (uint64_t i = 1; i <= WORDS; i++)
        assert_int_equal(cadre_send(self, front, number, *(uint32_t *)state * 100 + i),
                         0);
    return CADRE_STOP;
}
static const cadre_class speaker = {
    .state_size = sizeof(uint32_t), .start = speaker_start, .receive = member_receive};
static void speak(cadre_self *self)
{
    for (uint32_t i = 0; i < SPEAKERS; i++)
        assert_int_equal(cadre_spawn(self, NULL, &speaker, &i), 0);
}
static void let_speak(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < MEMBERS; i++)
        join(self, i);
    later(self, CADRE_MS, speak);
}
static void check_order(void)
{
    uint64_t last[SPEAKERS] = {0};
    assert_int_equal(notes[0].count, SPEAKERS * WORDS);
    for (uint32_t i = 1; i < MEMBERS; i++)
        assert_memory_equal(&notes[i], &notes[0], sizeof notes[0]);
    for (uint32_t k = 0; k < notes[0].count; k++) {
        assert_int_equal(notes[0].of[k] % 100, last[notes[0].of[k] / 100] + 1);
        last[notes[0].of[k] / 100]++;
    }
}
static void same_order(void **state)
{
    config = (cadre_group){.name = NULL};
    play_seeds(SEEDS, NULL, let_speak, check_order);
}

/* ---- ends, limits, names --------------------------------------------------------- */

static void go_on_without(cadre_self *self)
{
    say(self, 1);
    list(self);
    join(self, 2);
    join(self, 3);
}
static void end_one(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < 3; i++)
        join(self, i);
    join(self, 3); /* one too many */
    assert_int_equal(cadre_stop(self, members[0]), 0);
    later(self, CADRE_MS, go_on_without);
}
static void check_end(void)
{
    assert_int_equal(answers.codes[3], CADRE_EFULL);
    answers.codes[3] = 0;
    assert_answers((const uint32_t[]){1, 2, 3, 0, 2, 2, 2, 3}, 8);
    assert_true(cadre_same(answers.first, members[1]));
    assert_true(cadre_same(answers.last, members[2]));
    const uint64_t news[] = {1002, 1003, 2, 1, 1003};
    assert_memory_equal(notes[1].of, news, sizeof news);
}
static void dead_have_left(void **state)
{
    config = (cadre_group){.members = 3, .news = true};
    play_seeds(SEEDS, NULL, end_one, check_end);
}

static void find_it(cadre_self *self)
{
    assert_true(cadre_same(cadre_whereis(self, "all"), front));
    ask(self, CADRE_BODY(cadre_group_join, front)); /* not itself */
    list(self);
    assert_int_equal(cadre_send(self, front, cadre_group_leave, {0}), 0);
    assert_int_equal(cadre_send(self, front, cadre_group_members, 0), 0);
}
static void give_name(cadre_self *self)
{
    set_up(self);
    later(self, CADRE_MS, find_it);
}
static void check_name(void)
{
    assert_int_equal(answers.codes[0], -EINVAL);
    assert_int_equal(answers.of[1], 0);
    assert_int_equal(answers.codes[1], 0);
    assert_int_equal(sums.dead, 2);
}
static void give_an_empty_name(void)
{
    assert_start_fails(&cadre_group_class, &(cadre_group){.name = ""}, -EINVAL);
}
static void name_is_found(void **state)
{
    config = (cadre_group){.name = "all"};
    play_seeds(5, NULL, give_name, check_name);
    misuse(give_an_empty_name);
}

static void send_owned(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < MEMBERS; i++)
        join(self, i);
    ask(self, CADRE_BODY(owned, 0));
}
static void check_owned(void)
{
    for (uint32_t i = 0; i < MEMBERS; i++)
        assert_int_equal(notes[i].owned, config.share ? 1 : 0);
    assert_int_equal(answers.codes[MEMBERS], config.share ? 0 : -ENOTSUP);
    assert_owned_dropped(1);
}
static void what_is_owned_is_shared(void **state)
{
    config = (cadre_group){.share = share_owned};
    play_seeds(SEEDS, NULL, send_owned, check_owned);
    config.share = NULL;
    play_seeds(5, NULL, send_owned, check_owned);
}

int main(void)
{
    TESTS(cmocka_unit_test(members_get_all), cmocka_unit_test(same_order),
          cmocka_unit_test(dead_have_left), cmocka_unit_test(name_is_found),
          cmocka_unit_test(what_is_owned_is_shared));
    return RUN_TESTS();
}
