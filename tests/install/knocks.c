/* knocks.c: a user's program with PostgreSQL; nobody listens where it connects to. */
#include <cadre.h>
#include <cadre/actors/postgres.h>

static int start(cadre_self *self, void *state)
{
    const cadre_postgres config = {.url = "postgresql://nobody@127.0.0.1:1/none",
                                   .patience = 1};
    cadre_ref db;
    (void)state;
    int err = cadre_spawn(self, &db, &cadre_postgres_class, &config);
    return err ? err : cadre_sql_ask(self, NULL, db, CADRE_NEVER, "SELECT 1", NULL, 0);
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)self;
    (void)state;
    return m->type == &cadre_sql_error_type ? CADRE_STOP : CADRE_EUSER;
}
static const cadre_class class = {.name = "knocks", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
