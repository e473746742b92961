/* berth.c: a loop that a worker sleeps in. */
#include "io/berth.h"

enum { SOON_NS = 1000000 };

static struct berth *berth_of(struct nap *nap)
{
    return container_of(nap, struct berth, nap);
}

/* False: another one has it, not for long; or the end has come. */
static bool enter(struct berth *b)
{
    return !load_acquire(&b->stopping) && seat_take(&b->seat); /* the stopper's */
}

static void leave(struct berth *b, struct fifo *got)
{
    fifo_append_fifo(got, &b->rung);
    b->rung.newest = NULL;
    seat_leave(&b->seat);
}

/* Has nothing come in, does the word say that the worker sleeps, and is it not the end?
 * The stopper's write may have been read by who had the seat before. */
static bool rests(const struct berth *b, const struct park_word *word, uint32_t seen)
{
    return fifo_is_empty(&b->rung) &&
           load_acquire(&word->value) == seen && /* pairs with idle's rouse */
           !load_acquire(&b->stopping);          /* the stopper's */
}

static bool doze(struct nap *nap, const struct park_word *word, uint32_t seen,
                 int64_t timeout_ns)
{
    struct berth *b = berth_of(nap);
    if (!enter(b)) { /* and who has the seat may read what was to wake us */
        bool is_long = timeout_ns == PARK_FOREVER || timeout_ns > SOON_NS;
        berth_wait_outside(b, is_long ? SOON_NS : timeout_ns);
        return false;
    }
    berth_obey(b, seat_next(&b->seat));
    do {
        struct inbox_node *more = seat_rest(&b->seat);
        berth_obey(b, more);
        if (!more && rests(b, word, seen))
            berth_wait(b, timeout_ns);
        berth_obey(b, seat_next(&b->seat));
    } while (rests(b, word, seen) && timeout_ns == PARK_FOREVER);
    leave(b, &nap->got);
    return !fifo_is_empty(&nap->got);
}

static void wake(struct nap *nap) { seat_wake(&berth_of(nap)->seat); }

static void look(struct nap *nap, struct fifo *got)
{
    struct berth *b = berth_of(nap);
    if (!enter(b))
        return;
    berth_obey(b, seat_next(&b->seat));
    berth_turn(b);
    leave(b, got);
}

static void deliver(struct nap *nap, struct fifo *got, struct worker *here)
{
    (void)nap;
    berth_deliver(got, here);
}

void berth_init(struct berth *b)
{
    seat_init(&b->seat);
    b->nap = (struct nap){doze, wake, look, deliver, {NULL}, 0};
    atomic_set(&b->stopping, false);
    b->rung.newest = NULL;
}
