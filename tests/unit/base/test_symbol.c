/* test_symbol.c: functions have the names that the program's file gives them. */
#include "base/symbol.h"

#include "base/backtrace.h"
#include "support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[256];

static const char *describe(const void *address)
{
    symbol_describe(text, sizeof text, address);
    return text;
}

/* Not inlined, and of some length. */
__attribute__((noinline)) static int local(int n)
{
    return snprintf(text, sizeof text, "%d%d%d%d\n", n, n + 1, n + 2, n + 3);
}

static void symbol_names_a_static_function(void **state)
{
    const char *at = (const char *)(uintptr_t)local;
    assert_true(local(1) > 0);
    assert_ptr_equal(strstr(describe(at), "local"), text);
    assert_non_null(strstr(text, "+0x0 ("));
    assert_non_null(strstr(text, "test_symbol)"));
    assert_non_null(strstr(describe(at + 1), "+0x1 ("));
}

static void symbol_names_a_function_of_a_library(void **state)
{
    void *cmocka = dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests");
    assert_non_null(cmocka);
    assert_non_null(strstr(describe(cmocka), "_cmocka_run_group_tests+0x0 ("));
    assert_non_null(strstr(text, "libcmocka"));
}

static void symbol_of_nothing_is_a_number(void **state)
{
    assert_string_equal(describe(NULL), "0x0");
    assert_string_equal(describe((void *)0x10), "0x10");
    assert_string_equal(describe((void *)UINTPTR_MAX), "0xffffffffffffffff");
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(strncmp(describe(page), "0x", 2), 0);
    munmap(page, 4096);
}

/* A mapping of a file with these bytes. */
static void *map_file(int *fd, char path[32], const void *bytes, size_t size)
{
    strcpy(path, "/tmp/cadre-symbol-XXXXXX");
    *fd = mkstemp(path);
    assert_true(*fd >= 0);
    assert_int_equal(write(*fd, bytes, size), (ssize_t)size);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, *fd, 0);
    assert_true(page != MAP_FAILED);
    return page;
}

static void unmap_file(int fd, const char *path, void *page)
{
    munmap(page, 4096);
    close(fd);
    unlink(path);
}

static void symbol_of_a_file_that_is_no_program_is_its_place(void **state)
{
    int fd;
    char path[32], expected[64];
    char *page = map_file(&fd, path, "no program", 10);
    snprintf(expected, sizeof expected, "(%s+0x7)", path);
    assert_string_equal(describe(page + 7), expected);
    unmap_file(fd, path, page);
}

/* Every byte of a program's header in turn is something else, or it ends there. */
static void symbol_of_a_broken_program_is_something(void **state)
{
    enum { HEAD = 4096 };
    static unsigned char head[HEAD];
    int fd, self = open("/proc/self/exe", O_RDONLY);
    char path[32];
    assert_int_equal(read(self, head, HEAD), HEAD);
    close(self);
    char *page = map_file(&fd, path, head, HEAD);
    for (size_t i = 0; i < 1024; i++) {
        unsigned char byte = (unsigned char)(head[i] ^ 0xff);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
        assert_non_null(strstr(describe(page + 64), path));
        assert_int_equal(pwrite(fd, &head[i], 1, (off_t)i), 1);
    }
    for (off_t size = HEAD; size > 0; size -= 61) {
        assert_int_equal(ftruncate(fd, size), 0);
        assert_non_null(strstr(describe(page), path));
    }
    unmap_file(fd, path, page);
}

static void symbol_is_cut_off_where_the_room_ends(void **state)
{
    char small[] = "........";
    symbol_describe(small, 4, (void *)(uintptr_t)local);
    assert_memory_equal(small, "loc\0....", 9);
}

static void symbol_leaves_errno_and_no_descriptor(void **state)
{
    int before = dup(0);
    close(before);
    errno = 77;
    for (int i = 0; i < 50; i++)
        (void)describe((void *)(uintptr_t)local);
    assert_int_equal(errno, 77);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

/* ---- base/backtrace, which describes frames with it ---- */

static volatile unsigned taken;
__attribute__((noinline)) static void take(void **frames, unsigned max)
{
    taken = backtrace_take(frames, max);
}

static bool is_among(void *const *frames, const char *name)
{
    for (unsigned i = 0; i < taken; i++) {
        backtrace_describe(text, sizeof text, frames[i]);
        if (strstr(text, name) == text)
            return true;
    }
    return false;
}

static void backtrace_names_who_has_called(void **state)
{
    void *frames[16];
    take(frames, 16);
    assert_true(is_among(frames, "take+0x"));
    assert_true(is_among(frames, "backtrace_names_who_has_called+0x"));
    assert_true(is_among(frames, "main+0x"));
    take(frames, 2);
    assert_int_equal(taken, 2);
    take(frames, 0);
    assert_int_equal(taken, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(symbol_names_a_static_function),
          cmocka_unit_test(symbol_names_a_function_of_a_library),
          cmocka_unit_test(symbol_of_nothing_is_a_number),
          cmocka_unit_test(symbol_of_a_file_that_is_no_program_is_its_place),
          cmocka_unit_test(symbol_of_a_broken_program_is_something),
          cmocka_unit_test(symbol_is_cut_off_where_the_room_ends),
          cmocka_unit_test(symbol_leaves_errno_and_no_descriptor),
          cmocka_unit_test(backtrace_names_who_has_called));
    return RUN_TESTS();
}
