/* latest.c: letters that wait, of which some give way to later ones with the same key. */
#include "actor/latest.h"

static uint32_t buckets(uint32_t most)
{
    uint32_t n = 1;
    while (n < most && n <= UINT32_MAX / 2)
        n *= 2;
    return n;
}

size_t latest_bytes(uint32_t most)
{
    return most * sizeof(struct latest_item) +
           (size_t)2 * buckets(most) * sizeof(uint32_t);
}

void latest_init(struct latest *latest, void *zeroed, uint32_t most)
{
    uint32_t *ends = (uint32_t *)((struct latest_item *)zeroed + most);
    uint32_t n = buckets(most);
    *latest = (struct latest){
        .items = zeroed, .first = ends, .last = ends + n, .mask = n - 1};
}

static uint32_t bucket_of(const struct latest *latest, uint64_t key)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & latest->mask;
}

void latest_add(struct latest *latest, struct letter *letter, uint64_t key)
{
    uint32_t bucket = bucket_of(latest, key);
    latest->items[latest->count++] = (struct latest_item){letter, key, 0};
    latest->waiting++;
    if (latest->first[bucket])
        latest->items[latest->last[bucket] - 1].next = latest->count;
    else
        latest->first[bucket] = latest->count;
    latest->last[bucket] = latest->count;
}

/* The link to it: that of its bucket, or of an older one. */
static uint32_t *find(struct latest *latest, uint64_t key, uint32_t *before)
{
    uint32_t *link = &latest->first[bucket_of(latest, key)];
    *before = 0;
    while (*link && latest->items[*link - 1].key != key) {
        *before = *link;
        link = &latest->items[*link - 1].next;
    }
    return link;
}

static struct latest_item *oldest(struct latest *latest)
{
    while (!latest->items[latest->oldest].letter)
        latest->oldest++;
    return &latest->items[latest->oldest];
}

struct letter *latest_give_way(struct latest *latest, uint64_t key)
{
    if (!latest->waiting)
        return NULL;
    uint32_t before, *link = find(latest, key, &before);
    if (!*link) {
        key = oldest(latest)->key; /* and so it is the oldest one with that */
        link = find(latest, key, &before);
    }
    struct latest_item *item = &latest->items[*link - 1];
    struct letter *letter = item->letter;
    item->letter = NULL;
    latest->waiting--;
    *link = item->next;
    if (!item->next)
        latest->last[bucket_of(latest, key)] = before;
    return letter;
}
