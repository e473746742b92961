/* test_topology.c: distances on machines that are made of files under a root of the
 * test's own, and on this one. */
#include "base/topology.h"

#include "support/support.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- a root of the test's own, new for each test ---- */

static char root[64];
static struct topology machine;

static int make_root(void **state)
{
    strcpy(root, "/tmp/cadre-topology-XXXXXX");
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
    snprintf(path, sizeof path, "%s/sys/devices/system/%s", root, name);
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

static void have_of(unsigned cpu, const char *what, const char *text)
{
    char name[128];
    snprintf(name, sizeof name, "cpu/cpu%u/%s", cpu, what);
    have(name, text);
}

/* A CPU with its own L1, and an L2 and L3 that it shares with these. */
static void have_cpu(unsigned cpu, const char *package, const char *siblings,
                     const char *sharers)
{
    have_of(cpu, "topology/physical_package_id", package);
    have_of(cpu, "topology/thread_siblings_list", siblings);
    have_of(cpu, "cache/index0/level", "1\n");
    have_of(cpu, "cache/index0/shared_cpu_list", siblings);
    have_of(cpu, "cache/index1/level", "2\n");
    have_of(cpu, "cache/index1/shared_cpu_list", siblings);
    have_of(cpu, "cache/index2/level", "3\n");
    have_of(cpu, "cache/index2/shared_cpu_list", sharers);
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    uint32_t there = topology_distance(&machine, a, b);
    assert_int_equal(there, topology_distance(&machine, b, a));
    return there;
}

/* The distances from CPU 0 to 0, 1, 2 ..., a digit each. */
static void assert_from(uint32_t cpu, const char *distances)
{
    char found[64] = "";
    for (uint32_t to = 0; distances[to]; to++)
        found[to] = (char)('0' + distance(cpu, to));
    assert_string_equal(found, distances);
}

static void assert_all_far(uint32_t cpus)
{
    for (uint32_t a = 0; a < cpus; a++)
        for (uint32_t b = 0; b < cpus; b++)
            assert_int_equal(distance(a, b), a == b ? TOPOLOGY_CORE : TOPOLOGY_FAR);
}

/* ---- machines ---- */

/* Two sockets of two cores with two threads each, numbered as Linux does. */
static void have_two_sockets(void)
{
    static const char *const siblings[] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n"};
    have("cpu/possible", "0-7\n");
    for (unsigned cpu = 0; cpu < 8; cpu++) {
        bool second = cpu & 2;
        have_cpu(cpu, second ? "1\n" : "0\n", siblings[cpu % 4],
                 second ? "2-3,6-7\n" : "0-1,4-5\n");
    }
    have("node/online", "0-1\n");
    have("node/node0/cpulist", "0-1,4-5\n");
    have("node/node1/cpulist", "2-3,6-7\n");
}

static void topology_knows_threads_caches_and_sockets(void **state)
{
    have_two_sockets();
    topology_read_at(&machine, root);
    assert_from(0, "01440144");
    assert_from(1, "10441044");
    assert_from(6, "44014401");
}

/* Four nodes of four cores in two packages; two caches in each node. */
static void topology_knows_nodes_within_a_package(void **state)
{
    static const char *const nodes[] = {"0-3\n", "4-7\n", "8-11\n", "12-15\n"};
    char self[8], pair[16], name[64];
    have("cpu/possible", "0-15\n");
    for (unsigned cpu = 0; cpu < 16; cpu++) {
        snprintf(self, sizeof self, "%u\n", cpu);
        snprintf(pair, sizeof pair, "%u-%u\n", cpu / 2 * 2, cpu / 2 * 2 + 1);
        have_cpu(cpu, cpu < 8 ? "0\n" : "1\n", self, pair);
    }
    have("node/online", "0-3\n");
    for (unsigned node = 0; node < 4; node++) {
        snprintf(name, sizeof name, "node/node%u/cpulist", node);
        have(name, nodes[node]);
    }
    topology_read_at(&machine, root);
    assert_from(0, "0122333344444444");
    assert_from(5, "3333102244444444");
    assert_from(15, "4444444433332210");
}

static void topology_of_a_node_over_two_packages_separates_them(void **state)
{
    have_two_sockets();
    have("node/online", "0\n");
    have("node/node0/cpulist", "0-7\n");
    topology_read_at(&machine, root);
    assert_from(0, "01330133");
}

static void topology_without_nodes_goes_by_packages(void **state)
{
    have("cpu/possible", "0-2\n");
    have_cpu(0, "0\n", "0\n", "0\n");
    have_cpu(1, "0\n", "1\n", "1\n");
    have_cpu(2, "1\n", "2\n", "2\n");
    topology_read_at(&machine, root);
    assert_from(0, "024");
}

static void topology_without_packages_goes_by_nodes(void **state)
{
    have("cpu/possible", "0-2\n");
    for (unsigned cpu = 0; cpu < 3; cpu++)
        have_of(cpu, "topology/physical_package_id", "-1\n");
    have("node/online", "0,7\n");
    have("node/node0/cpulist", "0-1\n");
    have("node/node7/cpulist", "2\n");
    topology_read_at(&machine, root);
    assert_from(0, "024");
}

static void topology_takes_the_highest_level_for_the_last_cache(void **state)
{
    have("cpu/possible", "0-3\n");
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        have_of(cpu, "cache/index0/level", "2\n");
        have_of(cpu, "cache/index0/shared_cpu_list", "0-3\n");
        have_of(cpu, "cache/index1/level", "3\n");
        have_of(cpu, "cache/index1/shared_cpu_list", cpu < 2 ? "0-1\n" : "2-3\n");
        have_of(cpu, "cache/index2/level", "1\n");
        have_of(cpu, "cache/index2/shared_cpu_list", "0-3\n");
    }
    topology_read_at(&machine, root);
    assert_from(0, "0144");
}

static void topology_knows_the_last_cpu_and_none_behind_it(void **state)
{
    have("cpu/possible", "0-2047\n");
    have_of(0, "topology/thread_siblings_list", "0,1023-1024\n");
    have_of(1024, "topology/thread_siblings_list", "0,1023-1024\n");
    topology_read_at(&machine, root);
    assert_int_equal(distance(0, TOPOLOGY_CPUS - 1), TOPOLOGY_CORE);
    assert_int_equal(distance(0, TOPOLOGY_CPUS), TOPOLOGY_FAR);
    assert_int_equal(distance(TOPOLOGY_CPUS, UINT32_MAX), TOPOLOGY_FAR);
    assert_int_equal(distance(UINT32_MAX, UINT32_MAX), TOPOLOGY_CORE);
}

/* ---- hidden and broken ---- */

static void topology_without_files_is_far_everywhere(void **state)
{
    topology_read_at(&machine, root);
    assert_all_far(8);
}

static void topology_without_possible_cpus_is_far_everywhere(void **state)
{
    static const char *const texts[] = {"",     "-1\n",  "x\n",    "0-\n", "0-x\n",
                                        "0,\n", "0;1\n", " 0-7\n", ",0\n"};
    have_two_sockets();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        have("cpu/possible", texts[i]);
        topology_read_at(&machine, root);
        assert_all_far(8);
    }
}

static void topology_of_broken_lists_is_far(void **state)
{
    static const char *const texts[] = {"",       "\n",      "all\n",  "0-7x\n",
                                        "8\n",    "0-7,\n",  "0--7\n", "7-0\n",
                                        "+0-7\n", "0 - 7\n", "0x0-7\n"};
    have("cpu/possible", "0-7\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (unsigned cpu = 0; cpu < 8; cpu++)
            have_cpu(cpu, texts[i][0] == '8' ? "\n" : "x\n", texts[i], texts[i]);
        have("node/online", "0\n");
        have("node/node0/cpulist", i == 4 ? "8\n" : texts[i]);
        topology_read_at(&machine, root);
        assert_all_far(8);
    }
}

static void topology_of_lists_that_go_too_far_ends_in_time(void **state)
{
    have("cpu/possible", "0-99999999999999999999999\n");
    have_of(0, "topology/thread_siblings_list", "0-4294967295\n");
    have_of(0, "topology/physical_package_id", "4294967296\n");
    topology_read_at(&machine, root);
    assert_int_equal(distance(0, TOPOLOGY_CPUS - 1), TOPOLOGY_CORE);
    assert_int_equal(distance(0, TOPOLOGY_CPUS), TOPOLOGY_FAR);
}

static void topology_of_too_long_a_line_is_unknown(void **state)
{
    char text[5002];
    memset(text, '0', sizeof text - 2);
    memcpy(text + sizeof text - 2, "\n", 2);
    have_two_sockets();
    have("cpu/possible", text);
    topology_read_at(&machine, root);
    assert_all_far(8);
}

static void topology_of_an_offline_cpu_leaves_the_others_known(void **state)
{
    have_two_sockets();
    have("cpu/possible", "0-8\n");
    topology_read_at(&machine, root);
    assert_from(0, "014401444");
    assert_from(8, "444444440");
}

/* The first who tells is believed, so that near is as near the other way round. */
static void topology_of_contradicting_files_is_the_same_both_ways(void **state)
{
    have("cpu/possible", "0-3\n");
    have_of(0, "topology/thread_siblings_list", "0-1\n");
    have_of(1, "topology/thread_siblings_list", "1-2\n");
    have_of(2, "topology/thread_siblings_list", "1-2\n");
    have_of(3, "topology/thread_siblings_list", "0-2\n");
    topology_read_at(&machine, root);
    assert_from(0, "0044");
    assert_from(2, "4404");
    assert_from(3, "4440");
}

/* ---- this machine ---- */

static void topology_of_this_machine_is_symmetric(void **state)
{
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    topology_read(&machine);
    for (uint32_t a = 0; a < 64; a++)
        for (uint32_t b = 0; b < 64; b++)
            if (CPU_ISSET(a, &all) && CPU_ISSET(b, &all))
                assert_in_range(distance(a, b), a == b ? 0 : TOPOLOGY_CORE,
                                a == b ? 0 : TOPOLOGY_FAR);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    TESTS(WITH_ROOT(topology_knows_threads_caches_and_sockets),
          WITH_ROOT(topology_knows_nodes_within_a_package),
          WITH_ROOT(topology_of_a_node_over_two_packages_separates_them),
          WITH_ROOT(topology_without_nodes_goes_by_packages),
          WITH_ROOT(topology_without_packages_goes_by_nodes),
          WITH_ROOT(topology_takes_the_highest_level_for_the_last_cache),
          WITH_ROOT(topology_knows_the_last_cpu_and_none_behind_it),
          WITH_ROOT(topology_without_files_is_far_everywhere),
          WITH_ROOT(topology_without_possible_cpus_is_far_everywhere),
          WITH_ROOT(topology_of_broken_lists_is_far),
          WITH_ROOT(topology_of_lists_that_go_too_far_ends_in_time),
          WITH_ROOT(topology_of_too_long_a_line_is_unknown),
          WITH_ROOT(topology_of_an_offline_cpu_leaves_the_others_known),
          WITH_ROOT(topology_of_contradicting_files_is_the_same_both_ways),
          cmocka_unit_test(topology_of_this_machine_is_symmetric));
    return RUN_TESTS();
}
