/* test_names.c: the registry: growth, entries used again, and its memory. */
#include "actor/names.h"

#include "support/short_heap.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>

enum { MANY = 5000 };

static struct heap heap;
static struct names names;
static struct short_heap shortage;
static struct name_entry *mine, *theirs;

static int make_names(void **state)
{
    cadre_config config = {0};
    short_heap_init(&shortage, 0, 0);
    short_heap_serve(&shortage, &config);
    heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
    names_init(&names, &heap, 7);
    mine = theirs = NULL;
    return 0;
}

static int end_names(void **state)
{
    names_release(&names, &mine);
    names_release(&names, &theirs);
    names_fini(&names);
    return shortage.blocks == 0 && load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static struct name named(const char *text)
{
    struct name name;
    assert_true(name_read(&name, text, names.seed));
    return name;
}

static int add(const char *text, uint64_t owner)
{
    struct name name = named(text);
    return names_add(&names, &name, owner, owner == 1 ? &mine : &theirs);
}

static int remove_name(const char *text, uint64_t owner)
{
    struct name name = named(text);
    return names_remove(&names, &name, owner);
}

static uint64_t find(const char *text)
{
    struct name name = named(text);
    return names_find(&names, &name);
}

/* The n-th name: long and short ones. */
static const char *nth(uint32_t n)
{
    static char text[CADRE_NAME_MAX + 1];
    snprintf(text, sizeof text, "%u%.*s", n, (int)(n % 7 * (n % 7)),
             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    return text;
}

static void names_at_first_none(void **state)
{
    assert_int_equal(find("a"), 0);
    assert_int_equal(remove_name("a", 1), -ENOENT);
    assert_int_equal(shortage.calls, 0);
}

static void names_added_found_removed(void **state)
{
    assert_int_equal(add("a", 1), 0);
    assert_int_equal(find("a"), 1);
    assert_int_equal(find("b"), 0);
    assert_int_equal(add("a", 1), -EEXIST);
    assert_int_equal(add("a", 2), -EEXIST);
    assert_int_equal(remove_name("a", 2), -ENOENT);
    assert_int_equal(find("a"), 1);
    assert_int_equal(remove_name("a", 1), 0);
    assert_int_equal(find("a"), 0);
    assert_int_equal(remove_name("a", 1), -ENOENT);
    assert_int_equal(add("a", 2), 0);
    assert_int_equal(find("a"), 2);
}

/* One begins like the other, at the ends of words and of sizes. */
static void names_of_every_length_differ(void **state)
{
    char text[CADRE_NAME_MAX + 1] = {0};
    for (int n = 0; n < CADRE_NAME_MAX; n++) {
        text[n] = 'x';
        assert_int_equal(find(text), 0);
        assert_int_equal(add(text, (uint64_t)n + 2), 0);
    }
    for (int n = CADRE_NAME_MAX; n > 0; n--) {
        assert_int_equal(find(text), n + 1);
        text[n - 1] = 0;
    }
}

static void names_many_stay_through_growth(void **state)
{
    for (uint32_t n = 0; n < MANY; n++) {
        assert_int_equal(add(nth(n), 1 + n % 2), 0);
        assert_int_equal(find(nth(n / 2)), 1 + n / 2 % 2);
        assert_int_equal(find(nth(n + 1)), 0);
    }
    assert_true(load_relaxed(&names.table)->mask + 1 >= MANY);
    for (uint32_t n = 0; n < MANY; n += 3)
        assert_int_equal(remove_name(nth(n), 1 + n % 2), 0);
    for (uint32_t n = 0; n < MANY; n++)
        assert_int_equal(find(nth(n)), n % 3 ? 1 + n % 2 : 0);
    names_release(&names, &mine);
    for (uint32_t n = 0; n < MANY; n++)
        assert_int_equal(find(nth(n)), n % 3 && n % 2 ? 2 : 0);
    assert_null(mine);
}

/* Wherever in a name the difference stands, names stand in many buckets. */
static uint32_t longest_chain(void)
{
    const struct name_table *table = load_relaxed(&names.table);
    uint32_t longest = 0;
    for (uint64_t i = 0; i <= table->mask; i++) {
        uint32_t length = 0;
        for (struct name_entry *e = load_relaxed(&table->buckets[i].first.to); e;
             e = load_relaxed(&e->next.to))
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}
static void names_spread(void **state)
{
    char text[64];
    for (int before = 0; before < 18; before++) {
        for (unsigned n = 0; n < 4096; n++) {
            snprintf(text, sizeof text, "%.*s%03x", before, "xxxxxxxxxxxxxxxxxx", n);
            assert_int_equal(add(text, 1), 0);
        }
        assert_true(longest_chain() <= 10);
        names_release(&names, &mine);
    }
}

static void names_use_memory_again(void **state)
{
    for (uint32_t n = 0; n < 1000; n++)
        assert_int_equal(add(nth(n), 1), 0);
    names_release(&names, &mine);
    uint64_t calls = shortage.calls;
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t n = 0; n < 1000; n++) /* 14 have the sizes of 7 */
            assert_int_equal(add(nth(n + 7 * round), 1 + n % 2), 0);
        names_release(&names, &mine);
        names_release(&names, &theirs);
    }
    assert_true(shortage.calls <= calls + 10);
}

/* Without memory for a larger table, chains get longer; without any, it says so. */
static void names_without_memory(void **state)
{
    short_heap_init(&shortage, 1, UINT64_MAX);
    assert_int_equal(add("a", 1), -ENOMEM);
    assert_int_equal(find("a"), 0);
    short_heap_init(&shortage, 2, UINT64_MAX);
    assert_int_equal(add("a", 1), -ENOMEM); /* a table, but no entry */
    assert_int_equal(find("a"), 0);
    shortage.fail_first = 0;
    for (uint32_t n = 0; n < NAMES_FIRST; n++)
        assert_int_equal(add(nth(n), 1), 0);
    shortage.fail_first = shortage.calls + 1;
    shortage.fail_count = 1;
    assert_int_equal(add("b", 2), 0);
    assert_int_equal(load_relaxed(&names.table)->mask, NAMES_FIRST - 1);
    assert_int_equal(add("c", 2), 0);
    assert_int_equal(load_relaxed(&names.table)->mask, 2 * NAMES_FIRST - 1);
    assert_int_equal(find("b"), 2);
    assert_int_equal(find("c"), 2);
}

static void names_copied_whole(void **state)
{
    struct names_copy copy;
    assert_int_equal(names_copy(&names, &copy), 0);
    assert_int_equal(copy.count, 0);
    assert_null(copy.words);
    assert_int_equal(add("a", 1), 0);
    assert_int_equal(add("a name of more words", 2), 0);
    shortage.fail_first = shortage.calls + 1;
    shortage.fail_count = 1;
    assert_int_equal(names_copy(&names, &copy), -ENOMEM);
    assert_int_equal(names_copy(&names, &copy), 0);
    assert_int_equal(copy.count, 2);
    assert_int_equal(copy.bytes, (1 + 1 + 1 + 3) * 8);
    heap_put(&heap, copy.words, copy.bytes);
}

/* As for a lookup that holds an old table, whose buckets have moved. */
static void names_left_table_says_so(void **state)
{
    assert_int_equal(add("a", 1), 0);
    struct name_table *old = load_relaxed(&names.table);
    for (uint32_t n = 0; n <= NAMES_FIRST; n++)
        assert_int_equal(add(nth(n), 1), 0);
    assert_ptr_not_equal(load_relaxed(&names.table), old);
    for (uint32_t i = 0; i < NAMES_FIRST; i++)
        assert_true(load_relaxed(&old->buckets[i].version) == NAMES_MOVED);
    assert_int_equal(find("a"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_names, end_names)
int main(void)
{
    TESTS(TEST(names_at_first_none), TEST(names_added_found_removed),
          TEST(names_of_every_length_differ), TEST(names_many_stay_through_growth),
          TEST(names_spread), TEST(names_use_memory_again), TEST(names_without_memory),
          TEST(names_copied_whole), TEST(names_left_table_says_so));
    return RUN_TESTS();
}
