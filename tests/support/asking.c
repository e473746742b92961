/* asking.c: who asks and who is asked, for the tests of requests. */
#include "support/asking.h"

CADRE_TYPE(go);
CADRE_TYPE(finish);

static void drop_large(void *body)
{
    atomic_fetch_add(&drops[((large *)body)->id % OWNED_MAX], 1);
}
CADRE_TYPE_DROP(large, drop_large);

large large_of(uint32_t id)
{
    large l = {.id = id};
    for (size_t i = 0; i < sizeof l.fill; i++)
        l.fill[i] = (unsigned char)(id * 7 + i * 31);
    return l;
}

bool large_is_whole(const large *l)
{
    large whole = large_of(l->id);
    return memcmp(l, &whole, sizeof whole) == 0;
}

/* ---- servers ---- */

struct kept kept;
static uint32_t kept_ids[KEPT_MAX];

static int reply(cadre_self *self, cadre_msg *m, uint32_t id)
{
    assert_int_equal(cadre_reply(self, m, owned, id + 1), 0);
    return 0;
}

static cadre_promise keep(cadre_self *self, cadre_msg *m)
{
    assert_true(kept.count < KEPT_MAX);
    cadre_promise *promise = &kept.promises[kept.count];
    kept_ids[kept.count] = ((owned *)m->body)->id;
    assert_int_equal(cadre_defer(self, m, promise), 0);
    kept.count++;
    assert_true(cadre_is_awaited(self, *promise));
    return *promise;
}

static int answer_kept(cadre_self *self)
{
    for (uint32_t i = 0; i < kept.count; i++)
        if (cadre_same(kept.promises[i].holder, cadre_me(self)) &&
            cadre_is_awaited(self, kept.promises[i]))
            assert_int_equal(
                cadre_answer(self, kept.promises[i], owned, kept_ids[i] + 1), 0);
    return 0;
}

/* Defers it, and gets rid of it in one of several ways. */
static int promise(cadre_self *self, const server *s, cadre_msg *m, uint32_t id)
{
    cadre_promise p = keep(self, m);
    if (s->way == KEEP_AND_ANSWER) {
        assert_int_equal(cadre_answer(self, p, owned, id + 1), 0);
        assert_false(cadre_is_awaited(self, p));
    } else if (s->way == DELEGATE) {
        assert_int_equal(cadre_delegate_as(self, p, s->next, CADRE_BODY(owned, id + 1)),
                         0);
        assert_false(cadre_is_awaited(self, p));
    } else if (s->way == HAND_OUT) {
        assert_int_equal(cadre_send(self, s->next, owned, id + 1), 0);
    }
    return s->way == KEEP_AND_FAIL ? CADRE_EUSER - 7 : 0;
}

static int end_itself(cadre_self *self, enum way way)
{
    cadre_ref me = cadre_me(self);
    return way == STOP_ITSELF ? cadre_stop(self, me) : cadre_kill(self, me, 0);
}

static int answer_large(cadre_self *self, cadre_msg *m, uint32_t id)
{
    large l = large_of(id + 1);
    assert_int_equal(cadre_reply_as(self, m, &large_type, &l), 0);
    return 0;
}

static int serve_request(cadre_self *self, server *s, cadre_msg *m, uint32_t id)
{
    switch (s->way) {
    case REPLY:
        return reply(self, m, id);
    case REPLY_LARGE:
        return answer_large(self, m, id);
    case REFUSE:
        assert_int_equal(cadre_reply(self, m, cadre_failure, .code = CADRE_EUSER), 0);
        return 0;
    case UNEXPECTED:
        return cadre_unhandled(self, m);
    case FAIL:
        return CADRE_EUSER - 7;
    case STOP:
        return CADRE_STOP;
    case STOP_ITSELF:
    case KILL_ITSELF:
        return end_itself(self, s->way);
    case REPLY_AND_FAIL:
        return reply(self, m, id) + CADRE_EUSER - 7;
    case SET_ASIDE:
        assert_int_equal(cadre_stash(self, m), 0);
        return 0;
    case PASS_ON:
        assert_int_equal(cadre_forward(self, s->next, m), 0);
        return 0;
    case FORGET:
        return 0;
    default:
        return promise(self, s, m, id);
    }
}

/* The promise for the request with the id before this one. */
static int answer_handed_out(cadre_self *self, uint32_t id)
{
    uint32_t i = 0;
    while (i < kept.count && kept_ids[i] + 1 != id)
        i++;
    assert_true(i < kept.count);
    return cadre_answer(self, kept.promises[i], owned, id + 1);
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    server *s = state;
    if (cadre_body(m, finish))
        return cadre_body(m, finish)->result;
    if (cadre_body(m, go)) {
        s->way = s->way == SET_ASIDE ? REPLY : s->way;
        cadre_unstash(self);
        return answer_kept(self);
    }
    if (m->token.id)
        return serve_request(self, s, m, ((owned *)m->body)->id);
    return answer_handed_out(self, cadre_body(m, owned)->id);
}

const cadre_class server_class = {
    .name = "server", .state_size = sizeof(server), .receive = server_receive};

cadre_ref serve(cadre_self *self, enum way way, cadre_ref next)
{
    cadre_ref ref;
    server init = {way, next};
    assert_int_equal(cadre_spawn(self, &ref, &server_class, &init), 0);
    return ref;
}

/* ---- the client ---- */

struct outcomes outcomes;

int note_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(outcomes.count < OUTCOMES_MAX);
    struct outcome *o = &outcomes.list[outcomes.count++];
    const cadre_failure *f = cadre_body(m, cadre_failure);
    *o = (struct outcome){.token = m->token.id,
                          .type = m->type,
                          .from = m->from,
                          .when = cadre_now(self)};
    if (f) {
        o->code = f->code;
        o->cause = f->cause;
        o->origin = f->origin;
        assert_null(f->message);
    } else if (m->type == &owned_type) {
        o->id = ((owned *)m->body)->id;
    } else if (m->type == &large_type) {
        assert_true(large_is_whole(m->body));
        o->id = ((large *)m->body)->id;
    }
    return 0;
}

static void (*scene_of_client)(cadre_self *self);

static void set_out(cadre_self *self)
{
    cadre_become(self, note_outcome);
    scene_of_client(self);
}

void asking(void (*scene)(cadre_self *self), void (*judge)(void), uint32_t dropped)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        drops_clear();
        outcomes.count = kept.count = 0;
        scene_of_client = scene;
        assert_int_equal(play_with(&config, set_out), 0);
        judge();
        assert_dropped_once(dropped);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}

uint64_t ask_for(cadre_self *self, cadre_ref to, cadre_time timeout, uint32_t id)
{
    cadre_token token = {0};
    assert_int_equal(cadre_ask(self, &token, to, timeout, owned, id), 0);
    assert_true(token.id != 0);
    return token.id;
}

static const struct outcome *outcome_at(uint32_t n, uint64_t token)
{
    assert_true(n < outcomes.count);
    assert_int_equal(outcomes.list[n].token, token);
    return &outcomes.list[n];
}

void assert_failed(uint32_t n, uint64_t token, int code, cadre_ref origin)
{
    const struct outcome *o = outcome_at(n, token);
    assert_ptr_equal(o->type, &cadre_failure_type);
    assert_int_equal(o->code, code);
    assert_int_equal(o->origin.id, origin.id);
}

void assert_answered(uint32_t n, uint64_t token, uint32_t id)
{
    const struct outcome *o = outcome_at(n, token);
    assert_true(o->type == &owned_type || o->type == &large_type);
    assert_int_equal(o->id, id);
}
