/* keeps.c: a user's program with SQLite. */
#include <cadre.h>
#include <cadre/actors/sqlite.h>

static int start(cadre_self *self, void *state)
{
    const cadre_sqlite config = {.path = "keeps.db", .use = CADRE_FILE_MAKE};
    cadre_ref db;
    (void)state;
    int err = cadre_spawn(self, &db, &cadre_sqlite_class, &config);
    return err ? err : cadre_sql_ask(self, NULL, db, CADRE_NEVER, "SELECT 1", NULL, 0);
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)self;
    (void)state;
    return m->type == &cadre_sql_rows_type ? CADRE_STOP : CADRE_EUSER;
}
static const cadre_class class = {.name = "keeps", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
