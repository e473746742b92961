/* watching.c: who watches, and what it is told, for the tests of watches. */
#include "support/watching.h"

struct news news;

int note_down(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    if (!down)
        return note_outcome(self, state, m);
    assert_true(news.count < TOLD_MAX);
    news.list[news.count++] =
        (struct told){m->token.id, down->who, m->from, down->reason, cadre_now(self)};
    return 0;
}

static void (*scene_of_watcher)(cadre_self *self);

static void set_out(cadre_self *self)
{
    news.count = 0;
    cadre_become(self, note_down);
    scene_of_watcher(self);
}

void watching(void (*scene)(cadre_self *self), void (*judge)(void))
{
    scene_of_watcher = scene;
    asking(set_out, judge, 0);
}

uint64_t watch_one(cadre_self *self, cadre_ref who)
{
    cadre_token token = {0};
    assert_int_equal(cadre_watch(self, &token, who), 0);
    assert_true(token.id != 0);
    return token.id;
}

cadre_ref mortal(cadre_self *self) { return serve(self, REPLY, (cadre_ref){0}); }

void finish_one(cadre_self *self, cadre_ref who, int result)
{
    assert_int_equal(cadre_send(self, who, finish, result), 0);
}

uint32_t times_told(uint64_t token)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < news.count; i++)
        count += news.list[i].token == token;
    return count;
}

void assert_told(uint64_t token, cadre_ref who, int reason)
{
    assert_int_equal(times_told(token), 1);
    for (uint32_t i = 0; i < news.count; i++)
        if (news.list[i].token == token) {
            assert_int_equal(news.list[i].who.id, who.id);
            assert_int_equal(news.list[i].from.id, who.id);
            assert_int_equal(news.list[i].reason, reason);
        }
}
