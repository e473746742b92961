/* postgres.c: allocation k fails, k = 1, 2, 3 ..., while a PostgreSQL server is asked,
 * with transactions, cursors, what is given up, and a channel. Each request that was
 * accepted has one outcome, all of it ends, and nothing is left allocated. (What libpq
 * takes comes from elsewhere.) */
#include "support/options.h"
#include "support/postgres.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/postgres.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 2, ASKS = 100, WAIT = 300 * CADRE_MS };

static const char *url;
static atomic_uint answers, cursors;

struct root {
    cadre_ref db;
    uint32_t asked, rounds;
};

static int ask(cadre_self *self, struct root *me, const char *const *texts,
               cadre_time timeout, uint32_t rows)
{
    cadre_sql sql = {.rows = rows};
    for (; *texts; texts++)
        if (cadre_sql_add(&sql, *texts, NULL, 0)) {
            cadre_sql_drop(&sql);
            return -ENOMEM;
        }
    return cadre_ask_as(self, NULL, me->db, timeout, &cadre_sql_type, &sql);
}

static int begin_round(cadre_self *self, struct root *me)
{
    static const char *const one[] = {"SELECT 1", NULL},
                             *const unit[] =
                                 {"CREATE TEMP TABLE IF NOT EXISTS t (n int)",
                                  "INSERT INTO t VALUES (1)", NULL},
                             *const some[] = {"VALUES (1), (2), (3)", NULL},
                             *const late[] = {"SELECT pg_sleep(9)", NULL};
    static const char *const *const all[] = {one, unit, some};
    const cadre_sql_listen listen = {.channel = "c", .stop = me->rounds + 1 == ROUNDS};
    me->asked +=
        cadre_ask_as(self, NULL, me->db, WAIT, &cadre_sql_listen_type, &listen) == 0;
    for (uint32_t i = 0; i < ASKS; i++)
        me->asked += ask(self, me, all[i % 3], WAIT, i % 3 == 2) == 0;
    me->asked += ask(self, me, late, 20 * CADRE_MS, 0) == 0;
    return me->asked > 0 ? 0 : -ENOMEM;
}

static int root_start(cadre_self *self, void *state)
{
    struct root *me = state;
    const cadre_postgres config = {
        .url = url, .connections = 3, .patience = 1, .cursor = 50 * CADRE_MS};
    int err = cadre_spawn(self, &me->db, &cadre_postgres_class, &config);
    return err ? err : begin_round(self, me);
}
/* Half of the cursors are left alone. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct root *me = state;
    const cadre_sql_rows *rows = cadre_body(m, cadre_sql_rows);
    if (cadre_body(m, cadre_sql_notice))
        return 0;
    atomic_fetch_add(&answers, rows != NULL);
    if (rows && rows->cursor && atomic_fetch_add(&cursors, 1) % 2)
        me->asked +=
            cadre_ask(self, NULL, me->db, WAIT, cadre_sql_next, rows->cursor, 1) == 0;
    if (--me->asked > 0)
        return 0;
    return ++me->rounds == ROUNDS ? CADRE_STOP : begin_round(self, me);
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct root),
                                 .start = root_start,
                                 .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, then all"}, {0}};
    options_read(argc, argv, "every allocation fails, with a PostgreSQL server",
                 entries);
    if (!postgres_make()) {
        puts("skipped: PostgreSQL's server is not there");
        return 77;
    }
    url = postgres_url("");
    sweep_both(&(struct sweep){.root = &root}, count, "postgres");
    CHECK(atomic_load(&answers) > 0);
    CHECK(atomic_load(&cursors) > 0);
    return verdict_print();
}
