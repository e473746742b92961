/* gauge.c: how much waits for an actor whose mailbox is limited. */
#include "actor/gauge.h"

#include <assert.h>
#include <string.h>

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

/* One, for the sake of this letter. */
static bool give_way(struct gauge *g, struct fifo *mailbox, const struct letter *letter,
                     struct fifo *dropped)
{
    struct letter *out = NULL;
    if (letter && load_relaxed(&g->overflow) == CADRE_KEEP_LATEST)
        out = find(g, mailbox, letter);
    if (!out)
        out = find(g, mailbox, NULL);
    if (!out)
        return false;
    gauge_left(g, out);
    fifo_append(dropped, &out->node);
    return true;
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

static bool gauge_is_over(const struct gauge *g)
{
    return is_over(&g->messages, &g->own->messages) ||
           is_over(&g->bytes, &g->own->bytes);
}

/* The first one for which there is no room, where those before it have taken all. */
static const struct letter *first_too_many(const struct gauge *g,
                                           const struct fifo *mailbox)
{
    uint64_t max = load_relaxed(&g->messages.max), count = 0;
    struct inbox_node *node = mailbox->newest;
    const struct letter *last = NULL;
    while (node) {
        node = node->next;
        const struct letter *letter = letter_of(node);
        if (counts(g, letter)) {
            last = letter;
            if (max && ++count > max)
                break;
        }
        if (node == mailbox->newest)
            break;
    }
    return last;
}

void gauge_trim(struct gauge *g, struct fifo *mailbox, struct fifo *dropped)
{
    bool by_key = load_relaxed(&g->overflow) == CADRE_KEEP_LATEST;
    while (gauge_is_over(g))
        if (!give_way(g, mailbox, by_key ? first_too_many(g, mailbox) : NULL, dropped))
            break;
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

/* ---- all of them ------------------------------------------------------------------- */

enum { LEVELS = 3 }; /* of pointers, and a leaf of gauges below: 28 bits */
static_assert((LEVELS + 1) * GAUGE_LEVEL_BITS == SLOT_BITS, "slots have as many");
static uint32_t index_at(uint32_t slot, int level)
{
    return slot >> (LEVELS - level) * GAUGE_LEVEL_BITS & (GAUGE_LEVEL - 1);
}

static size_t bytes_at(int level)
{
    return level < LEVELS ? sizeof(struct gauge_node)
                          : GAUGE_LEVEL * sizeof(struct gauge);
}

void gauges_init(struct gauges *gauges, struct heap *heap)
{
    gauges->heap = heap;
    pthread_mutex_init(&gauges->lock, NULL);
    list_init(&gauges->flooded);
    atomic_set(&gauges->asked, 0);
    for (int i = 0; i < GAUGE_LEVEL; i++)
        atomic_set(&gauges->top.below[i], NULL);
}

/* As deep as the tree. */
static void fini_node(struct heap *heap, struct gauge_node *node, int level)
{
    for (int i = 0; i < GAUGE_LEVEL; i++) {
        void *below = load_relaxed(&node->below[i]);
        if (below && level + 1 < LEVELS)
            fini_node(heap, below, level + 1);
        heap_put_lines(heap, below, bytes_at(level + 1));
    }
}

void gauges_fini(struct gauges *gauges)
{
    fini_node(gauges->heap, &gauges->top, 0);
    pthread_mutex_destroy(&gauges->lock);
}

/* Under the lock. What is new is zero: vacant. */
static int grow(struct gauges *gauges, struct gauge_node *node, uint32_t index,
                size_t bytes)
{
    void *p = NULL;
    if (load_relaxed(&node->below[index]))
        return 0;
    int err = heap_get_lines(gauges->heap, &p, bytes);
    if (err)
        return err;
    memset(p, 0, bytes);
    store_release(&node->below[index], p); /* pairs with gauges_find */
    return 0;
}

int gauges_make(struct gauges *gauges, uint32_t slot, struct gauge **gauge)
{
    struct gauge_node *node = &gauges->top;
    int err = 0;
    pthread_mutex_lock(&gauges->lock);
    for (int level = 0; !err && level < LEVELS; level++) {
        uint32_t index = index_at(slot, level);
        err = grow(gauges, node, index, bytes_at(level + 1));
        node = load_relaxed(&node->below[index]);
    }
    pthread_mutex_unlock(&gauges->lock);
    if (!err)
        *gauge = gauges_find(gauges, slot);
    return err;
}

struct gauge *gauges_find(struct gauges *gauges, uint32_t slot)
{
    void *p = &gauges->top;
    for (int level = 0; level < LEVELS; level++)
        p = load_acquire(&((struct gauge_node *)p)->below[index_at(slot, level)]);
    return (struct gauge *)p + index_at(slot, LEVELS);
}
