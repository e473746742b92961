/* test_errors.c: the operating system's error codes as text. */
#include "base/errors.h"

#include "support/support.h"

#include <errno.h>
#include <pthread.h>

static void errors_text_of_a_known_code_says_it(void **state)
{
    assert_string_equal(errors_text(EINVAL), "Invalid argument");
    assert_string_equal(errors_text(EACCES), "Permission denied");
}

static void errors_text_of_each_code_the_runtime_returns_is_there(void **state)
{
    static const int codes[] = {EINVAL, EPERM,  EBADFD,  ENOMEM,    EMSGSIZE, ESHUTDOWN,
                                EAGAIN, EMFILE, EDEADLK, ETIMEDOUT, EBUSY};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_non_null(errors_text(codes[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(errors_text(codes[i]), errors_text(codes[k]));
    }
}

static void errors_text_of_an_unknown_code_is_null(void **state)
{
    assert_null(errors_text(4095));
    assert_null(errors_text(-1));
}

static void *ask_for_others(void *arg)
{
    for (int code = 0; code < 4096; code++)
        (void)errors_text(code);
    return NULL;
}

static void errors_text_stays_whoever_asks_for_others(void **state)
{
    pthread_t thread;
    const char *text = errors_text(ENOMEM);
    (void)ask_for_others(NULL);
    assert_int_equal(pthread_create(&thread, NULL, ask_for_others, NULL), 0);
    pthread_join(thread, NULL);
    assert_ptr_equal(errors_text(ENOMEM), text);
    assert_string_equal(text, "Cannot allocate memory");
}

int main(void)
{
    TESTS(cmocka_unit_test(errors_text_of_a_known_code_says_it),
          cmocka_unit_test(errors_text_of_each_code_the_runtime_returns_is_there),
          cmocka_unit_test(errors_text_of_an_unknown_code_is_null),
          cmocka_unit_test(errors_text_stays_whoever_asks_for_others));
    return RUN_TESTS();
}
