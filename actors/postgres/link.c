/* link.c: a connection to a server.
 *
 * What belongs together goes out at once, and its results come in the same order: each
 * step of `steps` has some, then a NULL, and all of it a PIPELINE_SYNC. After an error
 * the server skips all up to that. One statement is its own transaction; several are
 * between BEGIN and COMMIT. Where rows may come of what has changed something, COMMIT is
 * held until they are here: when there are too many, ROLLBACK goes instead.
 *
 * Rows come one by one, so that no more than `max` bytes of them are ever kept here. */
#include "link.h"

#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 64, NAME_SIZE = 16 };
enum step_kind { STEP_OURS, STEP_PREPARE, STEP_RUN };
struct step {
    enum step_kind kind;
    uint32_t number; /* of the one that was prepared */
    const struct statement *statement;
};
struct kept {
    cadre_buf *text;
    uint32_t number;
    bool is_there; /* the server says so */
};

static struct step *step_at(const struct link *link, uint32_t i)
{
    return i < link->steps.count ? rows_at(&link->steps, sizeof(struct step), i) : NULL;
}
static struct kept *kept_at(const struct link *link, uint32_t i)
{
    return rows_at(&link->kept, sizeof(struct kept), i);
}

/* ---- statements that were prepared ----------------------------------------------- */

static struct kept *find_kept(const struct link *link, const char *text)
{
    for (uint32_t i = link->kept.count; i-- > 0;)
        if (strcmp((const char *)cadre_buf_data(kept_at(link, i)->text), text) == 0)
            return kept_at(link, i);
    return NULL;
}

static void forget(struct link *link, bool only_missing)
{
    for (uint32_t i = link->kept.count; i-- > 0;)
        if (!only_missing || !kept_at(link, i)->is_there) {
            cadre_buf_unref(kept_at(link, i)->text);
            rows_remove(&link->kept, sizeof(struct kept), i);
        }
}

static void note_prepared(struct link *link, uint32_t number)
{
    for (uint32_t i = 0; i < link->kept.count; i++)
        if (kept_at(link, i)->number == number)
            kept_at(link, i)->is_there = true;
}

/* ---- its life -------------------------------------------------------------------- */

static void ignore(void *nobody, const PGresult *notice)
{
    (void)nobody;
    (void)notice;
}

void link_open(struct link *link)
{
    (void)PQsetErrorVerbosity(link->conn, PQERRORS_DEFAULT);
    (void)PQsetNoticeReceiver(link->conn, ignore, NULL);
    (void)PQsetnonblocking(link->conn, 1);
    (void)PQenterPipelineMode(link->conn);
}

void link_end(struct link *link)
{
    PQclear(link->ahead);
    table_free(&link->table);
    outcome_free(&link->outcome);
    link->steps.count = 0;
    link->ahead = NULL;
    link->last = NULL;
    link->at = link->limit = 0;
    link->holds = link->is_synced = link->discards = link->is_too_much = false;
}

void link_close(struct link *link)
{
    link_end(link);
    forget(link, false);
    rows_free(&link->kept);
    rows_free(&link->steps);
    PQfinish(link->conn);
    link->conn = NULL;
    link->is_stale = false;
}

/* ---- what is queued -------------------------------------------------------------- */

/* What only reads may answer before its end; what has rows of changes may not. (And
 * EXPLAIN ANALYZE makes those that it explains.) */
static const char *const reads[] = {"SELECT", "VALUES",  "TABLE",
                                    "SHOW",   "EXPLAIN", NULL};
static const char *const ours[] = {"BEGIN",   "START",     "COMMIT",
                                   "END",     "ROLLBACK",  "ABORT",
                                   "RELEASE", "SAVEPOINT", "PREPARE TRANSACTION",
                                   NULL};
static const char *const changes[] = {"INSERT", "UPDATE", "DELETE", "MERGE", NULL};
static const char *const with[] = {"WITH", NULL};

bool link_only_reads(const cadre_sql *sql)
{
    return sql->count == 1 &&
           words_only_read(statement_text(statement_next(sql, NULL)));
}

/* May rows come that are too many, after something was changed? */
static bool has_rows_of_changes(const cadre_sql *sql, const char *last)
{
    if (words_begin(last, changes))
        return words_have(last, "RETURNING");
    bool changes_before = sql->count > 1 || !words_only_read(last);
    return words_begin(last, with) || (changes_before && words_begin(last, reads));
}

/* False: no memory, or no connection. */
static bool add_step(struct link *link, enum step_kind kind, const struct statement *s,
                     uint32_t number)
{
    const struct step step = {kind, number, s};
    if (rows_reserve(&link->steps, sizeof step))
        return false;
    rows_append(&link->steps, sizeof step, &step);
    return true;
}

static bool tell(struct link *link, const char *text)
{
    return add_step(link, STEP_OURS, NULL, 0) &&
           PQsendQueryParams(link->conn, text, 0, NULL, NULL, NULL, NULL, 0);
}

static void name_of(char name[NAME_SIZE], uint32_t number)
{
    (void)snprintf(name, NAME_SIZE, "c%u", number);
}

/* Its number, or 0. */
static uint32_t prepare(struct link *link, const struct statement *s)
{
    char name[NAME_SIZE];
    const char *text = statement_text(s);
    const struct kept *before = find_kept(link, text);
    if (before)
        return before->number;
    struct kept kept = {.number = ++link->numbers};
    if (rows_reserve(&link->kept, sizeof kept) ||
        !(kept.text = cadre_buf_new(text, strlen(text) + 1)))
        return 0;
    rows_append(&link->kept, sizeof kept, &kept);
    name_of(name, kept.number);
    bool sent = add_step(link, STEP_PREPARE, s, kept.number) &&
                PQsendPrepare(link->conn, name, text, 0, NULL);
    return sent ? kept.number : 0;
}

static bool run(struct link *link, const struct statement *s,
                const struct params *params)
{
    char name[NAME_SIZE];
    uint32_t number = prepare(link, s);
    name_of(name, number);
    return number && add_step(link, STEP_RUN, s, number) &&
           PQsendQueryPrepared(link->conn, name, params->count, params->values,
                               params->sizes, params->formats, 0);
}

static bool end_it(struct link *link)
{
    link->is_synced = true;
    return PQpipelineSync(link->conn) && PQflush(link->conn) >= 0;
}

/* What can be known before anything is sent. */
static int check(struct link *link, const cadre_sql *sql)
{
    struct params params;
    for (const struct statement *s = NULL; (s = statement_next(sql, s));) {
        const char *text = statement_text(s);
        if (words_begin(text, ours))
            return outcome_fail(&link->outcome, -EINVAL, "25001",
                                "put what belongs together into one request", text);
        int err = convert_params(&params, s);
        convert_free(&params);
        if (err == -EILSEQ)
            return outcome_fail(&link->outcome, -EINVAL, "22021",
                                "there is a zero byte in a text: give it as bytes",
                                text);
        if (err == -E2BIG)
            return outcome_fail(&link->outcome, -EINVAL, "54000",
                                "a value has 2 GiB or more: the server takes 1", text);
        if (err == -EMSGSIZE)
            return outcome_fail(&link->outcome, -EINVAL, "54023",
                                "there are more than 65,535 values", text);
        if (err)
            return outcome_fail(&link->outcome, err, "53200", "out of memory", text);
    }
    return 0;
}

static bool queue_all(struct link *link, const cadre_sql *sql)
{
    bool fine = true;
    if (link->is_stale || link->kept.count + sql->count > KEPT) {
        forget(link, false);
        fine = tell(link, "DEALLOCATE ALL");
    }
    link->is_stale = false;
    if (link->holds || sql->count > 1)
        fine = fine && tell(link, "BEGIN");
    for (const struct statement *s = NULL; fine && (s = statement_next(sql, s));) {
        struct params params;
        fine = convert_params(&params, s) == 0 && run(link, s, &params);
        convert_free(&params);
        link->last = s;
    }
    if (link->holds)
        return fine && PQsendFlushRequest(link->conn) && PQflush(link->conn) >= 0;
    if (sql->count > 1)
        fine = fine && tell(link, "COMMIT");
    return fine && end_it(link);
}

static enum link_news broken(struct link *link)
{
    if (link->outcome.error.code != -ECONNRESET)
        (void)outcome_fail(&link->outcome, -ECONNRESET, "08006",
                           "the connection to the server is lost: it was done or not",
                           link->last ? statement_text(link->last) : NULL);
    return LINK_BROKEN;
}

/* Half of a request may be queued when something fails: the connection is given up. */
int link_begin(struct link *link, const cadre_sql *sql)
{
    link_end(link);
    int err = check(link, sql);
    if (err)
        return err;
    link->table.max = link->max;
    link->limit = link_only_reads(sql) ? sql->rows : 0;
    const struct statement *last = NULL;
    for (const struct statement *s = NULL; (s = statement_next(sql, s));)
        last = s;
    link->holds = last && has_rows_of_changes(sql, statement_text(last));
    if (queue_all(link, sql))
        (void)PQsetSingleRowMode(link->conn);
    else
        (void)broken(link);
    return link->outcome.error.code;
}

bool link_is_full(struct link *link) { return PQflush(link->conn) > 0; }

void link_discard(struct link *link)
{
    PQclear(link->ahead);
    link->ahead = NULL;
    link->discards = true;
    table_free(&link->table);
}

void link_go_on(struct link *link, uint32_t limit)
{
    outcome_free(&link->outcome);
    link->limit = limit;
}

/* ---- what comes ------------------------------------------------------------------ */

static void fail(struct link *link, int code, const char *state, const char *text)
{
    (void)outcome_fail(&link->outcome, code, state, text,
                       link->last ? statement_text(link->last) : NULL);
    link_discard(link);
    link->is_too_much = true;
}

static void add_rows(struct link *link, const PGresult *result)
{
    cadre_sql_rows *rows = &link->outcome.rows;
    int err = link->table.values.count ? 0 : convert_names(&link->table, result);
    for (int i = 0; !err && i < PQntuples(result); i++, rows->count++)
        err = convert_row(&link->table, result, i);
    rows->columns = (uint32_t)PQnfields(result);
    if (err == -EMSGSIZE)
        fail(link, err, "54000", "too many rows: ask for fewer at a time");
    else if (err == -EPROTO)
        fail(link, err, "08P01",
             "a bytea that is not in hexadecimal: leave bytea_output as it is");
    else if (err)
        fail(link, err, "53200", "out of memory");
}

/* Its rows are an answer's. */
static void finish_rows(struct link *link)
{
    if (!link->discards && table_finish(&link->table, &link->outcome.rows.data))
        fail(link, -ENOMEM, "53200", "out of memory");
    link->table.max = link->max;
}

static void on_rows(struct link *link, PGresult *result)
{
    const struct step *step = step_at(link, link->at);
    if (!link->discards && step && step->kind == STEP_RUN &&
        step->statement == link->last)
        add_rows(link, result);
}

static void on_complete(struct link *link, PGresult *result)
{
    const struct step *step = step_at(link, link->at);
    if (step && step->kind == STEP_PREPARE)
        note_prepared(link, step->number);
    if (step && step->kind == STEP_RUN && words_begin(PQcmdStatus(result), changes))
        link->outcome.rows.changes += strtoll(PQcmdTuples(result), NULL, 10);
}

/* The first one counts: but a plan that is of no use is another's fault. */
static void on_error(struct link *link, PGresult *result)
{
    const struct step *step = step_at(link, link->at);
    const struct statement *s = step ? step->statement : link->last;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *by = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (state &&
        (strcmp(state, "26000") == 0 || (strcmp(state, "0A000") == 0 && by &&
                                         strcmp(by, "RevalidateCachedQuery") == 0)))
        link->is_stale = true;
    if (!link->outcome.error.code)
        (void)convert_error(&link->outcome, result, s ? statement_text(s) : NULL);
    link_discard(link);
}

/* One step has all of its results. False: no connection. */
static bool next_step(struct link *link)
{
    link->at++;
    (void)PQsetSingleRowMode(link->conn);
    if (link->is_synced || link->at < link->steps.count)
        return true;
    bool fine = true;
    if (!link->discards)
        finish_rows(link); /* while it can be taken back */
    if (!link->discards)
        fine = tell(link, "COMMIT");
    return fine && end_it(link);
}

/* A transaction that is left open is ended. */
static enum link_news at_sync(struct link *link)
{
    if (PQtransactionStatus(link->conn) != PQTRANS_IDLE)
        return tell(link, "ROLLBACK") && end_it(link) ? LINK_WAITS : broken(link);
    forget(link, true);
    if (!link->outcome.error.code && !link->outcome.rows.data &&
        link->table.values.count > 0)
        finish_rows(link);
    return LINK_DONE;
}

static bool is_piece(const struct link *link)
{
    return link->limit && !link->discards && link->outcome.rows.count == link->limit;
}

/* What has come. True: there is more to be looked at. */
static bool take(struct link *link, PGresult *result, enum link_news *news)
{
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        if (is_piece(link)) {
            link->ahead = result;
            finish_rows(link);
            *news = LINK_PIECE;
            return false;
        }
        on_rows(link, result);
        break;
    case PGRES_TUPLES_OK:
        on_rows(link, result);
        on_complete(link, result);
        break;
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        on_complete(link, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    case PGRES_PIPELINE_SYNC:
        *news = at_sync(link);
        PQclear(result);
        return *news == LINK_WAITS;
    case PGRES_FATAL_ERROR:
        on_error(link, result);
        break;
    default:
        fail(link, -EINVAL, "0A000", "COPY is not possible here");
        *news = LINK_BROKEN;
        PQclear(result);
        return false;
    }
    PQclear(result);
    return true;
}

enum link_news link_read(struct link *link)
{
    enum link_news news = LINK_WAITS;
    if (link->ahead) {
        PGresult *ahead = link->ahead;
        link->ahead = NULL;
        on_rows(link, ahead);
        PQclear(ahead);
    } else if (!PQconsumeInput(link->conn) || PQflush(link->conn) < 0)
        news = LINK_BROKEN;
    for (bool more = true; more && !PQisBusy(link->conn);) {
        PGresult *result = PQgetResult(link->conn);
        if (result)
            more = take(link, result, &news);
        else if (link->at >= link->steps.count)
            more = false; /* nothing runs */
        else if (!next_step(link))
            return broken(link);
        if (PQstatus(link->conn) == CONNECTION_BAD)
            return broken(link);
    }
    return news == LINK_BROKEN && link->outcome.error.code != -EINVAL ? broken(link)
                                                                      : news;
}
