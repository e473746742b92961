/* watch.c: who is told when another actor ends, and two that fail together. */
#include <cadre/system.h>
#include <cadre/timer.h>
#include <cadre/watch.h>
#include <stdio.h>

typedef struct {
    int result;
} leave;
static CADRE_TYPE(leave);

static int obey(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, leave) ? cadre_body(m, leave)->result : 0;
}
static const cadre_class session = {.name = "session", .receive = obey};

/* A writer without its session is of no use: it ends with it. */
static int writer_start(cadre_self *self, void *state)
{
    return cadre_link(self, NULL, *(cadre_ref *)state);
}
static const cadre_class writer = {.name = "writer",
                                   .state_size = sizeof(cadre_ref),
                                   .start = writer_start,
                                   .receive = obey};

static int open_session(cadre_self *self, int result)
{
    cadre_ref s, w;
    int err = cadre_spawn(self, &s, &session, NULL);
    if (!err)
        err = cadre_spawn(self, &w, &writer, &s);
    if (!err)
        err = cadre_watch(self, NULL, s);
    if (!err)
        err = cadre_watch(self, NULL, w);
    return err ? err : cadre_send(self, s, leave, result);
}

static int root_start(cadre_self *self, void *state)
{
    return open_session(self, CADRE_EUSER - 1);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    printf("%s\n", cadre_strerror(down->reason));
    return ++*(int *)state == 2 ? CADRE_STOP : 0;
}
static const cadre_class root = {
    .state_size = sizeof(int), .start = root_start, .receive = root_receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
