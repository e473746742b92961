/* fronts.c: a target that answers by a script, a root that asks and keeps what came. */
#include "support/fronts.h"

#include "support/effort.h"

#include <stdio.h>

struct script script;
struct had had;
uint32_t shares;

void script_set(const int *steps, size_t length)
{
    memset(&script, 0, sizeof script);
    memcpy(script.steps, steps, length * sizeof *steps);
    script.length = (uint32_t)length;
}

typedef struct {
    cadre_promise promise;
    uint64_t value;
} late;
static CADRE_TYPE(late);

static int answer_late(cadre_self *self, cadre_msg *m)
{
    late l = {.value = cadre_body(m, number)->value};
    assert_int_equal(cadre_defer(self, m, &l.promise), 0);
    assert_int_equal(cadre_after_as(self, NULL, 100 * CADRE_MS, &late_type, &l), 0);
    return 0;
}

static int answer(cadre_self *self, cadre_msg *m)
{
    owned *o = cadre_body(m, owned);
    if (o) { /* one of its own */
        shares++;
        return cadre_reply(self, m, owned, o->id);
    }
    return cadre_reply(self, m, number, cadre_body(m, number)->value * 2);
}

static int hold(cadre_self *self, cadre_msg *m)
{
    cadre_promise promise;
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    return 0;
}

static int script_receive(cadre_self *self, void *state, cadre_msg *m)
{
    late *l = cadre_body(m, late);
    if (l) {
        (void)cadre_answer(self, l->promise, number, l->value * 2);
        return 0;
    }
    if (!m->token.id) {
        script.plain++;
        return 0;
    }
    uint32_t n = script.asked++;
    assert_true(n < SCRIPT_MAX);
    script.times[n] = cadre_now(self);
    script.values[n] = cadre_body(m, number) ? cadre_body(m, number)->value : 0;
    int step = script.steps[n < script.length ? n : script.length - 1];
    if (step < 0)
        return cadre_reply(self, m, cadre_failure, .code = step);
    return step == ANSWER  ? answer(self, m)
           : step == LATE  ? answer_late(self, m)
           : step == HOLD  ? hold(self, m)
           : step == LEAVE ? hold(self, m) + CADRE_STOP
                           : 0;
}

const cadre_class script_class = {.name = "script", .receive = script_receive};

cadre_ref front, target;

void put_in_front(cadre_self *self, const cadre_class *cls, const void *config,
                  cadre_ref *target_in_config)
{
    assert_int_equal(cadre_spawn(self, &target, &script_class, NULL), 0);
    *target_in_config = target;
    assert_int_equal(cadre_spawn(self, &front, cls, config), 0);
}

typedef struct {
    void (*act)(cadre_self *self);
} deed;
static CADRE_TYPE(deed);

int keep_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    deed *d = cadre_body(m, deed);
    if (d) {
        d->act(self);
        return 0;
    }
    assert_true(had.count < SCRIPT_MAX);
    struct outcome *o = &had.of[had.count++];
    const cadre_failure *f = cadre_body(m, cadre_failure);
    *o = (struct outcome){.type = m->type, .time = cadre_now(self), .token = m->token};
    if (f) {
        o->code = f->code;
        o->cause = f->cause;
        o->origin = f->origin;
        o->text = f->message;
    }
    if (cadre_body(m, number))
        o->value = cadre_body(m, number)->value;
    if (cadre_body(m, owned))
        o->value = cadre_body(m, owned)->id;
    return 0;
}

void later(cadre_self *self, cadre_time delay, void (*act)(cadre_self *self))
{
    assert_int_equal(cadre_after(self, NULL, delay, deed, act), 0);
}

cadre_token ask_number(cadre_self *self, cadre_ref to, cadre_time timeout,
                       uint64_t value)
{
    cadre_token token = {0};
    assert_int_equal(cadre_ask(self, &token, to, timeout, number, value), 0);
    return token;
}

void ask_owned(cadre_self *self, cadre_ref to, cadre_time timeout, uint32_t id)
{
    assert_int_equal(cadre_ask(self, NULL, to, timeout, owned, id), 0);
}

static cadre_ref client;
static int client_start(cadre_self *self, void *state)
{
    (void)ask_number(self, front, CADRE_NEVER, *(uint64_t *)state);
    return 0;
}
static void kill_client(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, client, 0), 0);
}
void let_a_client_die(cadre_self *self, cadre_time after, uint64_t value)
{
    static const cadre_class asker = {
        .state_size = sizeof value, .start = client_start, .receive = keep_outcome};
    assert_int_equal(cadre_spawn(self, &client, &asker, &value), 0);
    later(self, after, kill_client);
}

void stop_front(cadre_self *self) { assert_int_equal(cadre_stop(self, front), 0); }

static void (*current)(cadre_self *self);
static void begin(cadre_self *self)
{
    cadre_become(self, keep_outcome);
    current(self);
}

void play_asking(uint64_t seed, void (*scene)(cadre_self *self))
{
    cadre_config config = quiet(1 + (uint32_t)seed % 3, seed);
    config.batch = seed % 2 ? 1 : 64;
    current = scene;
    memset(&had, 0, sizeof had);
    assert_int_equal(play_with(&config, begin), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}

void play_all_seeds(uint64_t n, void (*prepare)(void), void (*scene)(cadre_self *self),
                    void (*check)(void))
{
    for (uint64_t seed = 1; seed <= n; seed++) {
        shares = 0;
        drops_clear();
        if (prepare)
            prepare();
        play_asking(seed, scene);
        if (check)
            check();
    }
}

void play_seeds(uint64_t n, void (*prepare)(void), void (*scene)(cadre_self *self),
                void (*check)(void))
{
    play_all_seeds(effort(n, 20 * n), prepare, scene, check);
}

int share_owned(const cadre_type *type, void *body)
{
    assert_true(type == &owned_type);
    shares++;
    return 0;
}

void assert_owned_dropped(uint32_t sent)
{
    assert_int_equal(atomic_load(&drops[0]), sent + shares);
}

static const cadre_class *start_class;
static const void *start_init;
static void spawn_it(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, NULL, start_class, start_init), 0);
}

void assert_start_fails(const cadre_class *cls, const void *init, int code)
{
    char text[64];
    start_class = cls;
    start_init = init;
    snprintf(text, sizeof text, "failed at its start: %s", cadre_strerror(code));
    assert_int_equal(play(spawn_it), 0);
    assert_int_equal(lines_with(text), 1);
}
