/* idle.c: who sleeps, who searches, whom to wake. */
#include "sched/idle.h"

void idle_init(struct idle *idle, struct idle_seat *seats, uint32_t workers)
{
    atomic_set(&idle->searching, workers);
    idle->groups = (workers + 63) / 64;
    idle->seats = seats;
    for (uint32_t g = 0; g < idle->groups; g++)
        atomic_set(&idle->mask[g], 0);
    for (uint32_t w = 0; w < workers; w++)
        atomic_set(&seats[w].word.value, 0);
}

static bool somebody_sleeps(const struct idle *idle)
{
    for (uint32_t g = 0; g < idle->groups; g++)
        if (load_seq(&idle->mask[g]))
            return true;
    return false;
}

/* Clears one bit and wakes its worker, which finds itself searching: the caller has
 * counted it. */
static bool wake_one(struct idle *idle)
{
    for (uint32_t g = 0; g < idle->groups; g++) {
        uint64_t mask = load_seq(&idle->mask[g]);
        while (mask) {
            uint32_t bit = bit_lowest(mask);
            uint64_t one = UINT64_C(1) << bit;
            mask = fetch_and_seq(&idle->mask[g], ~one);
            if (mask & one) {
                struct park_word *word = &idle->seats[g * 64 + bit].word;
                fetch_add_seq(&word->value, 1); /* pairs with idle_sleep's acquire */
                park_wake(word, 1);
                return true;
            }
        }
    }
    return false;
}

void idle_notify(struct idle *idle)
{
    fence_seq(); /* work published before; pairs with the one in idle_enter */
    for (;;) {
        uint32_t none = 0;
        if (load_seq(&idle->searching) != 0 || !somebody_sleeps(idle))
            return;
        if (!cas_seq(&idle->searching, &none, 1))
            return; /* another notifier's wake-up, which comes after our work */
        if (wake_one(idle))
            return;
        /* Nobody slept after all. Others may have relied on our searcher meanwhile, so
         * look again after saying that there is none. */
        fetch_sub_seq(&idle->searching, 1);
    }
}

void idle_search(struct idle *idle) { fetch_add_seq(&idle->searching, 1); }

bool idle_found(struct idle *idle)
{
    bool last = fetch_sub_seq(&idle->searching, 1) == 1;
    fence_seq(); /* the last one looks for work next; pairs with idle_notify's */
    return last;
}

void idle_enter(struct idle *idle, uint32_t worker)
{
    /* In this order, or a notifier could see neither searcher nor sleeper. */
    fetch_or_seq(&idle->mask[worker / 64], UINT64_C(1) << worker % 64);
    fetch_sub_seq(&idle->searching, 1);
    fence_seq(); /* the caller looks for work next; pairs with idle_notify's */
}

bool idle_leave(struct idle *idle, uint32_t worker)
{
    uint64_t one = UINT64_C(1) << worker % 64;
    return (fetch_and_seq(&idle->mask[worker / 64], ~one) & one) == 0;
}

bool idle_is_woken(const struct idle *idle, uint32_t worker)
{
    /* The bit decides. The word only counts wake-ups, because that of a waker who was
     * held up may come when its sleeper has long been awake, and asleep again. */
    return (load_acquire(&idle->mask[worker / 64]) >> worker % 64 & 1) == 0;
}

void idle_sleep(struct idle *idle, uint32_t worker)
{
    struct park_word *word = &idle->seats[worker].word;
    for (;;) {
        uint32_t seen = load_acquire(&word->value); /* before the bit is looked at */
        if (idle_is_woken(idle, worker))
            return;
        park_wait(word, seen, PARK_FOREVER);
    }
}

void idle_wake_all(struct idle *idle)
{
    do
        fetch_add_seq(&idle->searching, 1);
    while (wake_one(idle));
    fetch_sub_seq(&idle->searching, 1);
}

uint32_t idle_sleepers(const struct idle *idle)
{
    uint32_t n = 0;
    for (uint32_t g = 0; g < idle->groups; g++)
        n += (uint32_t)__builtin_popcountll(load_seq(&idle->mask[g]));
    return n;
}
