/* test_buf.c: bytes under a reference count. */
#include "base/cc.h"

#include "support/support.h"

#include <pthread.h>

static void buf_new_copies_what_it_is_given(void **state)
{
    char text[] = "some bytes";
    cadre_buf *buf = cadre_buf_new(text, sizeof text);
    text[0] = 'S';
    assert_string_equal((char *)cadre_buf_data(buf), "some bytes");
    assert_int_equal(cadre_buf_size(buf), sizeof text);
    cadre_buf_unref(buf);
}

static void buf_new_of_nothing_is_zeroed(void **state)
{
    for (size_t size = 0; size < 300; size++) {
        cadre_buf *buf = cadre_buf_new(NULL, size);
        assert_int_equal(cadre_buf_size(buf), size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(cadre_buf_data(buf)[i], 0);
        cadre_buf_unref(buf);
    }
}

static void buf_of_no_bytes_is_a_buffer(void **state)
{
    cadre_buf *buf = cadre_buf_new("", 0);
    assert_non_null(buf);
    assert_non_null(cadre_buf_data(buf));
    assert_int_equal(cadre_buf_size(buf), 0);
    cadre_buf_unref(buf);
}

static void buf_bytes_are_aligned_for_any_type(void **state)
{
    for (size_t size = 1; size < 100; size++) {
        cadre_buf *buf = cadre_buf_new(NULL, size);
        assert_int_equal((uintptr_t)cadre_buf_data(buf) % alignof(max_align_t), 0);
        cadre_buf_unref(buf);
    }
}

static void buf_of_an_impossible_size_is_null(void **state)
{
    assert_null(cadre_buf_new(NULL, SIZE_MAX));
    assert_null(cadre_buf_new("", SIZE_MAX / 2 + 1));
}

static void buf_null_is_taken_everywhere(void **state)
{
    assert_null(cadre_buf_ref(NULL));
    cadre_buf_unref(NULL);
    assert_null(cadre_buf_data(NULL));
    assert_int_equal(cadre_buf_size(NULL), 0);
}

static void buf_ref_shares_the_same_bytes(void **state)
{
    cadre_buf *one = cadre_buf_new("x", 2), *two = cadre_buf_ref(one);
    assert_ptr_equal(one, two);
    cadre_buf_unref(one);
    assert_string_equal((char *)cadre_buf_data(two), "x"); /* AddressSanitizer looks */
    cadre_buf_unref(two);
}

enum { OWNERS = 4, ROUNDS = 1000 };

static void *own_often(void *arg)
{
    cadre_buf *buf = arg;
    for (int i = 0; i < ROUNDS; i++)
        cadre_buf_unref(cadre_buf_ref(buf));
    uint8_t seen = cadre_buf_data(buf)[0];
    cadre_buf_unref(buf); /* the one the thread was given */
    return seen == 7 ? arg : NULL;
}

static void buf_lives_as_long_as_one_thread_owns_it(void **state)
{
    pthread_t threads[OWNERS];
    cadre_buf *buf = cadre_buf_new(&(uint8_t){7}, 1);
    for (int i = 0; i < OWNERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, own_often, cadre_buf_ref(buf)), 0);
    void *expected = buf, *result;
    cadre_buf_unref(buf);
    for (int i = 0; i < OWNERS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, expected);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(buf_new_copies_what_it_is_given),
          cmocka_unit_test(buf_new_of_nothing_is_zeroed),
          cmocka_unit_test(buf_of_no_bytes_is_a_buffer),
          cmocka_unit_test(buf_bytes_are_aligned_for_any_type),
          cmocka_unit_test(buf_of_an_impossible_size_is_null),
          cmocka_unit_test(buf_null_is_taken_everywhere),
          cmocka_unit_test(buf_ref_shares_the_same_bytes),
          cmocka_unit_test(buf_lives_as_long_as_one_thread_owns_it));
    return RUN_TESTS();
}
