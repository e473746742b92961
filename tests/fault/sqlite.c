/* sqlite.c: a database, while allocation k of its system fails, k = 1, 2, 3 ... Each
 * request that was accepted has one outcome, no connection stays with anybody, and
 * nothing is left allocated. (What SQLite itself takes comes from elsewhere.) */
#include "support/folder.h"
#include "support/options.h"
#include "support/process.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre/actors/sqlite.h>
#include <cadre/system.h>
#include <cadre/timer.h>

#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 3, ASKS = 400 /* more than pools have at first */ };

typedef struct {
    int none;
} again;
static CADRE_TYPE(again);

/* Of the run in hand; a simulation has one thread. */
static struct {
    int64_t accepted, outcomes, rows, rounds;
    cadre_ref db;
} facts;

static int ask(cadre_self *self, const char *text, uint32_t rows)
{
    cadre_sql sql = {.rows = rows};
    if (cadre_sql_add(&sql, text, NULL, 0))
        return -1;
    return cadre_ask_as(self, NULL, facts.db, CADRE_NEVER, &cadre_sql_type, &sql);
}

static int ask_all(cadre_self *self)
{
    static const char *const texts[] = {"CREATE TABLE IF NOT EXISTS t (n)",
                                        "INSERT INTO t VALUES (1)", "SELECT 1",
                                        "VALUES (1), (2), (3)"};
    for (uint32_t i = 0; i < ASKS; i++)
        facts.accepted += ask(self, texts[i % 4], i % 4 / 3) == 0;
    return cadre_after(self, NULL, 60 * CADRE_SECOND, again, 0);
}

static int root_start(cadre_self *self, void *state)
{
    const cadre_sqlite config = {.path = in_folder("db"), .use = CADRE_FILE_MAKE};
    int err = cadre_spawn(self, &facts.db, &cadre_sqlite_class, &config);
    return err ? err : ask_all(self);
}

/* Half of the cursors are left alone. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_sql_rows *rows = cadre_body(m, cadre_sql_rows);
    if (cadre_body(m, again))
        return ++facts.rounds < ROUNDS ? ask_all(self) : 0;
    facts.outcomes++;
    facts.rows += rows != NULL;
    if (rows && rows->cursor && facts.rows % 2)
        facts.accepted += cadre_ask(self, NULL, facts.db, CADRE_NEVER, cadre_sql_next,
                                    rows->cursor, 1) == 0;
    return 0;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void ignore_log(void *user, int level, const char *line) {}

/* Returns whether anything was refused. */
static bool play_short(uint64_t first, uint64_t count)
{
    struct short_heap heap;
    cadre_config config = {
        .workers = 2, .seed = 1, .log = ignore_log, .end_when_quiet = true};
    cadre_system *sys;
    unsigned open = process_descriptors();
    short_heap_init(&heap, first, count);
    short_heap_serve(&heap, &config);
    facts.accepted = facts.outcomes = facts.rows = facts.rounds = 0;
    if (cadre_system_new(&sys, &config, &root, NULL) == 0) {
        int reason = cadre_system_wait(sys);
        /* With more there may be no memory to tell of a failure, either. */
        if (reason == 0 && facts.rounds == ROUNDS && count == 1) {
            CHECK_EQ(facts.outcomes, facts.accepted);
            CHECK(facts.rows > 0);
        }
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(process_descriptors(), open);
    CHECK_EQ(atomic_load(&heap.blocks), 0);
    return atomic_load(&heap.refused) > 0;
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    const struct option_entry options[] = {
        {"first", &first, NULL, "the first allocation that fails"}, {0}};
    options_read(argc, argv, "a database, while memory is short", options);
    make_folder();
    for (uint64_t count = 1; count <= 9; count += 8) { /* one, and some in a row */
        uint64_t k = first;
        verdict_begin(120, "--first %" PRIu64, k);
        do
            verdict_again(120, "--first %" PRIu64, k);
        while (play_short(k++, count) && !verdict_has_failed());
        (void)verdict_end();
    }
    return verdict_print();
}
