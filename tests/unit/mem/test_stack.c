/* test_stack.c: stacks are apart, guarded, counted, and go back. */
#include "mem/stack.h"

#include "support/process.h"
#include "support/short_heap.h"
#include "support/support.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct heap heap;
static struct stack_pool pool;

static int make(void **state)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    stack_pool_init(&pool, &heap, STACK_SIZE);
    return 0;
}

static int end(void **state)
{
    stack_pool_fini(&pool);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static struct stack *get(void)
{
    struct stack *s = NULL;
    assert_int_equal(stack_get(&s, &pool), 0);
    return s;
}

/* Writes the first and the last byte of each page. */
static void touch(struct stack *s)
{
    for (size_t i = 0; i < s->size; i += 1024)
        s->low[i] = 1;
    s->low[s->size - 1] = 1;
}

static void stack_has_its_size_in_whole_pages(void **state)
{
    static const size_t sizes[][2] = {{0, STACK_MIN},
                                      {STACK_MIN, STACK_MIN},
                                      {(1 << 20) - 5000, 1 << 20},
                                      {STACK_SIZE, STACK_SIZE}};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        stack_pool_init(&pool, &heap, sizes[i][0]);
        struct stack *s = get();
        assert_int_equal(s->size % page, 0);
        assert_in_range(s->size, sizes[i][0], sizes[i][1]);
        assert_ptr_equal(stack_top(s), s->low + s->size);
        touch(s);
        stack_free(s, &heap);
    }
}

enum { SOME = STACK_KEPT + 8 };

static void stacks_are_apart(void **state)
{
    struct stack *all[SOME];
    for (int i = 0; i < SOME; i++) {
        all[i] = get();
        memset(all[i]->low, i, all[i]->size);
    }
    for (int i = 0; i < SOME; i++) {
        for (size_t k = 0; k < all[i]->size; k += 512)
            assert_int_equal(all[i]->low[k], i);
        stack_put(&pool, all[i]);
    }
}

static void stack_put_last_is_the_next(void **state)
{
    struct stack *a = get(), *b = get();
    stack_put(&pool, a);
    stack_put(&pool, b);
    assert_ptr_equal(get(), b);
    assert_ptr_equal(get(), a);
    stack_put(&pool, a);
    stack_put(&pool, b);
}

static void stack_pool_keeps_few(void **state)
{
    struct stack *all[SOME];
    for (int i = 0; i < SOME; i++)
        all[i] = get();
    assert_true(load_relaxed(&heap.bytes) >= SOME * (size_t)STACK_SIZE);
    for (int i = 0; i < SOME; i++)
        stack_put(&pool, all[i]);
    assert_int_equal(pool.count, STACK_KEPT);
    assert_in_range(load_relaxed(&heap.bytes), STACK_KEPT * (size_t)STACK_SIZE,
                    (STACK_KEPT + 1) * (size_t)STACK_SIZE);
}

static void stack_that_is_idle_gives_memory_back(void **state)
{
    enum { BIG = 8 << 20 };
    stack_pool_init(&pool, &heap, BIG);
    struct stack *s = get();
    touch(s);
    *(stack_top(s) - 1) = 77;
    uint64_t before = process_resident();
    stack_put(&pool, s);
    assert_true(process_resident() + BIG / 2 < before);
    assert_ptr_equal(get(), s);
    assert_int_equal(*(stack_top(s) - 1), 77);
    assert_int_equal(s->low[0], 0);
    stack_put(&pool, s);
}

static void stack_takes_no_memory_before_it_is_used(void **state)
{
    struct stack *all[SOME];
    stack_pool_init(&pool, &heap, 8 << 20);
    uint64_t before = process_resident();
    for (int i = 0; i < SOME; i++)
        all[i] = get();
    assert_true(process_resident() < before + (8 << 20));
    for (int i = 0; i < SOME; i++)
        stack_put(&pool, all[i]);
}

/* ---- the guard page ---- */

static void stack_guards_the_page_below(void **state)
{
    struct stack *s = get();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(stack_guards(s, s->low - 1));
    assert_true(stack_guards(s, s->low - page));
    assert_false(stack_guards(s, s->low - page - 1));
    assert_false(stack_guards(s, s->low));
    assert_false(stack_guards(s, stack_top(s)));
    assert_false(stack_guards(s, NULL));
    stack_put(&pool, s);
}

static struct stack *guarded;
static void on_fault(int sig, siginfo_t *info, void *context)
{
    _exit(stack_guards(guarded, info->si_addr) ? 42 : 43);
}

static void touch_below(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    struct stack *s = get();
    guarded = s;
    s->low[0] = 1;
    s->low[-1] = 1;
}

static void stack_guard_cannot_be_touched(void **state)
{
    int status = in_child(touch_below);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

/* ---- failing ---- */

static void stack_beyond_the_limit_is_refused(void **state)
{
    struct stack *a = get(), *none = NULL;
    heap.max = load_relaxed(&heap.bytes) + STACK_SIZE - 1;
    size_t before = load_relaxed(&heap.bytes);
    assert_int_equal(stack_get(&none, &pool), CADRE_EFULL);
    assert_null(none);
    assert_int_equal(load_relaxed(&heap.bytes), before);
    stack_put(&pool, a);
    assert_ptr_equal(get(), a); /* an idle one counts already */
    stack_put(&pool, a);
}

static void stack_without_memory_is_enomem(void **state)
{
    struct short_heap below;
    struct stack *none = NULL;
    cadre_config config = {0};
    short_heap_init(&below, 1, 2);
    short_heap_serve(&below, &config);
    heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
    assert_int_equal(stack_get(&none, &pool), -ENOMEM);
    assert_int_equal(stack_new(&none, &heap, STACK_LIKE_THREAD), -ENOMEM);
    assert_null(none);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
    assert_int_equal(atomic_load(&below.blocks), 0);
    assert_int_equal(atomic_load(&below.refused), 2);
}

static void take_more_than_the_system_has(void)
{
    struct stack *none = NULL;
    (void)make(NULL);
    stack_pool_init(&pool, &heap, SIZE_MAX);
    if (stack_get(&none, &pool) != -ENOMEM)
        _exit(1);
    stack_pool_init(&pool, &heap, (size_t)1 << 50);
    if (stack_get(&none, &pool) != -ENOMEM || load_relaxed(&heap.bytes) != 0 || none)
        _exit(2);
    _exit(0);
}

static void stack_that_the_system_refuses_is_enomem(void **state)
{
    assert_int_equal(in_child(take_more_than_the_system_has), 0);
}

static void stack_like_a_threads_does_not_count(void **state)
{
    struct stack *s = NULL;
    assert_int_equal(stack_new(&s, &heap, STACK_LIKE_THREAD), 0);
    assert_true(load_relaxed(&heap.bytes) < 4096);
    touch(s);
    assert_true(stack_guards(s, s->low - 1));
    stack_free(s, &heap);
    stack_free(NULL, &heap);
}

#define STACK(test) cmocka_unit_test_setup_teardown(test, make, end)

int main(void)
{
    TESTS(STACK(stack_has_its_size_in_whole_pages), STACK(stacks_are_apart),
          STACK(stack_put_last_is_the_next), STACK(stack_pool_keeps_few),
          STACK(stack_that_is_idle_gives_memory_back),
          STACK(stack_takes_no_memory_before_it_is_used),
          STACK(stack_guards_the_page_below), STACK(stack_guard_cannot_be_touched),
          STACK(stack_beyond_the_limit_is_refused),
          STACK(stack_without_memory_is_enomem),
          STACK(stack_that_the_system_refuses_is_enomem),
          STACK(stack_like_a_threads_does_not_count));
    return RUN_TESTS();
}
