/* table.c: a protocol as a table, one small function per message.
 *
 * A counter that others add to and ask, and a user who does both. From about four
 * messages on a table reads better than a chain of ifs. */
#include <cadre.h>
#include <cadre/dispatch.h>
#include <stdio.h>

typedef struct {
    int by;
} counter_add;
typedef struct {
    int none; /* ISO C has no empty structs */
} counter_get;
typedef struct {
    int value;
} counter_value;
static CADRE_TYPE(counter_add);
static CADRE_TYPE(counter_get);
static CADRE_TYPE(counter_value);

struct counter {
    int value;
};

static int counter_on_add(cadre_self *self, void *state, cadre_msg *m)
{
    struct counter *me = state;
    me->value += cadre_body(m, counter_add)->by;
    return 0;
}

static int counter_on_get(cadre_self *self, void *state, cadre_msg *m)
{
    struct counter *me = state;
    return cadre_reply(self, m, counter_value, .value = me->value);
}

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&counter_add_type, counter_on_add},
                                  {&counter_get_type, counter_on_get},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}
static const cadre_class counter = {.name = "counter",
                                    .state_size = sizeof(struct counter),
                                    .receive = counter_receive};

static int user_start(cadre_self *self, void *state)
{
    cadre_ref ref;
    int err = cadre_spawn(self, &ref, &counter, &(struct counter){.value = 10});
    for (int i = 1; i <= 10 && !err; i++)
        err = cadre_send(self, ref, counter_add, .by = i);
    return err ? err : cadre_send(self, ref, counter_get, 0);
}

static int user_receive(cadre_self *self, void *state, cadre_msg *m)
{
    counter_value *answer = cadre_body(m, counter_value);
    if (!answer)
        return cadre_unhandled(self, m);
    printf("the counter stands at %d\n", answer->value);
    return CADRE_STOP;
}
static const cadre_class user = {
    .name = "user", .start = user_start, .receive = user_receive};

int main(void)
{
    int err = cadre_run(NULL, &user, NULL);
    if (err < 0)
        fprintf(stderr, "table: %s\n", cadre_strerror(err));
    return err < 0;
}
