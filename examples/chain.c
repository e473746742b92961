/* chain.c: outcomes passed from step to step, and two that become one. */
#include <cadre/chain.h>
#include <cadre/system.h>
#include <errno.h>
#include <stdio.h>

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);

static int square(cadre_self *self, void *state, cadre_msg *m)
{
    int value = cadre_body(m, number)->value;
    if (value < 0)
        return cadre_reply(self, m, cadre_failure, .code = -EDOM);
    return cadre_reply(self, m, number, value * value);
}
static const cadre_class server = {.receive = square};

static int add_1(cadre_self *self, void *state, cadre_msg *m)
{
    printf("a step has %d\n", cadre_body(m, number)->value);
    return cadre_pass_as(self, CADRE_BODY(number, cadre_body(m, number)->value + 1));
}

static int explain(cadre_self *self, void *state, cadre_msg *m)
{
    printf("failed: %s\n", cadre_strerror(cadre_body(m, cadre_failure)->code));
    return cadre_pass_as(self, CADRE_BODY(number, -1)); /* and goes on with a value */
}

static int root_start(cadre_self *self, void *state)
{
    cadre_ref to[2];
    cadre_token t[2];
    int err = 0;
    for (int i = 0; !err && i < 2; i++) {
        err = cadre_spawn(self, &to[i], &server, NULL);
        if (!err)
            err = cadre_ask(self, &t[i], to[i], CADRE_SECOND, number, i ? 6 : -1);
        if (!err)
            err = cadre_chain(self, &t[i], t[i], add_1, explain);
    }
    return err ? err : cadre_join(self, &t[0], t, 2, 2);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_joined *j = cadre_body(m, cadre_joined);
    if (j)
        printf("joined: %u values\n", j->values);
    return CADRE_STOP;
}
static const cadre_class root = {.start = root_start, .receive = root_receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
