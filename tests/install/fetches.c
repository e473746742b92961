/* fetches.c: a user's program with Redis; nobody listens where it connects to. */
#include <cadre.h>
#include <cadre/actors/redis.h>

static int start(cadre_self *self, void *state)
{
    const cadre_redis config = {.url = "redis://127.0.0.1:1", .patience = 1};
    cadre_ref db;
    (void)state;
    int err = cadre_spawn(self, &db, &cadre_redis_class, &config);
    return err ? err : cadre_redis_ask(self, NULL, db, CADRE_NEVER, "GET %s", "a");
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)self;
    (void)state;
    return m->type == &cadre_failure_type ? CADRE_STOP : CADRE_EUSER;
}
static const cadre_class class = {
    .name = "fetches", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
