/* test_actors_topic.c: publish and subscribe, in virtual time. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/fronts.h"

#include <cadre/actors/topic.h>

#include <errno.h>
#include <stdio.h>

enum { READERS = 4, NOTES_MAX = 1024, SEEDS = 30 / EFFORT_SEEDS };

/* What each reader got, in order. */
struct note {
    char topic[CADRE_TOPIC_MAX + 1];
    uint32_t value; /* of the payload; 0: NULL */
    const void *bytes;
    cadre_ref from;
    bool retained;
};
static struct notes {
    uint32_t count;
    struct note of[NOTES_MAX];
} notes[READERS];

static uint32_t value_in(cadre_buf *payload)
{
    uint32_t value = 0;
    if (payload)
        memcpy(&value, cadre_buf_data(payload), sizeof value);
    return value;
}

static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct notes *mine = &notes[*(uint32_t *)state];
    const cadre_published *p = cadre_body(m, cadre_published);
    if (cadre_body(m, contact)) /* is to subscribe by itself */
        return cadre_send(self, cadre_body(m, contact)->ref, cadre_topic_subscribe,
                          .topic = "own");
    assert_non_null(p);
    assert_true(mine->count < NOTES_MAX);
    struct note *note = &mine->of[mine->count++];
    *note = (struct note){.value = value_in(p->payload),
                          .bytes = cadre_buf_data(p->payload),
                          .from = p->from,
                          .retained = p->retained};
    memcpy(note->topic, p->topic, sizeof note->topic);
    return 0;
}
static const cadre_class reader = {
    .name = "reader", .state_size = sizeof(uint32_t), .receive = reader_receive};

static cadre_topic config;
static cadre_ref readers[READERS], root;

/* The answers to the root's requests, in order. */
static struct {
    uint32_t asked, count;
    cadre_topic_count of[NOTES_MAX];
    int codes[NOTES_MAX];
} answers;

static int keep_answer(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_topic_count *count = cadre_body(m, cadre_topic_count);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    assert_true(count || failure);
    if (count)
        answers.of[answers.count] = *count;
    answers.codes[answers.count++] = failure ? failure->code : 0;
    return 0;
}

/* Asks, and returns the index of the answer. */
static uint32_t ask(cadre_self *self, const cadre_type *type, const void *body)
{
    cadre_token token;
    assert_true(answers.asked < NOTES_MAX);
    assert_int_equal(cadre_ask_as(self, &token, front, CADRE_SECOND, type, body), 0);
    assert_int_equal(cadre_then(self, token, keep_answer), 0);
    return answers.asked++;
}
static uint32_t subscribe(cadre_self *self, uint32_t index, const char *text)
{
    cadre_topic_subscribe wish = {.who = readers[index]};
    snprintf(wish.topic, sizeof wish.topic, "%s", text);
    return ask(self, &cadre_topic_subscribe_type, &wish);
}
static uint32_t unsubscribe(cadre_self *self, uint32_t index, const char *text)
{
    cadre_topic_unsubscribe wish = {.who = readers[index]};
    snprintf(wish.topic, sizeof wish.topic, "%s", text);
    return ask(self, &cadre_topic_unsubscribe_type, &wish);
}
static cadre_publish publication(const char *text, uint32_t value, bool retain)
{
    cadre_publish p = {.retain = retain};
    snprintf(p.topic, sizeof p.topic, "%s", text);
    if (value)
        p.payload = cadre_buf_new(&value, sizeof value);
    return p;
}
static uint32_t publish(cadre_self *self, const char *text, uint32_t value, bool retain)
{
    cadre_publish p = publication(text, value, retain);
    return ask(self, &cadre_publish_type, &p);
}

static void set_up(cadre_self *self)
{
    memset(notes, 0, sizeof notes);
    memset(&answers, 0, sizeof answers);
    root = cadre_me(self);
    assert_int_equal(cadre_spawn(self, &front, &cadre_topic_class, &config), 0);
    for (uint32_t i = 0; i < READERS; i++)
        assert_int_equal(cadre_spawn(self, &readers[i], &reader, &i), 0);
}

static void assert_answer(uint32_t index, uint32_t count)
{
    assert_int_equal(answers.codes[index], 0);
    assert_int_equal(answers.of[index].count, count);
    assert_int_equal(answers.of[index].missed, 0);
}
static void assert_note(uint32_t index, uint32_t i, const char *text, uint32_t value,
                        bool retained)
{
    const struct note *note = &notes[index].of[i];
    assert_true(i < notes[index].count);
    assert_string_equal(note->topic, text);
    assert_int_equal(note->value, value);
    assert_int_equal(note->retained, retained);
    assert_true(cadre_same(note->from, root));
}

/* ---- order and bytes ------------------------------------------------------------- */

enum { WRITERS = 3, LETTERS = 20 };
static int writer_start(cadre_self *self, void *state)
{
    uint32_t id = *(uint32_t *)state;
    for (uint32_t i = 1; i <= LETTERS; i++) {
        cadre_publish p = publication("news", 1000 * id + i, false);
        assert_int_equal(cadre_send_as(self, front, &cadre_publish_type, &p), 0);
    }
    return CADRE_STOP;
}
static const cadre_class writer = {.name = "writer",
                                   .state_size = sizeof(uint32_t),
                                   .start = writer_start,
                                   .receive = reader_receive};

static void write_much(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < READERS; i++)
        (void)subscribe(self, i, i % 2 ? "news" : "*");
    for (uint32_t i = 0; i < WRITERS; i++)
        assert_int_equal(cadre_spawn(self, NULL, &writer, &i), 0);
}
static void check_order(void)
{
    uint32_t last[WRITERS] = {0};
    for (uint32_t i = 1; i < READERS; i++) { /* as far as they all got it */
        uint32_t less = notes[0].count - notes[i].count;
        assert_true(notes[i].count <= notes[0].count);
        for (uint32_t k = 0; k < notes[i].count; k++)
            assert_int_equal(notes[i].of[k].value, notes[0].of[k + less].value);
    }
    for (uint32_t k = 0; k < notes[0].count; k++) {
        uint32_t *of = &last[notes[0].of[k].value / 1000];
        assert_true(notes[0].of[k].value % 1000 > *of);
        *of = notes[0].of[k].value % 1000;
    }
}
static void same_order(void **state)
{
    config = (cadre_topic){0};
    play_seeds(SEEDS, NULL, write_much, check_order);
    assert_true(notes[0].count > 0);
}

static const void *original;
static void share_bytes(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < READERS; i++)
        (void)subscribe(self, i, "big");
    cadre_publish p = publication("big", 7, true);
    original = cadre_buf_data(p.payload);
    (void)ask(self, &cadre_publish_type, &p);
    (void)unsubscribe(self, 0, "big");
    (void)subscribe(self, 0, "*");
}
static void check_bytes(void)
{
    for (uint32_t i = 0; i < READERS; i++)
        assert_ptr_equal(notes[i].of[0].bytes, original);
    assert_int_equal(notes[0].count, 2);
    assert_ptr_equal(notes[0].of[1].bytes, original);
}
static void bytes_are_shared(void **state)
{
    config = (cadre_topic){0};
    play_seeds(SEEDS, NULL, share_bytes, check_bytes);
}

/* ---- a model that is slow and simple --------------------------------------------- */

static const char *const texts[] = {"a",   "a.",    "a.b",  "a.b.c", "a.bc",  "ab",
                                    "b.a", "b.a.c", "*",    "a.*",   "a.b.*", "b.*",
                                    ".*",  ".a",    "a..*", "b"};
enum { TEXTS = sizeof texts / sizeof *texts, STEPS = 200 };

static struct {
    bool subscribed[READERS][TEXTS];
    uint32_t retained[TEXTS];
    struct notes notes[READERS];
    cadre_topic_count answers[STEPS];
    int codes[STEPS];
} model;
static struct dice dice;

static bool fits(const char *subscribed, const char *published)
{
    size_t length = strlen(subscribed);
    if (subscribed[length - 1] == '*')
        return strncmp(subscribed, published, length - 1) == 0;
    return strcmp(subscribed, published) == 0;
}
static void expect(uint32_t index, uint32_t text, uint32_t value, bool retained)
{
    struct notes *n = &model.notes[index];
    assert_true(n->count < NOTES_MAX);
    n->of[n->count].value = value;
    n->of[n->count].retained = retained;
    memcpy(n->of[n->count++].topic, texts[text], strlen(texts[text]) + 1);
}
static uint32_t subscriptions_of(uint32_t index)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < TEXTS; t++)
        count += model.subscribed[index][t];
    return count;
}

/* Retained ones come in the order of their texts. */
static void expect_retained(uint32_t index, uint32_t text)
{
    const char *last = "";
    for (;;) {
        uint32_t next = TEXTS;
        for (uint32_t t = 0; t < TEXTS; t++)
            if (model.retained[t] && fits(texts[text], texts[t]) &&
                strcmp(texts[t], last) > 0 &&
                (next == TEXTS || strcmp(texts[t], texts[next]) < 0))
                next = t;
        if (next == TEXTS)
            return;
        expect(index, next, model.retained[next], true);
        last = texts[next];
    }
}

static void step_subscribe(cadre_self *self, uint32_t k, uint32_t index, uint32_t text)
{
    if (!model.subscribed[index][text])
        expect_retained(index, text);
    model.subscribed[index][text] = true;
    model.answers[k].count = subscriptions_of(index);
    (void)subscribe(self, index, texts[text]);
}
static void step_unsubscribe(cadre_self *self, uint32_t k, uint32_t index,
                             uint32_t text)
{
    model.codes[k] = model.subscribed[index][text] ? 0 : -ENOENT;
    model.subscribed[index][text] = false;
    model.answers[k].count = model.codes[k] ? 0 : subscriptions_of(index);
    (void)unsubscribe(self, index, texts[text]);
}
static void step_publish(cadre_self *self, uint32_t k, uint32_t text, uint32_t kind)
{
    uint32_t value = kind == 1 ? 0 : k + 1;
    (void)publish(self, texts[text], value, kind < 3);
    if (strchr(texts[text], '*')) {
        model.codes[k] = -EINVAL;
        return;
    }
    if (kind < 3)
        model.retained[text] = value;
    for (uint32_t i = 0; i < READERS; i++) {
        bool gets = false;
        for (uint32_t t = 0; t < TEXTS; t++)
            gets = gets || (model.subscribed[i][t] && fits(texts[t], texts[text]));
        if (gets)
            expect(i, text, value, false);
        model.answers[k].count += gets;
    }
}

static void go_wild(cadre_self *self)
{
    set_up(self);
    memset(&model, 0, sizeof model);
    for (uint32_t k = 0; k < STEPS; k++) {
        uint32_t text = (uint32_t)dice_below(&dice, TEXTS);
        uint32_t index = (uint32_t)dice_below(&dice, READERS);
        uint32_t kind = (uint32_t)dice_below(&dice, 10);
        if (kind < 5)
            step_publish(self, k, text, kind);
        else if (kind < 8)
            step_subscribe(self, k, index, text);
        else
            step_unsubscribe(self, k, index, text);
    }
}
static void check_model(void)
{
    assert_int_equal(answers.count, STEPS);
    for (uint32_t k = 0; k < STEPS; k++) {
        assert_int_equal(answers.codes[k], model.codes[k]);
        assert_int_equal(answers.of[k].count, model.answers[k].count);
    }
    for (uint32_t i = 0; i < READERS; i++) {
        assert_int_equal(notes[i].count, model.notes[i].count);
        for (uint32_t k = 0; k < notes[i].count; k++) {
            const struct note *n = &model.notes[i].of[k];
            assert_note(i, k, n->topic, n->value, n->retained);
        }
    }
}
static void once_each(void **state)
{
    config = (cadre_topic){0};
    dice = (struct dice){1};
    play_seeds(SEEDS, NULL, go_wild, check_model);
}

/* ---- refusals -------------------------------------------------------------------- */

static void refuse_texts(cadre_self *self)
{
    static const char *const wrong[] = {"", "**", "a*", "a.*.b", "*.a", "a.*b", ".**"};
    cadre_publish unended = publication("", 1, false);
    cadre_topic_subscribe endless;
    set_up(self);
    (void)subscribe(self, 0, "*");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)subscribe(self, 0, wrong[i]);
        (void)publish(self, wrong[i], 1, i % 2);
    }
    memset(unended.topic, 'a', sizeof unended.topic);
    (void)ask(self, &cadre_publish_type, &unended);
    memset(&endless, 'a', sizeof endless);
    (void)ask(self, &cadre_topic_subscribe_type, &endless);
}
static void check_refused_texts(void)
{
    assert_answer(0, 1);
    for (uint32_t i = 1; i < answers.count; i++)
        assert_int_equal(answers.codes[i], -EINVAL);
    assert_int_equal(answers.count, answers.asked);
    assert_int_equal(notes[0].count, 0);
}
static void bad_texts_are_refused(void **state)
{
    config = (cadre_topic){0};
    play_seeds(5, NULL, refuse_texts, check_refused_texts);
}

static void use_longest(cadre_self *self)
{
    char text[CADRE_TOPIC_MAX + 1];
    memset(text, 'a', sizeof text);
    text[CADRE_TOPIC_MAX] = '\0';
    text[CADRE_TOPIC_MAX - 1] = '.';
    set_up(self);
    (void)subscribe(self, 0, text);
    (void)publish(self, text, 1, true);
    text[CADRE_TOPIC_MAX - 2] = '.';
    text[CADRE_TOPIC_MAX - 1] = '*';
    (void)subscribe(self, 1, text);
    text[CADRE_TOPIC_MAX - 1] = 'b';
    (void)publish(self, text, 2, false);
}
static void check_longest(void)
{
    assert_answer(1, 1);
    assert_answer(3, 1);
    assert_int_equal(notes[0].count, 1);
    assert_int_equal(notes[1].count, 1);
    assert_int_equal(notes[1].of[0].value, 2);
}
static void longest_texts_work(void **state)
{
    config = (cadre_topic){0};
    play_seeds(5, NULL, use_longest, check_longest);
}

static void fill_topics(cadre_self *self)
{
    set_up(self);
    (void)subscribe(self, 0, "*");
    (void)publish(self, "a", 1, true);
    (void)publish(self, "b", 2, true);  /* 2: one too many */
    (void)subscribe(self, 1, "c");      /* 3: the same */
    (void)publish(self, "b", 3, false); /* takes no place */
    (void)publish(self, "a", 4, true);  /* has one */
    (void)publish(self, "a", 0, true);  /* gives it up */
    (void)publish(self, "b", 5, true);  /* 7: takes it */
    (void)subscribe(self, 1, "c");      /* 8: too many again */
}
static void check_full_topics(void)
{
    const int codes[] = {0, 0, CADRE_EFULL, CADRE_EFULL, 0, 0, 0, 0, CADRE_EFULL};
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(answers.codes[i], codes[i]);
    assert_int_equal(notes[0].count, 5);
    assert_note(0, 0, "a", 1, false);
    assert_note(0, 1, "b", 3, false);
    assert_note(0, 2, "a", 4, false);
    assert_note(0, 3, "a", 0, false);
    assert_note(0, 4, "b", 5, false);
    assert_int_equal(notes[1].count, 0);
}
static void refused_for_all(void **state)
{
    config = (cadre_topic){.topics = 2};
    play_seeds(5, NULL, fill_topics, check_full_topics);
}

static void fill_subscriptions(cadre_self *self)
{
    set_up(self);
    (void)subscribe(self, 0, "a");
    (void)subscribe(self, 1, "a");
    (void)subscribe(self, 2, "a"); /* 2: one too many */
    (void)subscribe(self, 1, "b"); /* 3: the same */
    (void)subscribe(self, 1, "a"); /* is one already */
    (void)unsubscribe(self, 0, "a");
    (void)subscribe(self, 1, "b"); /* 6: now it fits */
    (void)subscribe(self, 0, "a"); /* 7: does not */
    (void)publish(self, "a", 1, false);
}
static void check_full_subscriptions(void)
{
    const int codes[] = {0, 0, CADRE_EFULL, CADRE_EFULL, 0, 0, 0, CADRE_EFULL, 0};
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(answers.codes[i], codes[i]);
    assert_answer(4, 1);
    assert_answer(5, 0);
    assert_answer(6, 2);
    assert_answer(8, 1);
}
static void limits_are_kept(void **state)
{
    config = (cadre_topic){.subscriptions = 2};
    play_seeds(5, NULL, fill_subscriptions, check_full_subscriptions);
}

/* ---- ends, and who it is --------------------------------------------------------- */

static void go_on_without(cadre_self *self)
{
    (void)publish(self, "a", 2, false);
    (void)subscribe(self, 1, "c");
    (void)subscribe(self, 1, "d");
    (void)subscribe(self, 1, "e");
    (void)subscribe(self, 0, "f"); /* has ended: is taken, and leaves at once */
    (void)publish(self, "e", 3, false);
}
static void end_one(cadre_self *self)
{
    set_up(self);
    (void)subscribe(self, 0, "a");
    (void)subscribe(self, 0, "a.*");
    (void)subscribe(self, 0, "*");
    (void)subscribe(self, 1, "a"); /* no more than four */
    (void)publish(self, "a", 1, false);
    assert_int_equal(cadre_stop(self, readers[0]), 0);
    later(self, CADRE_MS, go_on_without);
}
static void check_end(void)
{
    for (uint32_t i = 0; i < answers.count; i++)
        assert_int_equal(answers.codes[i], i == 9 ? CADRE_EFULL : 0);
    assert_int_equal(answers.count, 11);
    assert_answer(4, 2);
    assert_answer(5, 1);
    assert_answer(8, 4);
    assert_answer(10, 1);
}
static void dead_are_forgotten(void **state)
{
    config = (cadre_topic){.subscriptions = 4, .topics = 4};
    play_seeds(SEEDS, NULL, end_one, check_end);
}

static void publish_own(cadre_self *self) { (void)publish(self, "own", 9, false); }
static void be_anybody(cadre_self *self)
{
    cadre_topic_subscribe itself = {.topic = "a", .who = {0}};
    set_up(self);
    itself.who = front;
    (void)ask(self, &cadre_topic_subscribe_type, &itself);
    cadre_topic_unsubscribe bye = {.topic = "a"};
    assert_int_equal(cadre_send_as(self, front, &cadre_topic_unsubscribe_type, &bye),
                     0);
    assert_int_equal(cadre_send(self, front, number, 3), 0);
    assert_int_equal(cadre_send(self, readers[2], contact, front), 0);
    later(self, CADRE_MS, publish_own);
}
static void check_anybody(void)
{
    assert_int_equal(answers.codes[0], -EINVAL);
    assert_int_equal(sums.dead, 2);
    assert_answer(1, 1);
    assert_note(2, 0, "own", 9, false);
}
static void sender_or_another(void **state)
{
    config = (cadre_topic){0};
    play_seeds(SEEDS, NULL, be_anybody, check_anybody);
}

static void stop_early(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < READERS; i++)
        (void)subscribe(self, i, texts[i]);
    (void)publish(self, "a", 1, true);
    (void)publish(self, "b", 1, true);
    assert_int_equal(cadre_kill(self, front, 0), 0);
}
static void check_stopped(void) { assert_int_equal(answers.count, answers.asked); }
static void one_outcome_at_the_end(void **state)
{
    config = (cadre_topic){0};
    play_seeds(SEEDS, NULL, stop_early, check_stopped);
}

static void nobody_cannot_subscribe(void **state)
{
    cadre_system *sys;
    cadre_config quietly = quiet(1, 1);
    quietly.end_when_quiet = true;
    assert_int_equal(cadre_system_new(&sys, &quietly, &cadre_topic_class, NULL), 0);
    assert_int_equal(
        cadre_tell(sys, cadre_system_root(sys), cadre_topic_subscribe, .topic = "a"),
        0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(same_order), cmocka_unit_test(bytes_are_shared),
          cmocka_unit_test(once_each), cmocka_unit_test(bad_texts_are_refused),
          cmocka_unit_test(longest_texts_work), cmocka_unit_test(refused_for_all),
          cmocka_unit_test(limits_are_kept), cmocka_unit_test(dead_are_forgotten),
          cmocka_unit_test(sender_or_another), cmocka_unit_test(one_outcome_at_the_end),
          cmocka_unit_test(nobody_cannot_subscribe));
    return RUN_TESTS();
}
