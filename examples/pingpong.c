/* pingpong.c: two actors keep a ball in the air until its count runs out. */
#include <cadre.h>
#include <stdio.h>

typedef struct {
    int left;
} ball;
static CADRE_TYPE(ball);

static int ponger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    ball *b = cadre_body(m, ball);
    return b ? cadre_reply(self, m, ball, .left = b->left - 1)
             : cadre_unhandled(self, m);
}
static const cadre_class ponger = {.name = "ponger", .receive = ponger_receive};

struct pinger {
    int rounds;
    cadre_ref peer;
};

static int pinger_start(cadre_self *self, void *state)
{
    struct pinger *me = state;
    int err = cadre_spawn(self, &me->peer, &ponger, NULL);
    return err ? err : cadre_send(self, me->peer, ball, .left = me->rounds);
}
static int pinger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct pinger *me = state;
    ball *b = cadre_body(m, ball);
    if (b && b->left > 0)
        return cadre_send(self, me->peer, ball, .left = b->left);
    return b ? CADRE_STOP : cadre_unhandled(self, m);
}
static const cadre_class pinger = {.name = "pinger",
                                   .state_size = sizeof(struct pinger),
                                   .start = pinger_start,
                                   .receive = pinger_receive};

int main(void)
{
    int err = cadre_run(NULL, &pinger, &(struct pinger){.rounds = 1000000});
    printf("%s\n", cadre_strerror(err));
    return err < 0;
}
