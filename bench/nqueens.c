/* nqueens.c: how fast does a crew of actors find all ways to place queens on a board, in
 * tasks that one master hands out?
 *
 * A task is a board with some queens on it. A searcher that gets one with few sends the
 * master a task for each way to place one queen more; one that gets more searches alone,
 * and sends a message for each solution. The master hands out all tasks in turn. Savina's
 * form, without the limit on the solutions, which makes the result a matter of luck: a
 * position is judged by looking at all pairs of its queens. Beside it the same search in
 * one piece, by a plain loop. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOARD_MAX = 16, SEARCHERS_MAX = 1000 };

/* All solutions, by the size of the board. */
static const uint64_t solutions[BOARD_MAX + 1] = {
    1,   1,   0,    0,     2,     10,     4,       40,      92,
    352, 724, 2680, 14200, 73712, 365596, 2279184, 14772512};

/* Queens in the first `depth` rows, with their columns: it is the task, too. */
typedef struct {
    uint8_t board, depth;
    uint8_t columns[BOARD_MAX];
} work;
typedef struct {
    uint64_t none;
} solution;
typedef struct {
    uint64_t none;
} done;
static CADRE_TYPE(work);
static CADRE_TYPE(solution);
static CADRE_TYPE(done);

static bool is_valid(const work *w)
{
    for (int i = 0; i < w->depth; i++)
        for (int j = i + 1; j < w->depth; j++) {
            int apart = w->columns[i] - w->columns[j];
            if (apart == 0 || apart == j - i || apart == i - j)
                return false;
        }
    return true;
}

/* Moves on to the next valid position of those that keep the first `from` queens and have
 * at most `to`; *column: 0 at first. False when there are no more. */
static bool next_position(work *w, int from, int to, int *column)
{
    for (;;) {
        for (; w->depth < to && *column < w->board; ++*column) {
            w->columns[w->depth++] = (uint8_t)*column;
            if (is_valid(w)) {
                *column = 0;
                return true;
            }
            w->depth--;
        }
        if (w->depth <= from)
            return false;
        *column = w->columns[--w->depth] + 1;
    }
}

static uint64_t count_positions(int board, int depth)
{
    work w = {.board = (uint8_t)board};
    uint64_t count = 1; /* the empty board */
    for (int column = 0; next_position(&w, 0, depth, &column);)
        count++;
    return count;
}

struct searcher {
    cadre_ref master;
    int threshold;
};

static int search(cadre_self *self, cadre_ref master, work w)
{
    int from = w.depth, column = 0, err = 0;
    bool found = from == w.board;
    for (; found || next_position(&w, from, w.board, &column); found = false)
        if (w.depth == w.board && (err = cadre_send(self, master, solution, 0)) < 0)
            return err;
    return 0;
}

static int split(cadre_self *self, cadre_ref master, work w)
{
    int from = w.depth, column = 0, err = 0;
    while (err == 0 && next_position(&w, from, from + 1, &column))
        err = cadre_send_as(self, master, &work_type, &w);
    return err;
}

static int searcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const struct searcher *me = state;
    const work *w = cadre_body(m, work);
    if (!w)
        return cadre_unhandled(self, m);
    bool alone = w->depth >= me->threshold || w->depth == w->board;
    int err = alone ? search(self, me->master, *w) : split(self, me->master, *w);
    return err < 0 ? err : cadre_send(self, me->master, done, 0);
}
static const cadre_class searcher = {.name = "searcher",
                                     .state_size = sizeof(struct searcher),
                                     .receive = searcher_receive};

/* What the main program lends the master. */
struct job {
    int board, threshold;
    uint64_t searchers;
    uint64_t found;
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t tasks, done;
    cadre_ref crew[SEARCHERS_MAX];
};

static cadre_ref choose_searcher(struct master *me)
{
    return me->crew[me->tasks++ % me->job->searchers];
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    struct searcher init = {cadre_me(self), me->job->threshold};
    int err = 0;
    for (uint64_t i = 0; i < me->job->searchers && err == 0; i++)
        err = cadre_spawn(self, &me->crew[i], &searcher, &init);
    if (err < 0)
        return err;
    me->job->start = bench_now();
    return cadre_send(self, choose_searcher(me), work,
                      .board = (uint8_t)me->job->board);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (cadre_body(m, solution)) {
        me->job->found++;
        return 0;
    }
    if (cadre_body(m, work))
        return cadre_forward(self, choose_searcher(me), m);
    if (!cadre_body(m, done))
        return cadre_unhandled(self, m);
    if (++me->done < me->tasks)
        return 0;
    me->job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static int check(const char *who, uint64_t board, uint64_t found)
{
    if (found == solutions[board])
        return 0;
    fprintf(stderr, "nqueens: wrong count: %s found %" PRIu64 " of %" PRIu64 "\n", who,
            found, solutions[board]);
    return -1;
}

/* What the options say. */
static struct {
    uint64_t board, threshold, searchers;
} setting = {12, 4, 20};

static int run(double *total, const void *arg, uint64_t n)
{
    struct job job = {.board = (int)setting.board,
                      .threshold = (int)setting.threshold,
                      .searchers = setting.searchers};
    int deepest = job.threshold < job.board ? job.threshold : job.board;
    uint64_t tasks = count_positions(job.board, deepest);
    /* Each task comes to the master (but the first), goes to a searcher, and is done. */
    int err = trial_run("nqueens", ((const struct plan_case *)arg)->workers, &master,
                        &(struct master){.job = &job}, 3 * tasks - 1 + n);
    *total = (double)(job.end - job.start);
    return err == 0 ? check("the crew", setting.board, job.found) : err;
}

static int run_alone(double *total, const void *arg, uint64_t n)
{
    work w = {.board = (uint8_t)setting.board};
    uint64_t found = 0;
    int64_t start = bench_now();
    for (int column = 0; next_position(&w, 0, w.board, &column);)
        found += w.depth == w.board;
    *total = (double)(bench_now() - start);
    return check("the loop", setting.board, found);
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    struct bench bench = {
        .name = "nqueens",
        .question = "How fast do actors find all ways to place queens on a board?",
        .method = "time from just before the first task is sent to the last's report",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"board", "B", "columns and rows", &setting.board, .min = 4, .max = BOARD_MAX},
        {"threshold", "D", "queens from which on a task is not split",
         &setting.threshold, .min = 0, .max = BOARD_MAX},
        {"searchers", "N", "actors that search", &setting.searchers, .min = 1,
         .max = SEARCHERS_MAX},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    struct bench_row row = {.name = "one loop",
                            .operation = "solution",
                            .n = solutions[setting.board],
                            .cpus = 1,
                            .run = run_alone};
    snprintf(row.params, sizeof row.params, "board=%" PRIu64, setting.board);
    row.ideal = plan_add(&plan, &row);
    row.name = "nqueens";
    row.run = run;
    plan_sweep(&plan, &row, setting.board);
    return plan_run(&plan, &bench);
}
