/* test_zygote.c: a process that makes processes. */
#include "sched/zygote.h"

#include "support/effort.h"
#include "support/support.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* It says what its page says at first, writes all over that, and ends. */
static void say_page(void *user, int fd, struct zygote_page *page)
{
    const int64_t said[] = {load_relaxed(&page->status),
                            (int64_t)load_relaxed(&page->begun),
                            load_relaxed(&page->due)};
    (void)!write(fd, said, sizeof said);
    store_relaxed(&page->begun, 7);
    store_relaxed(&page->due, 8);
    _exit(3);
}

static void assert_begins_anew(const struct zygote *z)
{
    int ends[2];
    char more;
    int64_t said[3];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(zygote_spawn(z, 0, ends[1]), 0);
    close(ends[1]);
    assert_int_equal(read(ends[0], said, sizeof said), sizeof said);
    assert_int_equal(said[0], ZYGOTE_NO_STATUS);
    assert_int_equal(said[1], 0);
    assert_int_equal(said[2], 0);
    assert_int_equal(read(ends[0], &more, 1), 0);
    close(ends[0]);
    int status = load_acquire(&zygote_page(z, 0)->status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* Whoever was there before may be buried when the next one is asked for already. */
static void zygote_page_is_the_childs(void **state)
{
    struct zygote z;
    if (!effort_can_fork())
        skip();
    assert_int_equal(zygote_start(&z, 1, say_page, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_begins_anew(&z);
    zygote_stop(&z);
}

int main(void)
{
    TESTS(cmocka_unit_test(zygote_page_is_the_childs));
    return RUN_TESTS();
}
