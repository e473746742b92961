/* limiter.c: a token bucket in front of an actor that must not be hurried.
 *
 * The bucket is one time: when it will be full again (the generic cell rate algorithm,
 * ITU-T I.371). A token moves it by one interval into the future; there is a token as
 * long as it is not further away than burst - 1 intervals. No fractions, no rounding.
 *
 * What waits is set aside. When a token comes all of it is given back, and what finds no
 * token is set aside again, in the same order: while anything waits, everything does. */
#include <cadre/actors/limiter.h>

#include "body.h"

#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>

struct own {
    cadre_time interval; /* between tokens */
    cadre_time full;     /* when the bucket is full again */
    cadre_time wait;     /* a full bucket's worth of intervals, less one */
    uint32_t aside;      /* at most so many are set aside: some may have been dropped */
    bool ticking;
};
static_assert(sizeof(struct own) <= sizeof((cadre_limiter *)NULL)->own, "own");

static const cadre_type limiter_tick_type = {.name = "limiter_tick"};

static struct own *own_of(cadre_limiter *me) { return (struct own *)(void *)me->own; }

static int limiter_start(cadre_self *self, void *state)
{
    cadre_limiter *me = state;
    struct own *own = own_of(me);
    me->rate = me->rate ? me->rate : 100;
    me->per = me->per ? me->per : CADRE_SECOND;
    me->burst = me->burst ? me->burst : 1;
    me->waiting = me->waiting == UINT32_MAX ? 0 : me->waiting ? me->waiting : 64;
    if (!me->target.id || me->per < me->rate)
        return -EINVAL;
    /* Rounded up: never faster. */
    own->interval = me->per / me->rate + (me->per % me->rate != 0);
    if (own->interval > (CADRE_NEVER / 4) / me->burst)
        return -EINVAL;
    own->wait = own->interval * (me->burst - 1);
    return 0;
}

/* How long until there is a token; 0: there is one. */
static cadre_time until_token(cadre_self *self, const struct own *own)
{
    cadre_time wait = own->full - own->wait - cadre_now(self);
    return wait > 0 ? wait : 0;
}

static int pass_on(cadre_self *self, const cadre_limiter *me, struct own *own,
                   cadre_msg *m)
{
    cadre_time now = cadre_now(self);
    own->full = (own->full > now ? own->full : now) + own->interval;
    (void)cadre_forward(self, me->target, m);
    return 0;
}

static int wait_for_token(cadre_self *self, struct own *own, cadre_msg *m)
{
    if (!own->ticking) {
        int err = cadre_after_as(self, NULL, until_token(self, own), &limiter_tick_type,
                                 NULL);
        if (err)
            return body_refuse(self, m, err, "limiter: no memory to wait");
        own->ticking = true;
    }
    if (cadre_stash(self, m) == 0)
        own->aside++;
    return 0;
}

static int limiter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_limiter *me = state;
    struct own *own = own_of(me);
    if (m->type == &limiter_tick_type) {
        own->ticking = false;
        own->aside = 0;
        cadre_unstash(self);
        return 0;
    }
    if (own->aside == 0 && until_token(self, own) == 0)
        return pass_on(self, me, own, m);
    if (own->aside >= me->waiting)
        return body_refuse(self, m, CADRE_EFULL, "limiter: too many wait");
    return wait_for_token(self, own, m);
}

const cadre_class cadre_limiter_class = {.name = "cadre_limiter",
                                         .state_size = sizeof(cadre_limiter),
                                         .start = limiter_start,
                                         .receive = limiter_receive};
