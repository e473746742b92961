/* gauge.c: how much waits for an actor whose mailbox is limited. */
#include "actor/gauge.h"
#include "actor/latest.h"

#include <limits.h>

enum { FEW = 8 }; /* give way by a walk each */
enum { SHARE = 8, GRAIN_MESSAGES = 32, GRAIN_BYTES = 16 << 10 };
enum { VACANT = 0 }; /* no actor's generation */
enum { NOTHING_IS_LIGHT = LETTER_KIND };

/* ---- quotas ------------------------------------------------------------------------ */

static uint64_t word(uint32_t generation, uint64_t used)
{
    return (uint64_t)generation << QUOTA_BITS | used;
}
static uint32_t word_generation(uint64_t w) { return (uint32_t)(w >> QUOTA_BITS); }
static uint64_t word_used(uint64_t w) { return w & QUOTA_MAX; }

static uint64_t quota_max(const struct quota *q)
{
    return load_acquire(&q->max); /* pairs with open_quota */
}

static enum gauge_verdict take(struct quota *q, uint32_t generation, uint64_t n,
                               uint64_t max)
{
    uint64_t w = load_acquire(&q->used);
    do {
        if (word_generation(w) != generation)
            return GAUGE_STRANGER;
        if (word_used(w) + n > max)
            return GAUGE_FULL;
    } while (!cas_acq_rel(&q->used, &w, w + n));
    return GAUGE_ROOM;
}

/* What somebody has taken, or the owner has too much. */
static void put(struct quota *q, uint32_t generation, uint64_t n)
{
    uint64_t w = load_relaxed(&q->used);
    do
        if (word_generation(w) != generation)
            return;
    while (!cas_acq_rel(&q->used, &w, w - (n < word_used(w) ? n : word_used(w))));
}

/* The owner's: some more in advance, where there is enough. */
static enum gauge_verdict take_own(struct quota *q, struct share *own,
                                   uint32_t generation, uint64_t n, uint64_t max)
{
    uint64_t more = own->grain / 2;
    if (own->credit >= n) {
        own->credit -= n;
        return GAUGE_ROOM;
    }
    if (more > 0 && take(q, generation, n - own->credit + more, max) == GAUGE_ROOM) {
        own->credit = more;
        return GAUGE_ROOM;
    }
    enum gauge_verdict verdict = take(q, generation, n - own->credit, max);
    if (verdict == GAUGE_ROOM)
        own->credit = 0;
    return verdict;
}

static void put_own(struct quota *q, struct share *own, uint32_t generation, uint64_t n)
{
    own->credit += n;
    if (own->credit <= own->grain)
        return;
    put(q, generation, own->credit - own->grain / 2);
    own->credit = own->grain / 2;
}

static void open_quota(struct quota *q, struct share *own, uint64_t max, uint64_t grain)
{
    own->credit = 0;
    own->grain = max / SHARE < grain ? max / SHARE : grain;
    store_release(&q->max, max);
}

static bool is_over(const struct quota *q, const struct share *own)
{
    uint64_t max = load_relaxed(&q->max);
    return max && word_used(load_relaxed(&q->used)) > max + own->credit;
}

/* ---- gauges ------------------------------------------------------------------------ */

static bool drops_old(enum cadre_overflow overflow)
{
    return overflow == CADRE_DROP_OLDEST || overflow == CADRE_KEEP_LATEST;
}

/* Who reads a maximum or the policy, and finds the word of `messages` as before, has read
 * those of that life: they are written while it is vacant. */
void gauge_open(struct gauge *g, struct allowance *own, uint32_t generation,
                const cadre_limit *limit, bool exact)
{
    gauge_close(g);
    g->own = own;
    open_quota(&g->messages, &own->messages, limit->mailbox_max,
               exact ? 0 : GRAIN_MESSAGES);
    open_quota(&g->bytes, &own->bytes, limit->mailbox_bytes, exact ? 0 : GRAIN_BYTES);
    store_release(&g->redirect, limit->redirect.id);
    store_release(&g->overflow, limit->overflow);
    g->generation = generation;
    g->key = limit->key;
    g->trims = drops_old((enum cadre_overflow)limit->overflow);
    bool counts_alone = limit->mailbox_max && !limit->mailbox_bytes;
    own->light = counts_alone ? generation << LETTER_BITS : NOTHING_IS_LIGHT;
    own->grain = counts_alone ? own->messages.grain : 0;
    store_release(&g->bytes.used, word(generation, 0));
    store_release(&g->messages.used, word(generation, 0)); /* pairs with take */
}

void gauge_close(struct gauge *g)
{
    store_release(&g->messages.used, word(VACANT, 0));
    store_release(&g->bytes.used, word(VACANT, 0));
}

static uint64_t letter_bytes(const struct letter *letter)
{
    return container_of(letter, const struct envelope, letter)->type->size;
}

static bool counts(const struct gauge *g, const struct letter *letter)
{
    return letter_is_message(letter) && letter_generation(letter) == g->generation;
}

/* Those that drop what is old may take twice as much, where they cannot do so at once. */
static uint64_t most(const struct quota *q, bool stretches)
{
    uint64_t max = quota_max(q);
    return stretches && max <= QUOTA_MAX / 2 ? 2 * max : max;
}

static enum gauge_verdict take_both(struct gauge *g, uint32_t generation,
                                    uint64_t bytes, bool stretches)
{
    uint64_t messages_max = most(&g->messages, stretches);
    uint64_t bytes_max = most(&g->bytes, stretches);
    enum gauge_verdict verdict = GAUGE_ROOM;
    if (messages_max)
        verdict = take(&g->messages, generation, 1, messages_max);
    if (verdict != GAUGE_ROOM || !bytes_max || !bytes)
        return verdict;
    verdict = take(&g->bytes, generation, bytes, bytes_max);
    if (verdict != GAUGE_ROOM && messages_max)
        put(&g->messages, generation, 1);
    return verdict;
}

static enum gauge_verdict take_both_own(struct gauge *g, uint64_t bytes)
{
    uint64_t messages_max = quota_max(&g->messages), bytes_max = quota_max(&g->bytes);
    enum gauge_verdict verdict = GAUGE_ROOM;
    if (messages_max)
        verdict =
            take_own(&g->messages, &g->own->messages, g->generation, 1, messages_max);
    if (verdict != GAUGE_ROOM || !bytes_max || !bytes)
        return verdict;
    verdict = take_own(&g->bytes, &g->own->bytes, g->generation, bytes, bytes_max);
    if (verdict != GAUGE_ROOM && messages_max)
        put_own(&g->messages, &g->own->messages, g->generation, 1);
    return verdict;
}

/* There is no room, by this policy. */
static enum gauge_verdict verdict_of(enum cadre_overflow overflow)
{
    return overflow == CADRE_REFUSE     ? GAUGE_FULL
           : overflow == CADRE_REDIRECT ? GAUGE_REDIRECT
                                        : GAUGE_NEWEST;
}

enum gauge_verdict gauge_take(struct gauge *g, const struct letter *letter,
                              uint64_t *redirect)
{
    uint32_t generation = letter_generation(letter);
    uint64_t bytes = letter_bytes(letter), bytes_max = quota_max(&g->bytes);
    if (!letter_is_message(letter))
        return GAUGE_STRANGER;
    enum cadre_overflow overflow = (enum cadre_overflow)load_acquire(&g->overflow);
    bool fits = !bytes_max || bytes <= bytes_max;
    enum gauge_verdict verdict = GAUGE_FULL;
    if (fits)
        verdict = take_both(g, generation, bytes, drops_old(overflow));
    if (verdict != GAUGE_FULL)
        return verdict;
    *redirect = load_acquire(&g->redirect);
    if (word_generation(load_acquire(&g->messages.used)) != generation)
        return GAUGE_STRANGER; /* it has ended, and this was another one's policy */
    return verdict_of(overflow);
}

/* ---- what gives way ---------------------------------------------------------------- */

static uint64_t key_of(const struct gauge *g, const struct letter *letter)
{
    const struct envelope *e = container_of(letter, const struct envelope, letter);
    return g->key(e->type, e->body);
}

/* The oldest one that counts, and, given a letter, has the same key and stands before it;
 * out of the mailbox. NULL: none. */
static struct letter *find(const struct gauge *g, struct fifo *mailbox,
                           const struct letter *like)
{
    uint64_t key = like ? key_of(g, like) : 0;
    struct inbox_node *before = mailbox->newest, *node;
    if (!before)
        return NULL;
    do {
        node = before->next;
        struct letter *letter = letter_of(node);
        if (letter == like)
            return NULL;
        if (counts(g, letter) && (!like || key_of(g, letter) == key)) {
            fifo_remove_behind(mailbox, before);
            return letter;
        }
        before = node;
    } while (before != mailbox->newest);
    return NULL;
}

/* One, for the sake of this letter where it says what that is about. */
static struct letter *give_way(struct gauge *g, struct fifo *mailbox,
                               const struct letter *letter, struct fifo *dropped)
{
    struct letter *out = NULL;
    if (load_relaxed(&g->overflow) == CADRE_KEEP_LATEST)
        out = find(g, mailbox, letter);
    if (!out)
        out = find(g, mailbox, NULL);
    if (!out)
        return NULL;
    gauge_left(g, out);
    fifo_append(dropped, &out->node);
    return out;
}

enum gauge_verdict gauge_take_own(struct gauge *g, const struct letter *letter,
                                  struct fifo *mailbox, struct fifo *dropped,
                                  uint64_t *redirect)
{
    enum cadre_overflow overflow = (enum cadre_overflow)load_relaxed(&g->overflow);
    uint64_t bytes = letter_bytes(letter), bytes_max = quota_max(&g->bytes);
    bool fits = !bytes_max || bytes <= bytes_max;
    enum gauge_verdict verdict = GAUGE_FULL;
    if (!counts(g, letter))
        return GAUGE_STRANGER;
    while (!fits || (verdict = take_both_own(g, bytes)) == GAUGE_FULL)
        if (!fits || !drops_old(overflow) || !give_way(g, mailbox, letter, dropped)) {
            *redirect = load_relaxed(&g->redirect);
            return verdict_of(overflow);
        }
    return verdict;
}

/* What waits: all but what one goes through, and then what one has gone through. It is
 * looked at once, for others send on meanwhile, and all that waits would go. */
struct pile {
    uint64_t messages, bytes;
};

static void add(struct pile *pile, const struct letter *letter)
{
    pile->messages++;
    pile->bytes += letter_bytes(letter);
}
static void take_away(struct pile *pile, const struct letter *letter)
{
    pile->messages--;
    pile->bytes -= letter_bytes(letter);
}
static bool is_too_much(const struct gauge *g, const struct pile *pile)
{
    uint64_t messages = load_relaxed(&g->messages.max),
             bytes = load_relaxed(&g->bytes.max);
    return (messages && pile->messages > messages) || (bytes && pile->bytes > bytes);
}

static uint64_t rest_of(const struct quota *q, const struct share *own, uint64_t part)
{
    uint64_t all = word_used(load_relaxed(&q->used)) - own->credit;
    return all > part ? all - part : 0; /* 0 also where it is not counted */
}

/* What is set aside, held, or on its way to this mailbox. */
static struct pile elsewhere(const struct gauge *g, const struct fifo *mailbox)
{
    const struct inbox_node *node = mailbox->newest;
    struct pile here = {0, 0};
    do {
        node = node->next;
        if (counts(g, letter_of((struct inbox_node *)node)))
            add(&here, letter_of((struct inbox_node *)node));
    } while (node != mailbox->newest);
    return (struct pile){rest_of(&g->messages, &g->own->messages, here.messages),
                         rest_of(&g->bytes, &g->own->bytes, here.bytes)};
}

static void goes(struct gauge *g, struct pile *pile, struct letter *out)
{
    take_away(pile, out);
    gauge_left(g, out);
}

/* All that give way: for each one those before it, or else it itself. */
static void choose(struct gauge *g, const struct fifo *mailbox, struct latest *latest,
                   struct pile pile)
{
    struct inbox_node *node = mailbox->newest;
    do {
        node = node->next;
        struct letter *letter = letter_of(node), *out;
        if (!counts(g, letter))
            continue;
        uint64_t key = key_of(g, letter);
        add(&pile, letter);
        while (is_too_much(g, &pile) && (out = latest_give_way(latest, key)))
            goes(g, &pile, out);
        latest_add(latest, letter, key);
        if (is_too_much(g, &pile))
            goes(g, &pile, latest_give_way(latest, key));
    } while (node != mailbox->newest);
}

static void move(const struct gauge *g, struct fifo *mailbox,
                 const struct latest *latest, struct fifo *dropped)
{
    struct inbox_node *before = mailbox->newest;
    for (uint32_t i = 0; i < latest->count;) {
        struct inbox_node *node = before->next;
        if (!counts(g, letter_of(node)) || latest->items[i++].letter) {
            before = node;
            continue;
        }
        fifo_remove_behind(mailbox, before);
        fifo_append(dropped, node);
    }
}

static uint32_t count_all(const struct fifo *mailbox)
{
    const struct inbox_node *node = mailbox->newest;
    uint32_t count = 0;
    do {
        node = node->next;
        count++;
    } while (node != mailbox->newest && count < UINT32_MAX);
    return count;
}

/* By a hash. False: there is no memory for it, and nothing is done. */
static bool trim_by_key(struct gauge *g, struct heap *heap, struct fifo *mailbox,
                        struct fifo *dropped)
{
    struct latest latest;
    uint32_t count = count_all(mailbox);
    void *p = NULL;
    if (count == UINT32_MAX || heap_get_lines(heap, &p, latest_bytes(count)))
        return false;
    latest_init(&latest, p, count);
    choose(g, mailbox, &latest, elsewhere(g, mailbox));
    move(g, mailbox, &latest, dropped);
    heap_put_lines(heap, p, latest_bytes(count));
    return true;
}

/* The same by a walk for each that gives way, while those are few. */
void gauge_trim(struct gauge *g, struct heap *heap, struct fifo *mailbox,
                struct fifo *dropped)
{
    struct inbox_node *node = mailbox->newest;
    bool is_last = !node || !(is_over(&g->messages, &g->own->messages) ||
                              is_over(&g->bytes, &g->own->bytes));
    int few = load_relaxed(&g->overflow) == CADRE_KEEP_LATEST ? FEW : INT_MAX;
    if (is_last)
        return;
    struct pile pile = elsewhere(g, mailbox);
    do {
        node = node->next;
        is_last = node == mailbox->newest;
        struct letter *letter = letter_of(node), *out = NULL;
        if (!counts(g, letter))
            continue;
        add(&pile, letter);
        while (is_too_much(g, &pile) && out != letter) {
            if (few-- == 0 && trim_by_key(g, heap, mailbox, dropped))
                return;
            out = give_way(g, mailbox, letter, dropped);
            take_away(&pile, out);
        }
        if (out == letter) /* and all before it that count: begin again */
            node = mailbox->newest;
    } while (!is_last);
}

void gauge_left(struct gauge *g, struct letter *letter)
{
    if (!counts(g, letter))
        return;
    if (load_relaxed(&g->messages.max))
        put_own(&g->messages, &g->own->messages, g->generation, 1);
    if (load_relaxed(&g->bytes.max))
        put_own(&g->bytes, &g->own->bytes, g->generation, letter_bytes(letter));
}

void gauge_back(struct gauge *g, struct letter *letter)
{
    if (!counts(g, letter))
        return;
    if (load_relaxed(&g->messages.max))
        (void)take_own(&g->messages, &g->own->messages, g->generation, 1, QUOTA_MAX);
    if (load_relaxed(&g->bytes.max))
        (void)take_own(&g->bytes, &g->own->bytes, g->generation, letter_bytes(letter),
                       QUOTA_MAX);
}
