/* usage.c: the account of an actor that has a budget: its memory. */
#include "actor/usage.h"

bool account_get_bytes(struct account *a, uint64_t bytes)
{
    uint64_t held = load_relaxed(&a->bytes) + bytes; /* ours, like all of them */
    if (a->budget.bytes && held > a->budget.bytes) {
        a->over_bytes = a->over_bytes || !a->told_bytes;
        a->told_bytes = true;
        if (a->budget.over != CADRE_OVER_WARN)
            return false;
    }
    store_relaxed(&a->bytes, held);
    if (held > load_relaxed(&a->bytes_max))
        store_relaxed(&a->bytes_max, held);
    return true;
}

void account_put_bytes(struct account *a, uint64_t bytes)
{
    uint64_t held = load_relaxed(&a->bytes) - bytes;
    store_relaxed(&a->bytes, held);
    if (held <= a->budget.bytes)
        a->told_bytes = false;
}
