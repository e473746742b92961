/* defer.c: a request is answered later, by another actor, or is lost there. */
#include <cadre/ask.h>
#include <cadre/system.h>
#include <stdio.h>

typedef struct {
    int pages;
} job;
static CADRE_TYPE(job);

static int print(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, job, .pages = cadre_body(m, job)->pages);
}
static int lose(cadre_self *self, void *state, cadre_msg *m)
{
    return 0; /* and whoever asked is told that there will be no answer */
}
static const cadre_class classes[] = {{.receive = print}, {.receive = lose}};

/* Could keep the promise and answer it later; passes it on, with a message of its own. */
static int spool(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_ref *to = state;
    cadre_promise promise;
    int pages = cadre_body(m, job)->pages, err = cadre_defer(self, m, &promise);
    if (err)
        return err;
    return cadre_delegate_as(self, promise, to[pages > 9], CADRE_BODY(job, pages));
}
static int start_spooler(cadre_self *self, void *state)
{
    cadre_ref *to = state;
    int err = cadre_spawn(self, &to[0], &classes[0], NULL);
    return err ? err : cadre_spawn(self, &to[1], &classes[1], NULL);
}
static const cadre_class spooler = {
    .state_size = 2 * sizeof(cadre_ref), .start = start_spooler, .receive = spool};

static int start(cadre_self *self, void *state)
{
    cadre_ref *to = state;
    int err = cadre_spawn(self, to, &spooler, NULL);
    return err ? err : cadre_ask(self, NULL, *to, CADRE_SECOND, job, 3);
}
static int receive(cadre_self *self, void *to, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    printf("%s\n", f ? cadre_strerror(f->code) : "printed");
    return f ? CADRE_STOP
             : cadre_ask(self, NULL, *(cadre_ref *)to, CADRE_SECOND, job, 30);
}
static const cadre_class root = {
    .state_size = sizeof(cadre_ref), .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
