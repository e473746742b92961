/* batcher.c: many small things become few large ones: by count, by time, at the end. */
#include <cadre/actors/batcher.h>
#include <cadre/system.h>
#include <stdio.h>

typedef struct {
    int degrees;
} reading;
static CADRE_TYPE(reading);

struct meter {
    cadre_ref batcher;
    uint32_t came;
};

static int start(cadre_self *self, void *state)
{
    struct meter *me = state;
    int err = cadre_spawn(self, &me->batcher, &cadre_batcher_class,
                          &(cadre_batcher){.to = cadre_me(self),
                                           .type = &reading_type,
                                           .count = 4,
                                           .time = 20 * CADRE_MS});
    for (int i = 0; i < 6 && !err; i++) /* four at once, the rest after 20 ms */
        err = cadre_send(self, me->batcher, reading, .degrees = 20 + i);
    return err;
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct meter *me = state;
    const cadre_batch *batch = cadre_body(m, cadre_batch);
    if (!batch)
        return cadre_unhandled(self, m);
    const reading *r = (const void *)cadre_buf_data(batch->buf);
    printf("%u readings, the last one %d\n", batch->count, r[batch->count - 1].degrees);
    me->came += batch->count; /* the buffer is freed with the message */
    return me->came < 6 ? 0 : CADRE_STOP;
}
static const cadre_class root = {
    .state_size = sizeof(struct meter), .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
