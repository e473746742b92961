/* test_registry.c: which systems live. */
#include "support/support.h"

#include "actor/cell.h"
#include "system/registry.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* Never looked into: any address is a system here. */
static char memory[REGISTRY_MAX + 2];
static cadre_system *fake(int i) { return (cadre_system *)(void *)&memory[i]; }
static bool orphaned[REGISTRY_MAX + 2];

static uint64_t add(int i)
{
    uint64_t tag = 0;
    uint32_t generation = 0;
    assert_int_equal(registry_add(fake(i), &orphaned[i], &tag, &generation), 0);
    assert_in_range(tag, 1, REGISTRY_MAX);
    assert_true(generation >= 1);
    return tag;
}

static void registry_knows_who_lives(void **state)
{
    assert_false(registry_has(NULL));
    assert_false(registry_has(fake(0)));
    uint64_t a = add(0), b = add(1);
    assert_true(a != b);
    assert_true(registry_has(fake(0)) && registry_has(fake(1)));
    assert_false(registry_has(NULL) || registry_has(fake(2)));
    registry_remove(a, 1);
    assert_false(registry_has(fake(0)));
    assert_true(registry_has(fake(1)));
    registry_remove(b, 1);
    assert_false(registry_has(fake(1)));
}

static void registry_has_255_tags(void **state)
{
    uint64_t tags[REGISTRY_MAX], tag = 0;
    uint32_t generation;
    bool seen[REGISTRY_MAX + 1] = {false};
    for (int i = 0; i < REGISTRY_MAX; i++) {
        tags[i] = add(i);
        assert_false(seen[tags[i]]);
        seen[tags[i]] = true;
    }
    assert_int_equal(registry_add(fake(255), &orphaned[255], &tag, &generation),
                     -EMFILE);
    assert_int_equal(tag, 0);
    assert_false(registry_has(fake(255)));
    registry_remove(tags[100], 1);
    assert_int_equal(add(255), tags[100]); /* the only one free */
    for (int i = 0; i < REGISTRY_MAX; i++)
        registry_remove(tags[i], 1);
}

static void registry_gives_a_tag_again_as_late_as_it_can(void **state)
{
    uint64_t first = add(0);
    registry_remove(first, 1);
    for (int i = 0; i < REGISTRY_MAX - 1; i++) {
        uint64_t tag = add(0);
        assert_true(tag != first);
        registry_remove(tag, 1);
    }
    assert_int_equal(add(0), first);
    registry_remove(first, 1);
}

static void registry_continues_the_generations_of_a_tag(void **state)
{
    uint64_t first = add(0), tag = 0;
    uint32_t generation = 0;
    registry_remove(first, 4711);
    do {
        assert_int_equal(registry_add(fake(0), &orphaned[0], &tag, &generation), 0);
        registry_remove(tag, generation);
    } while (tag != first);
    assert_int_equal(generation, 4711);
}

static void registry_gives_no_tag_whose_generations_run_out(void **state)
{
    uint64_t worn = add(0);
    registry_remove(worn, GENERATION_MAX);
    for (int i = 0; i < 2 * REGISTRY_MAX; i++) {
        uint64_t tag = add(0);
        assert_true(tag != worn);
        registry_remove(tag, 1);
    }
}

static void registry_marks_the_living_in_the_child_of_a_fork(void **state)
{
    uint64_t dead = add(0), alive = add(1);
    registry_remove(dead, 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool good = orphaned[1] && !orphaned[0] && registry_has(fake(1));
        uint64_t tag;
        uint32_t generation; /* and the lock is free */
        good = good && registry_add(fake(2), &orphaned[2], &tag, &generation) == 0;
        _exit(good && !orphaned[2] ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(orphaned[1]);
    registry_remove(alive, 1);
}

/* ---- the same with real systems ---- */

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static void registry_255_systems_and_not_one_more(void **state)
{
    static const cadre_class root = {.receive = nothing};
    static cadre_system *systems[REGISTRY_MAX];
    cadre_config config = quiet(1, 1);
    int n = 0;
    cadre_system *sys = NULL;
    while (n < REGISTRY_MAX && cadre_system_new(&systems[n], &config, &root, NULL) == 0)
        n++;
    /* One tag was worn out above. */
    assert_in_range(n, REGISTRY_MAX - 1, REGISTRY_MAX);
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), -EMFILE);
    assert_null(sys);
    for (int i = 0; i < n; i++) {
        assert_int_equal(cadre_system_stop_by(systems[i], CADRE_SECOND), 0);
        assert_int_equal(cadre_system_free(systems[i]), 0);
        assert_int_equal(cadre_stats(systems[i], &sums), -EINVAL);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(registry_knows_who_lives),
          cmocka_unit_test(registry_has_255_tags),
          cmocka_unit_test(registry_gives_a_tag_again_as_late_as_it_can),
          cmocka_unit_test(registry_continues_the_generations_of_a_tag),
          cmocka_unit_test(registry_gives_no_tag_whose_generations_run_out),
          cmocka_unit_test(registry_marks_the_living_in_the_child_of_a_fork),
          cmocka_unit_test(registry_255_systems_and_not_one_more));
    return RUN_TESTS();
}
