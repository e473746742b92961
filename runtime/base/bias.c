/* bias.c: a lock for one thread, which others may borrow. */
#include "base/bias.h"

#include "base/panic.h"
#include "base/thread.h"

enum {
    PATIENCE = 64,       /* looks at an owner that is inside */
    ASKS = 4 * PATIENCE, /* at one that might come by */
};

void bias_init(struct bias *b)
{
    atomic_set(&b->inside, 1);
    atomic_set(&b->resting, 0);
    atomic_set(&b->wanted, 0);
}

void bias_wait(struct bias *b)
{
    if (load_relaxed(&b->wanted) == BIAS_BROKEN)
        panic(__FILE__, __LINE__, "a handler called fork() and returned in the child");
    do {
        store_release(&b->inside, BIAS_WAITS); /* let the seizer in */
        for (int i = 1; load_acquire(&b->wanted); i++) {
            cpu_relax();
            if (i % PATIENCE == 0)
                thread_yield(); /* it may need this CPU to go on */
        }
        store_relaxed(&b->inside, 1);
        fence_seq(); /* pairs with the exchange in bias_seize: we have paid already */
    } while (load_acquire(&b->wanted));
}

void bias_rest(struct bias *b)
{
    store_seq(&b->resting, 1); /* pairs with the loads of seizers, before and after */
    bias_leave(b);             /* after that: who finds us outside finds us resting */
}

void bias_rise(struct bias *b)
{
    store_seq(&b->resting, 0);
    fence_seq(); /* before the look at `wanted`; pairs with bias_seize's exchange */
    bias_enter(b);
}

/* The owner has left, or sees us before it enters again. */
static bool is_outside(struct bias *b)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (load_acquire(&b->inside) != 1) /* pairs with the stores when it leaves */
            return true;
        cpu_relax();
    }
    return false;
}

/* Does it wait for us? If that is an old word, of a wait for the last seizer, then it has
 * not yet looked once more, which it does after its fence; there it sees us. So both the
 * exchange and this load are among what the fence has an order with. */
static bool has_answered(struct bias *b, int looks)
{
    while (looks-- > 0) {
        if (load_seq(&b->inside) == BIAS_WAITS) /* pairs with the store in bias_wait */
            return true;
        cpu_relax();
    }
    return false;
}

static bool seize(struct bias *b, bool may_stop, int looks)
{
    if (exchange_seq(&b->wanted, 1))
        return false;
    if (load_seq(&b->resting))
        return true;
    if (has_answered(b, looks))
        return true;
    if (may_stop) {
        thread_barrier_everywhere();
        if (is_outside(b))
            return true;
    }
    bias_release(b);
    return false;
}

bool bias_seize(struct bias *b, bool may_stop) { return seize(b, may_stop, 0); }

bool bias_ask(struct bias *b, bool may_stop) { return seize(b, may_stop, ASKS); }

bool bias_seize_fenced(struct bias *b)
{
    if (exchange_seq(&b->wanted, 1))
        return false;
    fence_seq(); /* pairs with the one in bias_enter_fenced */
    if (is_outside(b))
        return true;
    bias_release(b);
    return false;
}

void bias_release(struct bias *b)
{
    store_release(&b->wanted, 0); /* pairs with the loads in bias_enter and bias_wait */
}

void bias_break(struct bias *b) { store_relaxed(&b->wanted, BIAS_BROKEN); }
