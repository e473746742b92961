/* gather.c: three shops are asked for a price; the client looks at one list. */
#include <cadre.h>
#include <cadre/actors/gather.h>

#include <stdio.h>

typedef struct {
    int article;
} ask_price;
typedef struct {
    int cents;
} price;
static CADRE_TYPE(ask_price);
static CADRE_TYPE(price);

/* Its state is its price; a shop without one does not answer. */
static int shop_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int cents = *(int *)state;
    if (!cadre_body(m, ask_price))
        return cadre_unhandled(self, m);
    return cents ? cadre_reply(self, m, price, cents) : 0;
}
static const cadre_class shop = {
    .name = "shop", .state_size = sizeof(int), .receive = shop_receive};

static int client_start(cadre_self *self, void *state)
{
    static const int prices[] = {1999, 0, 1750};
    cadre_gather config = {.timeout = CADRE_SECOND};
    cadre_ref gather;
    int err = 0;
    for (int i = 0; i < 3 && !err; i++)
        err = cadre_spawn(self, &config.targets[i], &shop, &prices[i]);
    if (!err)
        err = cadre_spawn(self, &gather, &cadre_gather_class, &config);
    return err ? err : cadre_ask(self, NULL, gather, CADRE_NEVER, ask_price, 4711);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_gathered *g = cadre_body(m, cadre_gathered);
    for (uint32_t i = 0; g && i < g->targets; i++) {
        cadre_msg line = cadre_gathered_at(g, i);
        price *p = cadre_body(&line, price);
        cadre_failure *f = cadre_body(&line, cadre_failure);
        printf("shop %u: %d %s\n", i, p ? p->cents : 0,
               f ? cadre_strerror(f->code) : "cents");
    }
    return g ? CADRE_STOP : cadre_unhandled(self, m);
}
static const cadre_class client = {
    .name = "client", .start = client_start, .receive = client_receive};

int main(void) { return cadre_run(NULL, &client, NULL) < 0; }
