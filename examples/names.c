/* names.c: a client finds a server by name; when that has ended, the next one. */
#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/name.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);
/* Whoever is first has the name; the others try again until it is free. */
static int server_start(cadre_self *self, void *state)
{
    int err = cadre_register(self, "doubler");
    return err == -EEXIST ? cadre_after(self, NULL, CADRE_MS, number, 0) : err;
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_same(m->from, cadre_me(self)))
        return server_start(self, state);
    int err = cadre_reply(self, m, number, 2 * cadre_body(m, number)->value);
    return err ? err : CADRE_STOP; /* one answer each, and the name is free */
}
static const cadre_class server = {
    .name = "server", .start = server_start, .receive = server_receive};

static int ask(cadre_self *self, int value)
{
    cadre_ref who = cadre_whereis(self, "doubler");
    return who.id ? cadre_ask(self, NULL, who, CADRE_SECOND, number, value)
                  : cadre_after(self, NULL, CADRE_MS, number, value);
}

static int client_start(cadre_self *self, void *state)
{
    for (int i = 0; i < 3; i++)
        if (cadre_spawn(self, NULL, &server, NULL))
            return -ENOMEM;
    return ask(self, 1);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int *value = state;
    const number *n = cadre_body(m, number);
    if (n && !cadre_same(m->from, cadre_me(self)))
        printf("%d\n", *value = n->value);
    /* Else it is time to look again, or that server has ended before it answered. */
    return *value == 8 ? CADRE_STOP : ask(self, *value ? *value : 1);
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(int),
                                   .start = client_start,
                                   .receive = client_receive};

int main(void) { return cadre_run(NULL, &client, NULL) < 0; }
