/* story.c: a simulated scenario, told with many seeds. */
#include "support/story.h"

#include "support/effort.h"
#include "support/options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STUCK_SECONDS = 300, ELSEWHERE = EFFORT_SLOWDOWN > 1 ? 1 : 3, PADDING = 30000 };

static void ignore_log(void *user, int level, const char *line) {}

cadre_config story_config(uint64_t seed)
{
    static const uint32_t batches[] = {1, 2, 64};
    struct dice dice = dice_new(seed, UINT64_C(0xc0f19));
    cadre_config config = {.seed = seed, .memory_max = 1 << 30, .log = ignore_log};
    config.workers = 1 + dice_below(&dice, 4);
    config.batch = batches[dice_below(&dice, 3)];
    return config;
}

static void add_line(void *user, const cadre_leftover *line)
{
    CHECK(line->count > 0);
    *(uint64_t *)user += line->count;
}

void story_check_end(cadre_system *sys, cadre_counters *sums)
{
    uint64_t lines = 0;
    CHECK_EQ(cadre_stats(sys, sums), 0);
    CHECK_EQ(sums->accepted, sums->handled + sums->dead + sums->dropped);
    CHECK_EQ(sums->pending, 0);
    CHECK_EQ(sums->actors, 0);
    CHECK(sums->trace != 0);
    int64_t left = cadre_system_report(sys, add_line, &lines);
    CHECK_EQ(left, lines);
    CHECK(lines <= sums->dead);
}

int story_run(const cadre_config *config, const cadre_class *root, const void *init,
              cadre_counters *sums)
{
    cadre_system *sys;
    int err = cadre_system_new(&sys, config, root, init);
    CHECK_EQ(err, 0);
    if (err)
        return err;
    int reason = cadre_system_wait(sys);
    if (reason == -EDEADLK) {
        CHECK(reason != -EDEADLK); /* everybody waits for ever */
        CHECK_EQ(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    }
    story_check_end(sys, sums);
    CHECK_EQ(cadre_system_free(sys), 0);
    return reason;
}

void story_show_kinds(const char *const *names, const uint64_t *seen, int kinds)
{
    for (int i = 0; i < kinds; i++) {
        printf("%-24s %" PRIu64 "\n", names[i], seen[i]);
        CHECK(seen[i] > 0);
    }
}

/* ---- other processes ---- */

enum elsewhere { SAME, LONG_ENVIRONMENT, OTHER_HEAP, FIXED_ADDRESSES, PLACES };

/* The environment there: this one, and an entry. The caller frees it. */
static char **environment_of(enum elsewhere place)
{
    static char padding[PADDING] = "CADRE_TEST_PADDING=";
    static char heap[] = "GLIBC_TUNABLES="
                         "glibc.malloc.perturb=165:glibc.malloc.mmap_threshold=4096";
    size_t n = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + 2, sizeof *all), **next = all;
    if (!all)
        return NULL;
    memset(padding + strlen(padding), 'x', sizeof padding - 1 - strlen(padding));
    if (place == LONG_ENVIRONMENT)
        *next++ = padding;
    if (place == OTHER_HEAP)
        *next++ = heap;
    memcpy(next, environ, n * sizeof *all);
    return all;
}

/* Not by fork(): that copies what this process has mapped, and under a sanitizer there
 * may be no memory for so much. */
static int spawn_at(enum elsewhere place, pid_t *child, char **arguments, int output)
{
    posix_spawn_file_actions_t actions;
    char **environment = environment_of(place);
    if (!environment)
        return ENOMEM;
    int before = personality(UINT32_MAX); /* asks; it is inherited */
    if (place == FIXED_ADDRESSES)
        (void)personality((unsigned long)before | ADDR_NO_RANDOMIZE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    int err =
        posix_spawn(child, "/proc/self/exe", &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    (void)personality((unsigned long)before);
    free(environment);
    return err;
}

/* A process that prints the hashes of all stories: to start one costs more than they do.
 * Its output, or NULL where there can be no such process. */
static FILE *play_elsewhere(enum elsewhere place, uint64_t seed, pid_t *child)
{
    char first[24];
    int ends[2];
    char *arguments[] = {"story", "--seed", first, "--traces", "1", NULL};
    snprintf(first, sizeof first, "%" PRIu64, seed);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    int err = spawn_at(place, child, arguments, ends[1]);
    close(ends[1]);
    if (err) {
        printf("posix_spawn: %s\n", strerror(err));
        close(ends[0]);
        return NULL;
    }
    return fdopen(ends[0], "r");
}

/* One after the other; what they have printed waits in the pipes, which it fits into. */
static void play_in_all(FILE **outputs, uint64_t seed)
{
    verdict_begin(STUCK_SECONDS, "--seed %" PRIu64 " # in other processes", seed);
    for (int place = SAME; place < PLACES; place++) {
        int status;
        pid_t child = -1;
        outputs[place] = play_elsewhere((enum elsewhere)place, seed, &child);
        CHECK(outputs[place] != NULL);
        if (!outputs[place])
            continue;
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
    (void)verdict_end();
}

static void compare(const struct story *story, FILE *const *outputs, uint64_t seed)
{
    verdict_begin(STUCK_SECONDS, "--seed %" PRIu64 " # %s in other processes", seed,
                  story->name);
    for (int place = SAME; place < PLACES; place++)
        for (uint64_t s = seed; outputs[place] && s < seed + ELSEWHERE; s++) {
            uint64_t trace = 0;
            CHECK_EQ(fscanf(outputs[place], "trace %" SCNx64 "\n", &trace), 1);
            CHECK_EQ(trace, story->play(s));
        }
    (void)verdict_end();
}

static void compare_elsewhere(const struct story *stories, uint64_t seed)
{
    FILE *outputs[PLACES];
    if (getenv("CADRE_EMULATED")) { /* /proc/self/exe is the emulator there */
        printf("not compared with other processes under emulation\n");
        return;
    }
    play_in_all(outputs, seed);
    for (const struct story *story = stories; story->name; story++)
        compare(story, outputs, seed);
    for (int place = SAME; place < PLACES; place++)
        if (outputs[place])
            fclose(outputs[place]);
}

/* What else is printed, such as why a check fails, is not for who reads the hashes; and
 * they are out before the process ends, which a sanitizer may do in its own way. */
static bool print_traces(const struct story *stories, uint64_t seed)
{
    FILE *traces = fdopen(dup(STDOUT_FILENO), "w");
    if (!traces || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return false;
    for (const struct story *story = stories; story->name; story++)
        for (uint64_t s = seed; s < seed + ELSEWHERE; s++)
            fprintf(traces, "trace %016" PRIx64 "\n", story->play(s));
    return fclose(traces) == 0 && !verdict_has_failed();
}

/* ---- many seeds ---- */

/* seeds 0: as many as fit into `seconds`. */
static void tell(const struct story *story, uint64_t seed, uint64_t seeds,
                 double seconds)
{
    double end = effort_clock() + seconds;
    uint64_t n = 0;
    verdict_begin(STUCK_SECONDS, "--seed %" PRIu64 " --seeds 1", seed);
    while (!verdict_has_failed() && (seeds ? n < seeds : effort_clock() < end)) {
        uint64_t s = seed + n++;
        verdict_again(STUCK_SECONDS, "--seed %" PRIu64 " --seeds 1 # %s", s,
                      story->name);
        uint64_t once = story->play(s), again = story->play(s);
        CHECK_EQ(once, again); /* the same hash */
    }
    printf("%s: %" PRIu64 " seeds from %" PRIu64 "%s\n", story->name, n, seed,
           verdict_end() ? "" : ", FAILED");
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int story_main(int argc, char **argv, const struct story *stories)
{
    uint64_t seed = number_from("CADRE_TEST_SEED", 1);
    uint64_t seeds = number_from("CADRE_TEST_SEEDS", 0);
    uint64_t traces = 0, ms = 3000, count = 0;
    const struct option_entry options[] = {
        {"seed", &seed, NULL, "the first; not 0"},
        {"seeds", &seeds, NULL, "how many; 0: as many as fit into the time"},
        {"ms", &ms, NULL, "the time for all stories of this program"},
        {"traces", &traces, NULL, "1: prints the hashes of all, and nothing else"},
        {0}};
    options_read(argc, argv, "stories in virtual time", options);
    while (stories[count].name)
        count++;
    if (seed == 0)
        seed = 1;
    if (traces)
        return !print_traces(stories, seed);
    mallopt(M_MMAP_THRESHOLD, INT_MAX); /* systems come and go: keep their pages */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    for (unsigned i = 0; i < count; i++) {
        uint64_t many = effort_is_long() ? effort(0, stories[i].long_seeds) : 0;
        tell(&stories[i], seed, seeds ? seeds : many,
             (double)ms / 1000 / (double)count);
    }
    if (seeds != 1)
        compare_elsewhere(stories, seed);
    return verdict_print();
}
