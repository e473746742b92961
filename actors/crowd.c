/* crowd.c: actors that are watched: found by address, kept in the order they came in. */
#include "crowd.h"

#include <errno.h>

struct place {
    cadre_token address;
    struct fellow *fellow;
};

void crowd_init(struct crowd *crowd)
{
    ring_init(&crowd->all);
    crowd->places = (struct pending){NULL, 0, 0};
}

struct fellow *crowd_find(const struct crowd *crowd, cadre_ref who)
{
    const struct place *place =
        pending_find(&crowd->places, sizeof *place, (cadre_token){who.id});
    return place ? place->fellow : NULL;
}

int crowd_add(cadre_self *self, struct crowd *crowd, struct fellow **fellow,
              cadre_ref who, size_t size, cadre_receive *on_down)
{
    cadre_token watch;
    if (cadre_same(who, cadre_me(self)))
        return -EINVAL;
    int err = pending_reserve(&crowd->places, sizeof(struct place), 1);
    cadre_buf *buf = err ? NULL : cadre_buf_new(NULL, size);
    if (!buf)
        return -ENOMEM;
    err = cadre_watch(self, &watch, who);
    if (err) {
        cadre_buf_unref(buf);
        return err;
    }
    (void)cadre_then(self, watch, on_down);
    *fellow = (struct fellow *)(void *)cadre_buf_data(buf);
    **fellow = (struct fellow){.buf = buf, .who = who, .watch = watch};
    ring_add(&crowd->all, &(*fellow)->ring);
    pending_add(&crowd->places, sizeof(struct place),
                &(struct place){{who.id}, *fellow});
    return 0;
}

void crowd_remove(cadre_self *self, struct crowd *crowd, struct fellow *fellow)
{
    struct place place;
    (void)cadre_cancel(self, fellow->watch); /* unless it has just told us */
    (void)pending_take(&crowd->places, sizeof place, (cadre_token){fellow->who.id},
                       &place);
    ring_remove(&fellow->ring);
    cadre_buf_unref(fellow->buf);
}

void crowd_free(struct crowd *crowd)
{
    while (!ring_is_empty(&crowd->all)) {
        struct fellow *fellow = RING_OF(crowd->all.next, struct fellow, ring);
        ring_remove(&fellow->ring);
        cadre_buf_unref(fellow->buf);
    }
    pending_free(&crowd->places);
}
