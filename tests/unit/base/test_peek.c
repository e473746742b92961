/* test_peek.c: memory that may be gone. */
#include "base/peek.h"

#include "support/support.h"

#include <sys/mman.h>
#include <unistd.h>

static char *pages; /* two; the second one cannot be read */
static size_t page;

/* Where the kernel refuses there is nothing to test. */
static int map(void **state)
{
    int x = 7, y = 0;
    page = (size_t)sysconf(_SC_PAGESIZE);
    pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(munmap(pages + page, page), 0);
    if (!peek_bytes(&y, &x, sizeof x))
        print_message("process_vm_readv is refused here\n");
    return 0;
}

static int unmap(void **state) { return munmap(pages, page); }

static void need_peek(void)
{
    char c;
    if (!peek_bytes(&c, pages, 1))
        skip();
}

static void peek_bytes_copies_what_is_there(void **state)
{
    need_peek();
    uint64_t from = UINT64_C(0x0123456789abcdef), to = 0;
    assert_true(peek_bytes(&to, &from, sizeof from));
    assert_true(to == from);
}

static void peek_bytes_refuses_what_is_not(void **state)
{
    char to[16];
    assert_false(peek_bytes(to, NULL, 1));
    assert_false(peek_bytes(to, pages + page, 8));
    assert_false(peek_bytes(to, pages + page - 4, 8)); /* half of it */
    assert_false(peek_bytes(to, (void *)UINTPTR_MAX, 1));
}

static void peek_text_copies_and_cuts(void **state)
{
    need_peek();
    char to[6];
    assert_true(peek_text(to, sizeof to, "abc"));
    assert_string_equal(to, "abc");
    assert_true(peek_text(to, sizeof to, ""));
    assert_string_equal(to, "");
    assert_true(peek_text(to, sizeof to, "abcdefgh"));
    assert_string_equal(to, "abcde");
    assert_true(peek_text(to, sizeof to,
                          "a\n\xff"
                          "b"));
    assert_string_equal(to, "a??b");
}

static void peek_text_may_end_with_its_page(void **state)
{
    need_peek();
    char to[64];
    strcpy(pages + page - 4, "end");
    assert_true(peek_text(to, sizeof to, pages + page - 4));
    assert_string_equal(to, "end");
    memcpy(pages + page - 3, "end", 3); /* it does not end */
    assert_false(peek_text(to, sizeof to, pages + page - 3));
    assert_true(peek_text(to, 4, pages + page - 3)); /* no more was asked for */
    assert_string_equal(to, "end");
}

int main(void)
{
    TESTS(cmocka_unit_test(peek_bytes_copies_what_is_there),
          cmocka_unit_test(peek_bytes_refuses_what_is_not),
          cmocka_unit_test(peek_text_copies_and_cuts),
          cmocka_unit_test(peek_text_may_end_with_its_page));
    return cmocka_run_group_tests(tests, map, unmap);
}
