/* test_limits.c: CPUs and memory from cgroup files of version 1 and 2 under a root of
 * the test's own, and what this machine says. */
#include "base/limits.h"

#include "support/support.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a root of the test's own, new for each test ---- */

static char root[64];

static int make_root(void **state)
{
    strcpy(root, "/tmp/cadre-limits-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    return remove(path);
}

static int remove_root(void **state)
{
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes the file and the folders it stands in. */
static void have(const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A process in the group /a/b of version 2. */
static void be_in_a_b(void) { have("proc/self/cgroup", "0::/a/b\n"); }

static uint32_t cpus_with(const char *cpu_max)
{
    have("sys/fs/cgroup/a/b/cpu.max", cpu_max);
    return limits_quota_cpus_at(root);
}

static uint64_t memory_with(const char *memory_max)
{
    have("sys/fs/cgroup/a/b/memory.max", memory_max);
    return limits_cgroup_memory_at(root);
}

/* ---- version 2 ---- */

static void limits_without_files_are_none(void **state)
{
    assert_int_equal(limits_quota_cpus_at(root), 0);
    assert_int_equal(limits_cgroup_memory_at(root), 0);
}

static void limits_of_version_2_that_say_max_are_none(void **state)
{
    be_in_a_b();
    assert_int_equal(cpus_with("max 100000\n"), 0);
    assert_int_equal(memory_with("max\n"), 0);
}

static void limits_quota_is_rounded_up(void **state)
{
    be_in_a_b();
    assert_int_equal(cpus_with("1 100000\n"), 1);
    assert_int_equal(cpus_with("100000 100000\n"), 1);
    assert_int_equal(cpus_with("100001 100000\n"), 2);
    assert_int_equal(cpus_with("400000 100000\n"), 4);
    assert_int_equal(cpus_with("30000 20000"), 2); /* no newline */
}

static void limits_quota_that_is_odd_is_none(void **state)
{
    static const char *const texts[] = {
        "", "\n", "100000\n", "100000 0\n", "x y\n", "-1 100000\n", "0 100000\n"};
    be_in_a_b();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(cpus_with(texts[i]), 0);
}

static void limits_quota_beyond_any_machine_is_none(void **state)
{
    be_in_a_b();
    assert_int_equal(cpus_with("4294967298 1\n"), 0);
    assert_true(cpus_with("4294967295 1\n") == UINT32_MAX);
}

static void limits_memory_of_version_2_is_read(void **state)
{
    be_in_a_b();
    assert_int_equal(memory_with("536870912\n"), 536870912);
    assert_true(memory_with("1099511627776\n") == UINT64_C(1) << 40);
}

static void limits_memory_that_is_odd_is_none(void **state)
{
    static const char *const texts[] = {"", "\n", "lots\n", "-1\n",
                                        "9223372036854771712\n"};
    be_in_a_b();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(memory_with(texts[i]), 0);
}

static void limits_of_groups_above_count_too(void **state)
{
    be_in_a_b();
    assert_int_equal(cpus_with("800000 100000\n"), 8);
    assert_int_equal(memory_with("8000\n"), 8000);
    have("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
    have("sys/fs/cgroup/a/memory.max", "2000\n");
    assert_int_equal(limits_quota_cpus_at(root), 2);
    assert_int_equal(limits_cgroup_memory_at(root), 2000);
    have("sys/fs/cgroup/cpu.max", "100000 100000\n");
    have("sys/fs/cgroup/memory.max", "1000\n");
    assert_int_equal(limits_quota_cpus_at(root), 1);
    assert_int_equal(limits_cgroup_memory_at(root), 1000);
}

static void limits_of_the_own_group_count_when_smaller(void **state)
{
    be_in_a_b();
    have("sys/fs/cgroup/a/cpu.max", "800000 100000\n");
    have("sys/fs/cgroup/a/memory.max", "8000\n");
    assert_int_equal(cpus_with("300000 100000\n"), 3);
    assert_int_equal(memory_with("3000\n"), 3000);
}

static void limits_of_other_groups_do_not_count(void **state)
{
    be_in_a_b();
    have("sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
    have("sys/fs/cgroup/a/c/cpu.max", "100000 100000\n");
    have("sys/fs/cgroup/a/c/memory.max", "1000\n");
    assert_int_equal(limits_quota_cpus_at(root), 0);
    assert_int_equal(limits_cgroup_memory_at(root), 0);
}

static void limits_are_found_in_the_root_group(void **state)
{
    have("proc/self/cgroup", "0::/\n"); /* as seen inside a container */
    have("sys/fs/cgroup/cpu.max", "150000 100000\n");
    have("sys/fs/cgroup/memory.max", "4096\n");
    assert_int_equal(limits_quota_cpus_at(root), 2);
    assert_int_equal(limits_cgroup_memory_at(root), 4096);
}

static void limits_find_version_2_among_controllers_of_version_1(void **state)
{
    have("proc/self/cgroup", "12:memory:/x\n3:cpu,cpuacct:/y\n0::/a/b\n1:name=z:/\n");
    assert_int_equal(cpus_with("500000 100000\n"), 5);
}

static void limits_of_version_2_need_a_group(void **state)
{
    have("proc/self/cgroup", "12:memory:/a/b\n10::/a/b\n");
    assert_int_equal(cpus_with("500000 100000\n"), 0);
    assert_int_equal(memory_with("5000\n"), 0);
}

static void limits_of_a_group_with_too_long_a_name_are_none(void **state)
{
    static char line[3000] = "0::/";
    memset(line + 4, 'a', sizeof line - 5);
    have("proc/self/cgroup", line);
    have("sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(limits_quota_cpus_at(root), 0);
}

/* ---- version 1 ---- */

static void limits_quota_of_version_1_is_rounded_up(void **state)
{
    have("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    have("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limits_quota_cpus_at(root), 3);
}

static void limits_quota_of_version_1_may_be_none(void **state)
{
    have("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    have("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limits_quota_cpus_at(root), 0);
}

static void limits_quota_of_version_1_needs_a_period(void **state)
{
    have("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(limits_quota_cpus_at(root), 0);
    have("sys/fs/cgroup/cpu/cpu.cfs_period_us", "0\n");
    assert_int_equal(limits_quota_cpus_at(root), 0);
}

static void limits_memory_of_version_1_is_read(void **state)
{
    have("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
    assert_int_equal(limits_cgroup_memory_at(root), 268435456);
    have("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(limits_cgroup_memory_at(root), 0); /* its way of saying none */
}

static void limits_of_both_versions_give_the_smaller(void **state)
{
    be_in_a_b();
    have("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
    have("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    have("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000\n");
    assert_int_equal(cpus_with("200000 100000\n"), 2);
    assert_int_equal(cpus_with("400000 100000\n"), 3);
    assert_int_equal(memory_with("2000\n"), 2000);
    assert_int_equal(memory_with("4000\n"), 3000);
}

/* ---- this machine ---- */

static void limits_cpus_are_at_most_those_of_the_mask(void **state)
{
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(limits_cpus(), 1, CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(limits_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void limits_memory_is_at_most_that_of_the_machine(void **state)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_in_range(limits_memory(), 1, ram);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    TESTS(WITH_ROOT(limits_without_files_are_none),
          WITH_ROOT(limits_of_version_2_that_say_max_are_none),
          WITH_ROOT(limits_quota_is_rounded_up),
          WITH_ROOT(limits_quota_that_is_odd_is_none),
          WITH_ROOT(limits_quota_beyond_any_machine_is_none),
          WITH_ROOT(limits_memory_of_version_2_is_read),
          WITH_ROOT(limits_memory_that_is_odd_is_none),
          WITH_ROOT(limits_of_groups_above_count_too),
          WITH_ROOT(limits_of_the_own_group_count_when_smaller),
          WITH_ROOT(limits_of_other_groups_do_not_count),
          WITH_ROOT(limits_are_found_in_the_root_group),
          WITH_ROOT(limits_find_version_2_among_controllers_of_version_1),
          WITH_ROOT(limits_of_version_2_need_a_group),
          WITH_ROOT(limits_of_a_group_with_too_long_a_name_are_none),
          WITH_ROOT(limits_quota_of_version_1_is_rounded_up),
          WITH_ROOT(limits_quota_of_version_1_may_be_none),
          WITH_ROOT(limits_quota_of_version_1_needs_a_period),
          WITH_ROOT(limits_memory_of_version_1_is_read),
          WITH_ROOT(limits_of_both_versions_give_the_smaller),
          cmocka_unit_test(limits_cpus_are_at_most_those_of_the_mask),
          cmocka_unit_test(limits_memory_is_at_most_that_of_the_machine));
    return RUN_TESTS();
}
