/* test_panic.c: a broken invariant says where, then aborts. */
#include "base/panic.h"

#include "support/support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int said[2]; /* a pipe in place of the child's stderr */

static void panic_into_pipe(void)
{
    dup2(said[1], STDERR_FILENO);
    panic("some/file.c", 1234, "what happened");
}

static void assert_aborted(int status)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void panic_says_where_and_what_then_aborts(void **state)
{
    char text[128] = "";
    assert_int_equal(pipe(said), 0);
    assert_aborted(in_child(panic_into_pipe));
    close(said[1]);
    assert_true(read(said[0], text, sizeof text - 1) > 0);
    close(said[0]);
    static const char expected[] = "cadre: some/file.c:1234: what happened\n";
    assert_memory_equal(text, expected, strlen(expected)); /* an emulator says more */
}

static volatile bool condition;

static void check_condition(void) { invariant(condition); }

static void invariant_that_is_broken_aborts_in_every_build(void **state)
{
    condition = false;
    assert_aborted(in_child(check_condition));
}

static void invariant_that_holds_does_nothing(void **state)
{
    condition = true;
    assert_int_equal(in_child(check_condition), 0);
}

static void be_mistaken(void) { debug_panic("a mistake of the caller"); }

static void debug_panic_aborts_in_a_debug_build_only(void **state)
{
    int status = in_child(be_mistaken);
    if (DEBUG_BUILD)
        assert_aborted(status);
    else
        assert_int_equal(status, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(panic_says_where_and_what_then_aborts),
          cmocka_unit_test(invariant_that_is_broken_aborts_in_every_build),
          cmocka_unit_test(invariant_that_holds_does_nothing),
          cmocka_unit_test(debug_panic_aborts_in_a_debug_build_only));
    return RUN_TESTS();
}
