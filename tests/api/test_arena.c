/* test_arena.c: memory that an actor owns until its end. */
#include "support/support.h"

#include <cadre/arena.h>

#include <errno.h>
#include <stdalign.h>

static const size_t sizes[] = {1, 8, 15, 100, 2000, 5000, 300000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void assert_blank(const unsigned char *p, size_t size)
{
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p[i], 0);
}

/* Twice, so that the second time is what the first has written to. */
static void alloc_some(cadre_self *self)
{
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < SIZES; i++) {
            unsigned char *p = cadre_alloc(self, sizes[i]);
            assert_blank(p, sizes[i]);
            memset(p, 0xff, sizes[i]);
            if (round == 0)
                cadre_dealloc(self, p);
        }
}

static void alloc_is_zeroed(void **state) { assert_int_equal(play(alloc_some), 0); }

/* In which order: from first, middle, last. */
static void give_back_in_any_order(cadre_self *self)
{
    void *p[5];
    static const int order[] = {2, 0, 4, 1, 3};
    for (int i = 0; i < 5; i++)
        p[i] = cadre_alloc(self, 64);
    for (int i = 0; i < 5; i++)
        cadre_dealloc(self, p[order[i]]);
    cadre_dealloc(self, NULL);
    alloc_some(self);
}

static void given_back_in_any_order(void **state)
{
    assert_int_equal(play(give_back_in_any_order), 0);
}

/* ---- the end ---- */

static uint64_t bytes_held(cadre_self *self)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(cadre_system_of(self), &c), 0);
    return c.bytes;
}

enum { LARGE = 1 << 20, MEN = 20 };

/* How they end; and before that, where they get something. */
enum end { STOPS, FAILS, KILLED, START_FAILS, ENDS };
struct man {
    uint32_t end;
    char *memory;
};

static int man_start(cadre_self *self, void *state)
{
    struct man *me = state;
    me->memory = cadre_alloc(self, LARGE);
    assert_non_null(me->memory);
    return me->end == START_FAILS ? -EIO : 0;
}
static int man_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const struct man *me = state;
    assert_non_null(cadre_alloc(self, LARGE));
    return me->end == FAILS ? -EIO : me->end == STOPS ? CADRE_STOP : 0;
}
static void man_stop(cadre_self *self, void *state, int reason)
{
    struct man *me = state;
    memset(me->memory, 1, LARGE); /* it is still there */
    assert_non_null(cadre_alloc(self, LARGE));
}
static const cadre_class man = {.name = "man",
                                .state_size = sizeof(struct man),
                                .start = man_start,
                                .receive = man_receive,
                                .stop = man_stop};

/* Makes men, and looks when they have ended. */
struct judge {
    uint64_t before;
};
typedef struct {
    int none;
} look;
static CADRE_TYPE(look);

static int judge_start(cadre_self *self, void *state)
{
    struct judge *me = state;
    me->before = bytes_held(self);
    for (uint32_t i = 0; i < MEN; i++) {
        cadre_ref child;
        struct man init = {.end = i % ENDS};
        assert_int_equal(cadre_spawn(self, &child, &man, &init), 0);
        assert_int_equal(cadre_send(self, child, number, 1), 0);
        if (init.end == KILLED)
            assert_int_equal(cadre_kill(self, child, 0), 0);
    }
    return cadre_send(self, cadre_me(self), look, 0);
}

static int judge_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_counters c;
    const struct judge *me = state;
    assert_int_equal(cadre_stats(cadre_system_of(self), &c), 0);
    if (c.actors > 2) /* the root, and this one */
        return cadre_send(self, cadre_me(self), look, 0);
    assert_true(c.bytes < me->before + LARGE);
    record_add(1);
    return CADRE_STOP;
}

static void judge(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(struct judge),
                                      .start = judge_start,
                                      .receive = judge_receive};
    assert_int_equal(cadre_spawn(self, NULL, &class, NULL), 0);
}

static void freed_at_the_end(void **state)
{
    record_clear();
    assert_int_equal(play(judge), 0);
    assert_record(1);
}

/* ---- refusals ---- */

static void ask_for_nonsense(cadre_self *self)
{
    assert_null(cadre_alloc(self, 0));
    assert_null(cadre_alloc(self, ((size_t)1 << 30) + 1));
    assert_null(cadre_alloc(self, SIZE_MAX));
}

static void nonsense_is_refused(void **state)
{
    assert_int_equal(play(ask_for_nonsense), 0);
    assert_null(cadre_alloc(NULL, 1));
    cadre_dealloc(NULL, NULL);
}

static void ask_for_too_much(cadre_self *self)
{
    int got = 0;
    while (got < 100 && cadre_alloc(self, LARGE))
        got++;
    assert_in_range(got, 1, 16);
    assert_int_equal(cadre_spawn(self, NULL, &sink_class, NULL), 0); /* it goes on */
}

static void limit_holds(void **state)
{
    cadre_config config = quiet(1, 7);
    config.memory_max = 16 << 20;
    assert_int_equal(play_with(&config, ask_for_too_much), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(alloc_is_zeroed), cmocka_unit_test(given_back_in_any_order),
          cmocka_unit_test(freed_at_the_end), cmocka_unit_test(nonsense_is_refused),
          cmocka_unit_test(limit_holds));
    return RUN_TESTS();
}
