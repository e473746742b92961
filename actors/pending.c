/* pending.c: what an actor knows about its pending operations, by token. */
#include "pending.h"

#include <errno.h>
#include <string.h>

enum { FIRST_PLACES = 16 };

static void *place_at(const struct pending *pending, size_t size, uint32_t i)
{
    return cadre_buf_data(pending->places) + size * i;
}

static uint64_t token_at(const struct pending *pending, size_t size, uint32_t i)
{
    return ((const cadre_token *)place_at(pending, size, i))->id;
}

static uint32_t home_of(const struct pending *pending, uint64_t token)
{
    return (uint32_t)(token * UINT64_C(0x9e3779b97f4a7c15) >> 32) & pending->mask;
}

void pending_add(struct pending *pending, size_t size, const void *record)
{
    uint32_t i = home_of(pending, ((const cadre_token *)record)->id);
    while (token_at(pending, size, i))
        i = (i + 1) & pending->mask;
    memcpy(place_at(pending, size, i), record, size);
    pending->count++;
}

/* At most three quarters of the places are taken: a search ends soon. */
int pending_reserve(struct pending *pending, size_t size, uint32_t more)
{
    uint32_t places = pending->places ? pending->mask + 1 : 0;
    uint32_t need = places ? places : FIRST_PLACES;
    while (pending->count + more > need / 4 * 3)
        need *= 2;
    if (need == places)
        return 0;
    struct pending larger = {cadre_buf_new(NULL, size * need), 0, need - 1};
    if (!larger.places)
        return -ENOMEM;
    for (uint32_t i = 0; i < places; i++)
        if (token_at(pending, size, i))
            pending_add(&larger, size, place_at(pending, size, i));
    cadre_buf_unref(pending->places);
    *pending = larger;
    return 0;
}

/* What stands behind a place that becomes free, and belongs before it, moves up. */
static void remove_at(struct pending *pending, size_t size, uint32_t hole)
{
    for (uint32_t i = (hole + 1) & pending->mask; token_at(pending, size, i);
         i = (i + 1) & pending->mask) {
        uint32_t home = home_of(pending, token_at(pending, size, i));
        if (((i - home) & pending->mask) < ((i - hole) & pending->mask))
            continue;
        memcpy(place_at(pending, size, hole), place_at(pending, size, i), size);
        hole = i;
    }
    memset(place_at(pending, size, hole), 0, size);
    pending->count--;
}

/* The place of this token's record; the number of places when there is none. */
static uint32_t find(const struct pending *pending, size_t size, cadre_token token)
{
    if (pending->count == 0 || !token.id)
        return pending->mask + 1;
    uint32_t i = home_of(pending, token.id);
    while (token_at(pending, size, i) && token_at(pending, size, i) != token.id)
        i = (i + 1) & pending->mask;
    return token_at(pending, size, i) ? i : pending->mask + 1;
}

void *pending_find(const struct pending *pending, size_t size, cadre_token token)
{
    uint32_t i = find(pending, size, token);
    return i <= pending->mask ? place_at(pending, size, i) : NULL;
}

bool pending_take(struct pending *pending, size_t size, cadre_token token, void *record)
{
    uint32_t i = find(pending, size, token);
    if (i > pending->mask)
        return false;
    memcpy(record, place_at(pending, size, i), size);
    remove_at(pending, size, i);
    return true;
}

bool pending_take_any(struct pending *pending, size_t size, void *record)
{
    for (uint32_t i = 0; pending->count > 0; i++)
        if (token_at(pending, size, i)) {
            memcpy(record, place_at(pending, size, i), size);
            remove_at(pending, size, i);
            return true;
        }
    return false;
}

void pending_free(struct pending *pending)
{
    cadre_buf_unref(pending->places);
    *pending = (struct pending){NULL, 0, 0};
}
