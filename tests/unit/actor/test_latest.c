/* test_latest.c: what gives way when a mailbox has too much: as if the messages had come
 * one by one, whether there is memory to find it quickly or not. */
#include "actor/gauge.h"

#include "support/dice.h"
#include "support/support.h"

#include <string.h>

enum { MOST = 200, ROUNDS = 2000, NOW = 3, BEFORE = 2 };
enum { KINDS = 3 };

static const cadre_type types[KINDS] = {{.name = "byte", .size = 1},
                                        {.name = "word", .size = 8},
                                        {.name = "line", .size = 64}};
static struct mail {
    alignas(max_align_t) unsigned char room[sizeof(struct envelope) + sizeof(uint64_t)];
    uint64_t key; /* and in its body */
    bool is_out;
} mails[MOST];
static struct gauge gauge;
static struct allowance own;
static cadre_limit limit;
static uint64_t aside; /* that wait elsewhere: lines */
static struct dice dice;

static uint64_t key_of(const cadre_type *type, const void *body)
{
    return *(const uint64_t *)body;
}

static struct envelope *in(struct mail *mail) { return (struct envelope *)mail->room; }

static bool is_mine(struct mail *mail)
{
    return letter_generation(&in(mail)->letter) == NOW;
}

/* ---- what it should come to: each letter in turn, by looking at all before it ---- */

static bool is_too_much(int last)
{
    uint64_t messages = aside, bytes = aside * types[KINDS - 1].size;
    for (int i = 0; i <= last; i++)
        if (is_mine(&mails[i]) && !mails[i].is_out) {
            messages++;
            bytes += in(&mails[i])->type->size;
        }
    return (limit.mailbox_max && messages > limit.mailbox_max) ||
           (limit.mailbox_bytes && bytes > limit.mailbox_bytes);
}

static int oldest_before(int last, const uint64_t *key)
{
    for (int i = 0; i < last; i++)
        if (is_mine(&mails[i]) && !mails[i].is_out && (!key || mails[i].key == *key))
            return i;
    return -1;
}

static void expect(int count)
{
    for (int i = 0; i < count; i++)
        while (is_mine(&mails[i]) && is_too_much(i)) {
            int out = -1;
            if (limit.overflow == CADRE_KEEP_LATEST)
                out = oldest_before(i, &mails[i].key);
            if (out < 0)
                out = oldest_before(i, NULL);
            mails[out < 0 ? i : out].is_out = true;
            if (out < 0)
                break;
        }
}

/* ---- what it does come to ---- */

static void fill(struct fifo *mailbox, int count, int keys)
{
    for (int i = 0; i < count; i++) {
        struct envelope *e = in(&mails[i]);
        mails[i] = (struct mail){.key = dice_below(&dice, (uint32_t)keys)};
        memcpy(e->body, &mails[i].key, sizeof mails[i].key);
        e->type = &types[dice_below(&dice, KINDS)];
        e->letter.to = /* or another life */
            (uint32_t)(dice_once_in(&dice, 8) ? BEFORE : NOW) << LETTER_BITS;
        gauge_back(&gauge, &e->letter);
        fifo_append(mailbox, &e->letter.node);
    }
}

static void put_aside(void)
{
    struct mail mail = {.key = 0};
    in(&mail)->type = &types[KINDS - 1];
    in(&mail)->letter.to = (uint32_t)NOW << LETTER_BITS;
    aside = dice_once_in(&dice, 2) ? 0 : dice_below(&dice, MOST);
    for (uint64_t i = 0; i < aside; i++)
        gauge_back(&gauge, &in(&mail)->letter);
}

static void assert_trimmed(struct fifo *mailbox, struct fifo *dropped, int count)
{
    struct inbox_node *node;
    for (int i = 0; i < count; i++)
        if (!mails[i].is_out)
            assert_ptr_equal(fifo_take(mailbox), &in(&mails[i])->letter.node);
    assert_true(fifo_is_empty(mailbox));
    int outs = 0;
    for (; (node = fifo_take(dropped)); outs++)
        assert_true(((struct mail *)envelope_of(letter_of(node)))->is_out);
    for (int i = 0; i < count; i++)
        outs -= mails[i].is_out;
    assert_int_equal(outs, 0);
}

static void trim_in(struct heap *heap)
{
    struct fifo mailbox = {NULL}, dropped = {NULL};
    int count = 1 + (int)dice_below(&dice, MOST);
    int keys = 1 + (int)dice_below(&dice, dice_below(&dice, 2) ? 4 : MOST);
    uint32_t limits = 1 + dice_below(&dice, 3); /* messages, bytes or both */
    limit = (cadre_limit){
        .mailbox_max = limits & 1 ? 1 + dice_below(&dice, MOST) : 0,
        .mailbox_bytes = limits & 2 ? 64 + dice_below(&dice, MOST * 30) : 0,
        .overflow = dice_below(&dice, 4) ? CADRE_KEEP_LATEST : CADRE_DROP_OLDEST,
        .key = key_of};
    gauge_open(&gauge, &own, NOW, &limit, false);
    put_aside();
    fill(&mailbox, count, keys);
    expect(count);
    gauge_trim(&gauge, heap, &mailbox, &dropped);
    assert_trimmed(&mailbox, &dropped, count);
    assert_int_equal(load_relaxed(&heap->bytes), 0);
}

static void latest_of_a_key_is_what_stays(void **state)
{
    struct heap heap, none;
    dice = dice_new(1, 1);
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    heap_init(&none, NULL, NULL, 0);
    for (int i = 0; i < ROUNDS; i++) {
        trim_in(&heap);
        trim_in(&none);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(latest_of_a_key_is_what_stays));
    return RUN_TESTS();
}
