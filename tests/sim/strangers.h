/* strangers.h: who in supervision.c does things to others, without being asked. */
#ifndef SIM_STRANGERS_H
#define SIM_STRANGERS_H

typedef struct {
    node asks; /* id: behind the nodes */
    uint32_t deeds;
} stranger;

static void remove_one(cadre_self *self, stranger *me)
{
    struct place *one = somebody(), *parent = &tale.places[one->parent];
    if (one == tale.places || !parent->ref.id)
        return;
    me->asks.asked++;
    one->removed = true;
    seen[REMOVED]++;
    CHECK_EQ(
        cadre_ask(self, NULL, parent->ref, CADRE_NEVER, cadre_remove_child, one->ref),
        0);
}

static void add(cadre_self *self, stranger *me)
{
    struct place *parent = somebody();
    uint32_t id = tale.nodes;
    if (id == NODES || !parent->is_boss || !parent->ref.id)
        return;
    tale.nodes++;
    me->asks.asked++;
    tale.places[id] =
        (struct place){.parent = (uint32_t)(parent - tale.places), .init.id = id};
    CHECK_EQ(
        cadre_ask(self, NULL, parent->ref, CADRE_NEVER, cadre_add_child, spec_of(id)),
        0);
}

static void ask_where(cadre_self *self, stranger *me)
{
    const struct place *parent = somebody();
    if (!parent->is_boss || !parent->ref.id)
        return;
    me->asks.asked++;
    CHECK_EQ(cadre_ask(self, NULL, parent->ref, CADRE_NEVER, cadre_which_child,
                       dice_below(&tale.dice, CHILDREN)),
             0);
}

static int act(cadre_self *self, stranger *me)
{
    switch (dice_below(&tale.dice, 24)) {
    case 0:
        kill_somebody(self);
        break;
    case 1:
        CHECK_EQ(cadre_stop(self, somebody()->ref), 0);
        break;
    case 2:
        remove_one(self, me);
        break;
    case 3:
        add(self, me);
        break;
    case 4:
    case 5:
        ask_where(self, me);
        break;
    case 6:
    case 7:
        tale.watched++;
        CHECK_EQ(cadre_watch(self, NULL, somebody()->ref), 0);
        break;
    default:
        for (uint32_t n = 1 + dice_below(&tale.dice, 4); n > 0; n--)
            say(self, me->asks.id, &me->asks);
    }
    return me->deeds-- > 0 ? cadre_after(self, NULL, soon(), pulse, 0) : 0;
}

static int stranger_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, soon(), pulse, 0);
}

static int stranger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    stranger *me = state;
    const cadre_child *child = cadre_body(m, cadre_child);
    if (cadre_body(m, cadre_down)) {
        tale.told++;
        seen[TOLD_OF_ENDS]++;
        return 0;
    }
    if (cadre_body(m, finale)) { /* all that it has asked are gone */
        CHECK_EQ(me->asks.asked, 0);
        tale.strangers_done++;
        return CADRE_STOP;
    }
    if (!cadre_body(m, pulse)) {
        take_outcome(&me->asks);
        seen[FAILED_ASKS] += cadre_body(m, cadre_failure) != NULL;
        CHECK(!child || child->ref.id);
        seen[ADDED] += child != NULL;
        seen[REFUSED] += cadre_body(m, cadre_failure) &&
                         cadre_body(m, cadre_failure)->code == -ENOENT;
        return 0;
    }
    return act(self, me);
}
static const cadre_class stranger_class = {.name = "stranger",
                                           .state_size = sizeof(stranger),
                                           .start = stranger_start,
                                           .receive = stranger_receive};

#endif
