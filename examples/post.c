/* post.c: three notes by mail. One is replaced, one recalled; the reader comes later. */
#include <cadre.h>
#include <cadre/actors/post.h>
#include <cadre/timer.h>

#include <stdio.h>
#include <string.h>

static const cadre_type read_type = {.name = "read"};

struct owner {
    cadre_ref inbox, outbox;
};

static cadre_buf *text(const char *s) { return cadre_buf_new(s, strlen(s) + 1); }

static int owner_start(cadre_self *self, void *state)
{
    struct owner *me = state;
    cadre_outbox config = {.ttl = CADRE_NEVER};
    int err = cadre_spawn(self, &me->inbox, &cadre_inbox_class, &(cadre_inbox){0});
    config.to = me->inbox;
    if (!err)
        err = cadre_spawn(self, &me->outbox, &cadre_outbox_class, &config);
    if (!err)
        err = cadre_send(self, me->outbox, cadre_post, .content = text("tea at four"));
    if (!err)
        err = cadre_send(self, me->outbox, cadre_post, .content = text("not meant"));
    if (!err)
        err =
            cadre_send(self, me->outbox, cadre_post, .key = 1, .content = text("dry"));
    if (!err)
        err = cadre_send(self, me->outbox, cadre_post_recall, .number = 2);
    if (!err)
        err =
            cadre_send(self, me->outbox, cadre_post, .key = 1, .content = text("wet"));
    return err ? err : cadre_after_as(self, NULL, 100 * CADRE_MS, &read_type, NULL);
}

static int owner_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct owner *me = state;
    cadre_post_item *item = cadre_body(m, cadre_post_item);
    if (m->type == &read_type)
        return cadre_send(self, me->inbox, cadre_post_take, .max = 0);
    if (!item)
        return CADRE_STOP; /* the count, behind the last */
    printf("%d: %s\n", (int)item->number, (char *)cadre_buf_data(item->content));
    return 0;
}
static const cadre_class owner = {.name = "owner",
                                  .state_size = sizeof(struct owner),
                                  .start = owner_start,
                                  .receive = owner_receive};

int main(void) { return cadre_run(NULL, &owner, NULL) < 0; }
