/* post.c: mail over a way that loses, repeats and reorders, against an exact model.
 *
 * Writers post, correct and recall, with and without keys; a carrier loses one letter in
 * ten in either direction, repeats some, and delays each by a time of its own; a reader
 * takes now and then. Whatever happens: no version is given twice, none after a later one
 * of the same item or key, none after its time; and in the end the newest version of each
 * item has been given, unless it was recalled. */
#include "support/story.h"

#include <cadre/actors/post.h>
#include <cadre/timer.h>

#include <string.h>

enum { WRITERS = 3, EVENTS_MAX = 60, KEYS = 3, ALL = WRITERS * EVENTS_MAX };
#define LONG_AFTER (20000 * CADRE_SECOND)

/* What a writer posted: its content is its index here. */
struct event {
    uint32_t writer, kind;
    uint64_t number, key; /* number: once the outbox has said it */
    cadre_time expires;   /* at the latest; CADRE_NEVER: it stays */
    bool accepted;        /* by the outbox */
    uint32_t given;
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t events, count[WRITERS], lost, hold;
    uint64_t letters;
    bool over;
    cadre_time pause;            /* when the reader begins a long one */
    struct event event[ALL + 1]; /* from 1; in order for each writer */
    cadre_ref inbox, carrier, outboxes[WRITERS];
} model;

/* ---- the carrier ---- */

static cadre_time some_delay(void)
{
    return (cadre_time)dice_below(&model.dice, 200) * CADRE_MS;
}

/* How many copies of it arrive. */
static uint32_t draw_copies(void)
{
    uint32_t copies = dice_once_in(&model.dice, 10) ? 0 : 1;
    model.lost += copies == 0;
    return copies + dice_once_in(&model.dice, 20);
}

static uint32_t writer_of(cadre_ref outbox)
{
    for (uint32_t i = 0; i < WRITERS; i++)
        if (cadre_same(model.outboxes[i], outbox))
            return i;
    CHECK(!"an outbox");
    return 0;
}

/* Its delay is over when the message comes under a token. */
static int carrier_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_post_letter *l = cadre_body(m, cadre_post_letter);
    if (m->token.id) {
        if (!l)
            return cadre_send_as(self, model.inbox, m->type, m->body);
        cadre_post_letter copy = *l;
        (void)cadre_buf_ref(copy.content);
        return cadre_send_as(self, model.inbox, m->type, &copy);
    }
    model.letters++;
    for (uint32_t i = draw_copies(); i > 0; i--) {
        if (l)
            (void)cadre_buf_ref(l->content);
        CHECK_EQ(cadre_after_as(self, NULL, some_delay(), m->type, m->body), 0);
    }
    return 0;
}
static const cadre_class carrier = {.name = "carrier", .receive = carrier_receive};

/* The way back, one for each writer: letters name it as their outbox. */
static int back_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t writer = *(uint32_t *)state;
    if (m->token.id)
        return cadre_send_as(self, model.outboxes[writer], m->type, m->body);
    for (uint32_t i = draw_copies(); i > 0; i--)
        CHECK_EQ(cadre_after_as(self, NULL, some_delay(), m->type, m->body), 0);
    return 0;
}
static const cadre_class back = {
    .name = "back", .state_size = sizeof(uint32_t), .receive = back_receive};

/* What goes from an outbox to the carrier gets the way back as its address. */
typedef struct {
    uint32_t writer;
    cadre_ref back;
} front_state;
static int front_receive(cadre_self *self, void *state, cadre_msg *m)
{
    front_state *me = state;
    cadre_ref *address = m->body; /* their first field */
    CHECK_EQ(writer_of(*address), me->writer);
    *address = me->back;
    return cadre_forward(self, model.carrier, m);
}
static const cadre_class front = {
    .name = "front", .state_size = sizeof(front_state), .receive = front_receive};

/* ---- writers ---- */

typedef struct {
    uint32_t event;
} pulse;
CADRE_TYPE(pulse);

struct writer {
    uint32_t index;
    cadre_token token;
    uint32_t asked; /* the event whose number is to come */
};

static cadre_buf *content_of(uint32_t event) { return cadre_buf_new(&event, 4); }

/* One of this writer's items, by its number; NULL: none. */
static struct event *draw_item(uint32_t writer)
{
    uint32_t i = 1 + dice_below(&model.dice, model.events + 1);
    struct event *e = &model.event[i <= model.events ? i : 1];
    return model.events > 0 && e->writer == writer && e->accepted ? e : NULL;
}

static int write_one(cadre_self *self, struct writer *me)
{
    struct event *about = dice_once_in(&model.dice, 2) ? draw_item(me->index) : NULL;
    uint32_t n = ++model.events;
    struct event *e = &model.event[n];
    cadre_time ttl = dice_once_in(&model.dice, 6)
                         ? (1 + dice_below(&model.dice, 3000)) * CADRE_MS
                         : CADRE_NEVER;
    cadre_ref to = model.outboxes[me->index];
    *e = (struct event){.writer = me->index, .expires = ttl};
    model.count[me->index]++;
    me->asked = n;
    if (about) {
        e->number = about->number;
        e->key = about->key;
        e->kind = 1 + dice_below(&model.dice, 2);
        if (e->kind == CADRE_POST_RECALL)
            return cadre_ask(self, &me->token, to, CADRE_NEVER, cadre_post_recall,
                             e->number);
        return cadre_ask(self, &me->token, to, CADRE_NEVER, cadre_post_correct,
                         e->number, ttl, content_of(n));
    }
    e->key = dice_once_in(&model.dice, 2) ? 1 + dice_below(&model.dice, KEYS) : 0;
    return cadre_ask(self, &me->token, to, CADRE_NEVER, cadre_post, e->key, ttl,
                     content_of(n));
}

static int pulse_later(cadre_self *self)
{
    cadre_time most = dice_once_in(&model.dice, 3) ? 3000 : 100;
    return cadre_after(self, NULL,
                       (cadre_time)dice_below(&model.dice, (uint32_t)most) * CADRE_MS,
                       pulse, 0);
}

static int writer_start(cadre_self *self, void *state)
{
    struct writer *me = state;
    front_state f = {.writer = me->index};
    cadre_outbox config = {.keep = 2 * EVENTS_MAX, .announcements = 16};
    int err = cadre_spawn(self, &f.back, &back, &me->index);
    if (!err)
        err = cadre_spawn(self, &config.to, &front, &f);
    if (!err)
        err =
            cadre_spawn(self, &model.outboxes[me->index], &cadre_outbox_class, &config);
    return err ? err : pulse_later(self);
}

static int writer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct writer *me = state;
    if (cadre_body(m, pulse))
        return write_one(self, me);
    const cadre_post_number *number = cadre_body(m, cadre_post_number);
    struct event *e = &model.event[me->asked];
    CHECK_EQ(m->token.id, me->token.id);
    e->accepted = number != NULL;
    if (number) {
        CHECK(e->number == 0 || e->number == number->number);
        e->number = number->number;
        if (e->expires != CADRE_NEVER)
            e->expires += cadre_now(self);
    } else {
        CHECK(cadre_body(m, cadre_failure) && e->kind != CADRE_POST_NEW);
    }
    return model.count[me->index] < EVENTS_MAX ? pulse_later(self) : 0;
}
static const cadre_class writer = {.name = "writer",
                                   .state_size = sizeof(struct writer),
                                   .start = writer_start,
                                   .receive = writer_receive};

/* ---- the reader ---- */

static bool same_item(const struct event *a, const struct event *b)
{
    return a->writer == b->writer && a->accepted && b->accepted && a->key == b->key &&
           (a->key || a->number == b->number);
}

/* The newest that this one is a version of, itself included. */
static uint32_t newest_of(uint32_t n)
{
    uint32_t newest = n;
    for (uint32_t i = n + 1; i <= model.events; i++)
        if (same_item(&model.event[n], &model.event[i]))
            newest = i;
    return newest;
}

static void check_item(cadre_self *self, const cadre_post_item *item)
{
    uint32_t n;
    CHECK_EQ(cadre_buf_size(item->content), 4);
    memcpy(&n, cadre_buf_data(item->content), 4);
    struct event *e = &model.event[n];
    CHECK(n > 0 && n <= model.events && e->kind != CADRE_POST_RECALL);
    CHECK_EQ(item->key, e->key);
    CHECK_EQ(item->corrected, e->kind == CADRE_POST_CORRECTION);
    CHECK_EQ(e->given, 0);
    if (e->accepted) { /* else the outbox's answer is still on its way */
        CHECK_EQ(item->number, e->number);
        CHECK(cadre_now(self) - 10 * CADRE_MS < e->expires);
    }
    for (uint32_t i = n + 1; i <= model.events; i++)
        if (same_item(e, &model.event[i]))
            CHECK_EQ(model.event[i].given, 0);
    if (model.over && model.hold >= ALL) /* a full inbox did not ask for the newest */
        CHECK_EQ(newest_of(n), n);
    e->given += !item->peeked;
}

static int take_some(cadre_self *self)
{
    model.over = cadre_now(self) >= LONG_AFTER;
    bool peek = !model.over && dice_once_in(&model.dice, 5);
    uint32_t max = model.over ? 0 : dice_below(&model.dice, 4);
    return cadre_ask(self, NULL, model.inbox, CADRE_NEVER, cadre_post_take, max, peek);
}

static int read_later(cadre_self *self)
{
    cadre_time delay = (cadre_time)dice_below(&model.dice, 2000) * CADRE_MS;
    if (cadre_now(self) > model.pause && !model.over)
        delay = LONG_AFTER - cadre_now(self);
    else if (model.over)
        delay = LONG_AFTER;
    return cadre_after(self, NULL, delay, pulse, 0);
}

static int reader_start(cadre_self *self, void *state) { return read_later(self); }

static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_post_item *item = cadre_body(m, cadre_post_item);
    const cadre_post_count *count = cadre_body(m, cadre_post_count);
    if (item)
        check_item(self, item);
    else if (cadre_body(m, pulse))
        return take_some(self);
    else if (count && (!model.over || count->given > 0))
        return read_later(self);
    else
        CHECK(count && count->left == 0 && count->lost == 0);
    return 0;
}
static const cadre_class reader = {
    .name = "reader", .start = reader_start, .receive = reader_receive};

/* ---- all of it ---- */

static int root_start(cadre_self *self, void *state)
{
    cadre_inbox config = {.hold = model.hold, .asks = 16};
    int err = cadre_spawn(self, &model.inbox, &cadre_inbox_class, &config);
    if (!err)
        err = cadre_spawn(self, &model.carrier, &carrier, NULL);
    for (uint32_t i = 0; i < WRITERS && !err; i++)
        err = cadre_spawn(self, NULL, &writer, &(struct writer){.index = i});
    return err ? err : cadre_spawn(self, NULL, &reader, NULL);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void check_end(void)
{
    CHECK(model.over);
    CHECK_EQ(model.events, ALL);
    CHECK(model.lost > ALL / 20);
    for (uint32_t n = 1; n <= model.events; n++) {
        const struct event *e = &model.event[n];
        CHECK(e->given <= 1);
        if (!e->accepted || e->kind == CADRE_POST_RECALL)
            CHECK_EQ(e->given, 0);
        else if (newest_of(n) == n && e->expires == CADRE_NEVER)
            CHECK_EQ(e->given, 1);
    }
}

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&model, 0, sizeof model);
    model.dice = dice_new(seed, 11);
    model.hold = dice_once_in(&model.dice, 2) ? ALL : 1 + dice_below(&model.dice, 100);
    model.pause = (cadre_time)dice_below(&model.dice, 100) * CADRE_SECOND;
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    check_end();
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"post", play, 5000}, {0}};
    return story_main(argc, argv, stories);
}
