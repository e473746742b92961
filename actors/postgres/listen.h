/* listen.h: who hears what NOTIFY says: over a connection of its own. */
#ifndef ACTORS_POSTGRES_LISTEN_H
#define ACTORS_POSTGRES_LISTEN_H

#include "pool.h"

/* The handlers of cadre_sql_listen and cadre_down. */
int listen_on_ask(cadre_self *self, void *state, cadre_msg *m);
int listen_on_down(cadre_self *self, void *state, cadre_msg *m);
/* What there is to do. */
void listen_go(cadre_self *self, cadre_postgres *me);
/* Something has come on its connection; its request is done; it was closed. */
void listen_hear(cadre_self *self, cadre_postgres *me, struct seat *seat);
void listen_on_done(cadre_self *self, cadre_postgres *me, struct seat *seat);
void listen_on_lost(cadre_self *self, cadre_postgres *me);
void listen_stop(cadre_postgres *me);

static inline bool listen_is(cadre_postgres *me, const struct seat *seat)
{
    return seat == &own_of(me)->seats[me->connections];
}

#endif
