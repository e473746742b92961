/* test_park.c: one thread sleeps on a word, another wakes it; or wakes a descriptor. */
#include "base/park.h"

#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void park_wait_returns_when_the_word_is_another(void **state)
{
    struct park_word word = {.fd = PARK_ON_FUTEX};
    atomic_set(&word.value, 5);
    park_wait(&word, 4, PARK_FOREVER);
    assert_int_equal(load_relaxed(&word.value), 5);
}

static void park_wait_returns_when_its_time_is_over(void **state)
{
    struct park_word word = {.fd = PARK_ON_FUTEX};
    atomic_set(&word.value, 0);
    int64_t before = real_now();
    park_wait(&word, 0, 0);
    park_wait(&word, 0, 1);
    park_wait(&word, 0, CADRE_MS);
    assert_true(real_now() - before < 60 * CADRE_SECOND);
}

static void *wait_for_change(void *arg)
{
    struct park_word *word = arg;
    while (load_acquire(&word->value) == 0)
        park_wait(word, 0, PARK_FOREVER);
    return NULL;
}

static void park_wake_wakes_all_that_sleep(void **state)
{
    enum { SLEEPERS = 3 };
    pthread_t threads[SLEEPERS];
    struct park_word word = {.fd = PARK_ON_FUTEX};
    atomic_set(&word.value, 0);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_change, &word), 0);
    store_release(&word.value, 1);
    park_wake(&word, SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void park_wake_of_a_descriptor_makes_it_readable(void **state)
{
    uint64_t count = 0;
    struct park_word word = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(word.fd >= 0);
    park_wake(&word, 1);
    park_wake(&word, 1);
    assert_int_equal(read(word.fd, &count, sizeof count), sizeof count);
    assert_int_equal(count, 2);
    close(word.fd);
}

static void park_wake_of_a_full_descriptor_keeps_errno(void **state)
{
    uint64_t full = UINT64_MAX - 1;
    struct park_word word = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_int_equal(write(word.fd, &full, sizeof full), sizeof full);
    errno = EXDEV;
    park_wake(&word, 1);
    assert_int_equal(errno, EXDEV);
    close(word.fd);
}

static void park_wake_of_nothing_does_nothing(void **state)
{
    struct park_word word = {.fd = PARK_ON_NOTHING};
    atomic_set(&word.value, 3);
    errno = EXDEV;
    park_wake(&word, 1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(load_relaxed(&word.value), 3);
}

int main(void)
{
    TESTS(cmocka_unit_test(park_wait_returns_when_the_word_is_another),
          cmocka_unit_test(park_wait_returns_when_its_time_is_over),
          cmocka_unit_test(park_wake_wakes_all_that_sleep),
          cmocka_unit_test(park_wake_of_a_descriptor_makes_it_readable),
          cmocka_unit_test(park_wake_of_a_full_descriptor_keeps_errno),
          cmocka_unit_test(park_wake_of_nothing_does_nothing));
    return RUN_TESTS();
}
