/* service.c: a restaurant that ends well: on SIGTERM it takes no more orders, but cooks
 * and serves what was ordered. */
#include <cadre/await.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>
#include <stdio.h>

typedef struct {
    int number; /* 0: somebody wants to order */
} order;
static CADRE_TYPE(order);

static int cook(cadre_self *self, void *state, cadre_msg *m)
{
    int number = cadre_body(m, order)->number;
    int err = cadre_sleep(self, 30 * CADRE_MS);
    return err ? err : cadre_reply(self, m, order, number);
}
static const cadre_class kitchen = {.name = "kitchen", .receive = cook};

typedef struct {
    cadre_token guests;
    cadre_ref kitchen;
    int taken, served;
} room;

static int open_room(cadre_self *self, void *state)
{
    room *r = state;
    int err = cadre_spawn(self, &r->kitchen, &kitchen, NULL);
    if (!err)
        err = cadre_every(self, &r->guests, 20 * CADRE_MS, order, 0);
    return err ? err : cadre_when_closing(self, NULL);
}

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    room *r = state;
    const order *o = cadre_body(m, order);
    if (!o) /* it closes */
        return cadre_cancel(self, r->guests);
    if (o->number == 0)
        return cadre_ask(self, NULL, r->kitchen, CADRE_NEVER, order, ++r->taken);
    printf("served: %d of %d\n", ++r->served, r->taken);
    return 0;
}
static const cadre_class root = {
    .name = "room", .state_size = sizeof(room), .start = open_room, .receive = serve};

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    return cadre_serve(NULL, &root, NULL, 5 * CADRE_SECOND, 10 * CADRE_SECOND) != 0;
}
