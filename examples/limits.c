/* limits.c: a display that shows only the latest temperature of each room, however many
 * have come meanwhile, and a desk that refuses the fourth customer. */
#include <cadre.h>
#include <cadre/supervise.h>

#include <stdio.h>

typedef struct {
    int room, degrees;
} reading;
static CADRE_TYPE(reading);
typedef struct {
    int number;
} customer;
static CADRE_TYPE(customer);

static int show(cadre_self *self, void *state, cadre_msg *m)
{
    reading *r = cadre_body(m, reading);
    if (r)
        printf("room %d: %d degrees\n", r->room, r->degrees);
    return 0;
}
static const cadre_class display_class = {.name = "display", .receive = show};

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    customer *c = cadre_body(m, customer);
    if (c)
        printf("customer %d is served\n", c->number);
    return c && c->number == 3 ? cadre_stop(self, cadre_parent(self)) : 0;
}
static const cadre_class desk_class = {.name = "desk", .receive = serve};

static uint64_t room_of(const cadre_type *type, const void *body)
{
    return (uint64_t)((const reading *)body)->room;
}

static int start(cadre_self *self, void *state)
{
    const cadre_limit two = {
        .mailbox_max = 2, .overflow = CADRE_KEEP_LATEST, .key = room_of};
    const cadre_limit three = {.mailbox_max = 3, .overflow = CADRE_REFUSE};
    cadre_ref display, desk;
    int err = cadre_spawn_with(self, &display, &display_class, NULL,
                               &(cadre_opts){.limit = &two});
    if (!err)
        err = cadre_spawn_with(self, &desk, &desk_class, NULL,
                               &(cadre_opts){.limit = &three});
    for (int i = 0; i < 10 && !err; i++)
        err = cadre_send(self, display, reading, i % 2, 20 + i);
    for (int i = 1; i <= 4 && !err; i++)
        if (cadre_send(self, desk, customer, i) == CADRE_EFULL)
            printf("customer %d is sent away\n", i);
    return err;
}
static const cadre_class root_class = {.name = "root", .start = start, .receive = show};

int main(void) { return cadre_run(NULL, &root_class, NULL) < 0; }
