/* test_registry.c: tags in turn, 255 systems, generations that go on, freed systems.
 *
 * The registry belongs to the process, so a test leaves it empty, and expects nothing of
 * the tag it begins with. */
#include "system/registry.h"

#include "actor/cell.h"
#include "sched/worker.h"
#include "support/support.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only the addresses of systems count, so any will do. */
static struct entry {
    char place;
    bool orphaned;
    uint64_t tag;
    uint32_t generation;
} entries[REGISTRY_MAX + 1];

static cadre_system *system_at(struct entry *entry) { return (void *)&entry->place; }

static int add(struct entry *e)
{
    e->orphaned = false;
    return registry_add(system_at(e), &e->orphaned, &e->tag, &e->generation);
}

/* As a system does that has given out no address. */
static void leave(struct entry *e) { registry_remove(e->tag, e->generation); }

static uint64_t tag_after(uint64_t tag) { return tag % REGISTRY_MAX + 1; }

/* Comes and goes until a system has this tag. */
static void add_with_tag(struct entry *e, uint64_t tag)
{
    assert_int_equal(add(e), 0);
    while (e->tag != tag) {
        leave(e);
        assert_int_equal(add(e), 0);
    }
}

/* ---- who lives ---- */

static void registry_has_a_system_until_it_is_removed(void **state)
{
    assert_false(registry_has(system_at(&entries[0])));
    assert_int_equal(add(&entries[0]), 0);
    assert_true(registry_has(system_at(&entries[0])));
    leave(&entries[0]);
    assert_false(registry_has(system_at(&entries[0])));
}

static void registry_has_neither_null_nor_a_stranger(void **state)
{
    assert_int_equal(add(&entries[0]), 0);
    assert_false(registry_has(NULL));
    assert_false(registry_has(system_at(&entries[1])));
    leave(&entries[0]);
}

static void registry_removed_system_leaves_the_others(void **state)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(&entries[i]), 0);
    leave(&entries[1]);
    assert_true(registry_has(system_at(&entries[0])));
    assert_false(registry_has(system_at(&entries[1])));
    assert_true(registry_has(system_at(&entries[2])));
    leave(&entries[0]);
    leave(&entries[2]);
}

/* ---- tags ---- */

static void registry_gives_tags_in_turn(void **state)
{
    assert_int_equal(add(&entries[0]), 0);
    uint64_t tag = entries[0].tag;
    leave(&entries[0]);
    for (int i = 0; i < 3 * REGISTRY_MAX; i++) { /* though only one is in use */
        assert_int_equal(add(&entries[0]), 0);
        tag = tag_after(tag);
        assert_int_equal(entries[0].tag, tag);
        assert_in_range(tag, 1, REGISTRY_MAX);
        leave(&entries[0]);
    }
}

static void registry_passes_over_tags_in_use(void **state)
{
    assert_int_equal(add(&entries[0]), 0);
    uint64_t before = entries[0].tag == 1 ? REGISTRY_MAX : entries[0].tag - 1;
    add_with_tag(&entries[1], before);
    leave(&entries[1]);
    assert_int_equal(add(&entries[1]), 0);
    assert_int_equal(entries[1].tag, tag_after(entries[0].tag));
    leave(&entries[0]);
    leave(&entries[1]);
}

static void registry_holds_255_systems_with_255_tags(void **state)
{
    bool seen[REGISTRY_MAX + 1] = {false};
    struct entry *more = &entries[REGISTRY_MAX];
    for (int i = 0; i < REGISTRY_MAX; i++) {
        assert_int_equal(add(&entries[i]), 0);
        assert_false(seen[entries[i].tag]);
        seen[entries[i].tag] = true;
    }
    more->tag = 999;
    assert_int_equal(add(more), -EMFILE);
    assert_int_equal(more->tag, 999); /* written on success only */
    assert_false(registry_has(system_at(more)));
    leave(&entries[REGISTRY_MAX - 1]);
    assert_int_equal(add(more), 0); /* there is room for one again */
    assert_int_equal(more->tag, entries[REGISTRY_MAX - 1].tag);
    leave(more);
    for (int i = 0; i < REGISTRY_MAX - 1; i++)
        leave(&entries[i]);
}

/* ---- generations ---- */

static void registry_goes_on_with_the_generation_left_free(void **state)
{
    struct entry *e = &entries[0];
    assert_int_equal(add(e), 0);
    uint64_t tag = e->tag;
    uint32_t first = e->generation;
    assert_true(first >= 1);
    registry_remove(tag, first + 1000);
    add_with_tag(e, tag);
    assert_int_equal(e->generation, first + 1000);
    leave(e); /* it used none */
    add_with_tag(e, tag);
    assert_int_equal(e->generation, first + 1000);
    leave(e);
}

static void registry_generations_of_other_tags_do_not_move(void **state)
{
    struct entry *one = &entries[0], *two = &entries[1];
    assert_int_equal(add(one), 0);
    assert_int_equal(add(two), 0);
    uint64_t tag = two->tag;
    uint32_t generation = two->generation;
    registry_remove(one->tag, one->generation + 50);
    leave(two);
    add_with_tag(two, tag);
    assert_int_equal(two->generation, generation);
    leave(two);
}

/* The last test: that tag is gone for good. */
static void registry_retires_a_tag_whose_generations_run_out(void **state)
{
    struct entry *e = &entries[0];
    assert_int_equal(add(e), 0);
    uint64_t gone = e->tag;
    registry_remove(gone, GENERATION_MAX); /* used up */
    for (int i = 0; i < 2 * REGISTRY_MAX; i++) {
        assert_int_equal(add(e), 0);
        assert_int_not_equal(e->tag, gone);
        leave(e);
    }
    for (int i = 0; i < REGISTRY_MAX - 1; i++)
        assert_int_equal(add(&entries[i]), 0);
    assert_int_equal(add(&entries[REGISTRY_MAX]), -EMFILE);
    for (int i = 0; i < REGISTRY_MAX - 1; i++)
        leave(&entries[i]);
}

/* ---- forks ---- */

static void exit_with_what_the_child_sees(void)
{
    bool right = entries[0].orphaned && entries[1].orphaned && !entries[2].orphaned &&
                 worker_current() == NULL && registry_has(system_at(&entries[0])) &&
                 add(&entries[3]) == 0 && !entries[3].orphaned;
    _exit(right ? 7 : 1);
}

static void
registry_tells_the_child_of_a_fork_that_its_systems_are_orphans(void **state)
{
    struct worker worker;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(&entries[i]), 0);
    leave(&entries[2]);
    struct worker *before = worker_enter(&worker); /* as if a handler forked */
    int status = in_child(exit_with_what_the_child_sees);
    assert_ptr_equal(worker_enter(before), &worker);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_false(entries[0].orphaned || entries[1].orphaned); /* here they live on */
    leave(&entries[0]);
    leave(&entries[1]);
}

int main(void)
{
    TESTS(cmocka_unit_test(registry_has_a_system_until_it_is_removed),
          cmocka_unit_test(registry_has_neither_null_nor_a_stranger),
          cmocka_unit_test(registry_removed_system_leaves_the_others),
          cmocka_unit_test(registry_gives_tags_in_turn),
          cmocka_unit_test(registry_passes_over_tags_in_use),
          cmocka_unit_test(registry_holds_255_systems_with_255_tags),
          cmocka_unit_test(registry_goes_on_with_the_generation_left_free),
          cmocka_unit_test(registry_generations_of_other_tags_do_not_move),
          cmocka_unit_test(
              registry_tells_the_child_of_a_fork_that_its_systems_are_orphans),
          cmocka_unit_test(registry_retires_a_tag_whose_generations_run_out));
    return RUN_TESTS();
}
