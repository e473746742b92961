/* pin.c: an actor that stays on one thread, for a library that keeps things in
 * thread-locals, among others that move. */
#include <cadre/ask.h>
#include <cadre/pin.h>
#include <cadre/system.h>
#include <stdio.h>

/* Such a library: what was opened on a thread is there on no other. */
static _Thread_local int opened;
static void library_open(void) { opened = 1; }
static int library_read(int value) { return opened ? value * value : -1; }

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);

static int start_owner(cadre_self *self, void *state)
{
    library_open();
    return 0;
}
static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    int value = cadre_body(m, number)->value;
    return cadre_reply(self, m, number, library_read(value));
}
static const cadre_class owner = {.start = start_owner, .receive = serve};

static int start(cadre_self *self, void *state)
{
    cadre_ref to;
    int err = cadre_spawn_pinned(self, &to, &owner, NULL);
    for (int i = 1; i <= 3 && !err; i++)
        err = cadre_ask(self, NULL, to, CADRE_NEVER, number, i);
    return err;
}
static int receive(cadre_self *self, void *came, cadre_msg *m)
{
    printf("%d\n", cadre_body(m, number)->value);
    return ++*(int *)came == 3 ? CADRE_STOP : 0;
}
static const cadre_class root = {
    .state_size = sizeof(int), .start = start, .receive = receive};

int main(void) { return cadre_run(&(cadre_config){.pinned = 1}, &root, NULL) != 0; }
