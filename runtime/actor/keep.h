/* keep.h: children that go down when they end, and can be restarted.
 *
 * What there is to know about such a child stands in a struct keep, made by its parent
 * before it lives. The parent makes what it will tell, too: a child that runs owns the
 * envelope of its next cadre_child_down, so that going down takes no memory. It is gone
 * when it is down; the letter that restarts it is the next one.
 *
 *   running, ending -- last child's notice --> stop(), then cell_go_down:
 *     down, if nobody has set HALT_FOR_GOOD: the parent is told, letters are held
 *       -- LETTER_RESTART --> born: held letters are in front of the mailbox again
 *       -- HALT_FOR_GOOD  --> retires; held letters are bounced; but not while the
 *          letter is on its way: who was restarted, and then released, ends like any
 *     else it retires at once
 *
 * Who owns what of it: the child, from its birth until it sets `down`; then the parent,
 * until it clears that and has sent the letter; then the child again. It does not vanish
 * as long as its parent has not set HALT_FOR_GOOD, so before that, and never after, the
 * parent may look into it.
 *
 * The mail. Letters to a kept one that is ending or down are looked at in the order in
 * which they came. What only gives back memory or concerns children is served as ever;
 * outcomes of what its former life has begun are dropped; all others are held, or
 * bounced (CADRE_MAIL_DROP). A stop is held in any case: it has its place among the
 * letters, and meets whoever gets there. When the restart comes, everything that came
 * before it is held or bounced, and what is held goes in front of what came after. */
#ifndef ACTOR_KEEP_H
#define ACTOR_KEEP_H

#include "actor/extras.h"

#include <cadre/supervise.h>

struct keep {
    struct envelope *down_notice;  /* the next cadre_child_down; NULL: it is down */
    struct envelope *up_notice;    /* of one that announces: the next cadre_child_up */
    struct envelope *again;        /* it has just failed on this one: to be retried */
    ATOMIC(bool) down;             /* the child sets, the parent clears: see above */
    bool keep, announce, has_init; /* constant */
    uint8_t mail;                  /* enum cadre_mail; constant */
    uint32_t starts;
    int reason;                                /* of its last end */
    char words[CADRE_DOWN_TEXT];               /* of its failure */
    size_t bytes;                              /* of all this; constant */
    alignas(max_align_t) unsigned char init[]; /* constant */
};

/* 0, -EINVAL. opts may be NULL. */
int keep_check(struct world *world, const cadre_opts *opts);
/* The extras of a child with these. Errors: pool_get's. */
CC_MUST_CHECK int keep_new(struct cadre_self *self, struct extras **extras,
                           const cadre_class *class, const void *init,
                           const cadre_opts *opts);
/* The same again, when there will be no child. */
void keep_discard(struct cadre_self *self, struct extras *extras);
/* They are this child's, which does not run yet. */
void keep_attach(struct cadre_self *self, struct cell *child, struct extras *extras);

/* What follows is the child's turn's; there are extras. */

/* start has returned 0. */
void keep_started(struct cadre_self *self, struct cell *cell);
/* receive has failed on this one. True: it is kept, to be handled again. */
bool keep_retries(const struct cell *cell, struct envelope *e, bool was_answered);
/* It has failed, in these words; NULL: in none. */
void keep_failed(const struct cell *cell, const char *words);
/* The end begins: what is set aside, or held, is in front of the mailbox again. False:
 * what is set aside is to be dead letters. */
bool keep_saves(struct cadre_self *self, struct cell *cell);
/* Of one that is ending or down: true when this letter is held, or done with. */
bool keep_takes(struct cadre_self *self, struct cell *cell, struct letter *letter);
/* The end is complete. True: it is down. False: it ends for good. */
bool keep_goes_down(struct cadre_self *self, struct cell *cell);
/* It is down, and will not be restarted. */
bool keep_is_released(const struct cell *cell);
/* It has ended for good; what is held is in front of the mailbox. */
void keep_end(struct cadre_self *self, struct cell *cell);

#endif
