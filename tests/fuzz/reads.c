/* reads.c: a statement that is said to read only changes nothing: SQLite, which knows,
 * says the same.
 *
 * Fuzzed: actors/sqlite/reads.c actors/postgres/words.c actors/sql.c */
#include "fuzz/fuzz.h"

#include "postgres/words.h"
#include "sqlite/reads.h"

#include <sqlite3.h>

/* Half of what statements are made of; the rest is bytes as they come. */
static const char *const pieces[] = {"SELECT ",
                                     "VALUES(1)",
                                     "EXPLAIN ",
                                     "QUERY PLAN ",
                                     "TABLE t ",
                                     "SHOW ",
                                     "* FROM t ",
                                     "1 ",
                                     "WITH c AS (",
                                     ") ",
                                     "INSERT INTO t",
                                     " VALUES(1) ",
                                     "DELETE FROM t ",
                                     "UPDATE t SET a=1 ",
                                     "RETURNING a ",
                                     "REPLACE INTO t",
                                     "/*",
                                     "*/",
                                     "--",
                                     "\n",
                                     ";",
                                     "(",
                                     "\t\v\f\r ",
                                     "ANALYZE ",
                                     "PRAGMA user_version=1",
                                     "CREATE TABLE u(a)",
                                     "select ",
                                     "_",
                                     "'x' ",
                                     "DROP TABLE t "};

static char *take_statement(struct input *in)
{
    struct story text = {0};
    bool is_raw = input_byte(in) & 1;
    if (is_raw)
        return input_text(*in);
    while (in->size > 0) {
        const char *piece = pieces[input_byte(in) % (sizeof pieces / sizeof *pieces)];
        story_add(&text, piece, strlen(piece));
    }
    story_add(&text, "", 1);
    return text.bytes;
}

static sqlite3 *database(void)
{
    static sqlite3 *db;
    if (!db) {
        CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL) == SQLITE_OK);
    }
    return db;
}

/* Does it change something, if it is one, and the only one, and not just explained? */
static bool changes(const char *text)
{
    sqlite3_stmt *stmt = NULL;
    const char *rest = "";
    bool is_one =
        sqlite3_prepare_v2(database(), text, -1, &stmt, &rest) == SQLITE_OK && stmt;
    bool does = is_one && !sqlite3_stmt_readonly(stmt) && !sqlite3_stmt_isexplain(stmt);
    sqlite3_finalize(stmt);
    return does;
}

static bool only_reads(const char *text, uint32_t count)
{
    cadre_sql sql = {.statements = NULL};
    for (uint32_t i = 0; i < count; i++)
        CHECK(!cadre_sql_add(&sql, text, NULL, 0));
    bool reads = sqlite_only_reads(&sql);
    cadre_sql_drop(&sql);
    return reads;
}

/* Comments of PostgreSQL are one in the other, and those of a line end at \r, too; not so
 * those of SQLite. */
static bool is_read_otherwise(const char *text)
{
    const char *first = strstr(text, "/*"), *line = strstr(text, "--");
    return (first && strstr(first + 1, "/*")) || (line && strchr(line, '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    char *text = take_statement(&in);
    bool reads = only_reads(text, 1), does = changes(text);
    CHECK(!reads || !does);
    CHECK(!words_only_read(text) || !does || is_read_otherwise(text));
    CHECK(!only_reads(text, 2) && !only_reads(text, 0));
    free(text);
    return 0;
}
