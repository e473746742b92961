/* base.c: a database that is open, and the calls that use it. */
#include "base.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct base {
    atomic_uint shares;
    atomic_bool is_over;
    int use;
    bool may_forget;
    uint32_t max;
    struct link links[1 + READERS_MAX];
    char path[];
};

static struct base *base_of(cadre_buf *buf)
{
    return (struct base *)(void *)cadre_buf_data(buf);
}

const char *base_path(cadre_buf *buf) { return base_of(buf)->path; }

cadre_buf *base_new(const cadre_sqlite *config)
{
    size_t length = strlen(config->path) + 1;
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct base) + length);
    if (!buf)
        return NULL;
    struct base *base = base_of(buf);
    atomic_init(&base->shares, 1);
    atomic_init(&base->is_over, false);
    base->use = config->use;
    base->may_forget = config->may_forget;
    base->max = config->bytes;
    memcpy(base->path, config->path, length);
    return buf;
}

cadre_buf *base_share(cadre_buf *buf)
{
    atomic_fetch_add_explicit(&base_of(buf)->shares, 1, memory_order_relaxed);
    return buf;
}

/* The writer last: who closes the last connection takes the log into the file. */
void base_leave(cadre_buf *buf)
{
    if (!buf)
        return;
    struct base *base = base_of(buf);
    if (atomic_fetch_sub_explicit(&base->shares, 1, memory_order_acq_rel) > 1)
        return;
    for (int i = READERS_MAX; i >= WRITER; i--)
        if (base->links[i].db)
            link_close(&base->links[i]);
    cadre_buf_unref(buf);
}

void base_end(cadre_buf *buf)
{
    atomic_store_explicit(&base_of(buf)->is_over, true, memory_order_relaxed);
}

/* Beside the clock of a simulation there is the real one, by which a call is stopped. */
static cadre_time real_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * CADRE_SECOND + t.tv_nsec;
}

cadre_time base_until(cadre_self *self)
{
    cadre_time deadline = cadre_deadline(self);
    return deadline == CADRE_NEVER ? 0 : real_now() + deadline - cadre_now(self);
}

/* ---- calls, on threads of the pool ----------------------------------------------- */

void request_free(struct request *request)
{
    cadre_sql_drop(&request->sql);
    outcome_free(&request->outcome);
}

static void drop_open(void *body)
{
    base_leave(cadre_buf_move(&((sqlite_open *)body)->base));
}
CADRE_TYPE_DROP(sqlite_open, drop_open);

/* A new one has a use of link_open()'s, in the order of these. */
int base_open(void *body)
{
    sqlite_open *job = body;
    struct base *base = base_of(job->base);
    enum link_use use = base->use == CADRE_FILE_READ     ? LINK_READS
                        : base->use == CADRE_FILE_UPDATE ? LINK_WRITES
                                                         : LINK_MAKES;
    job->code = link_open(&base->links[WRITER], base->path, use, base->may_forget,
                          base->use == CADRE_FILE_NEW, &base->is_over, job->text);
    return 0;
}

static void drop_read(void *body)
{
    sqlite_read *job = body;
    request_free(&job->request);
    base_leave(cadre_buf_move(&job->base));
}
CADRE_TYPE_DROP(sqlite_read, drop_read);

static int open_reader(struct base *base, struct link *link, struct outcome *outcome)
{
    char text[LINK_TEXT];
    int code = link->db ? 0
                        : link_open(link, base->path, LINK_READS, false, false,
                                    &base->is_over, text);
    return code ? outcome_fail(outcome, code, "08001", text, NULL) : 0;
}

int base_read(void *body)
{
    sqlite_read *job = body;
    struct request *r = &job->request;
    struct base *base = base_of(job->base);
    struct link *link = &base->links[r->link];
    const struct statement *statement = statement_next(&r->sql, NULL);
    link->until = r->until;
    if (statement || r->sql.rows == 0)
        link_forget(link);
    if (!statement && r->sql.rows == 0)
        return 0;
    if (!statement)
        (void)link_go_on(link, r->sql.rows, base->max, &r->outcome);
    else if (!open_reader(base, link, &r->outcome))
        (void)link_run(link, statement, r->sql.rows, base->max, &r->outcome);
    job->has_cursor = link->cursor;
    return 0;
}

/* ---- writes ---------------------------------------------------------------------- */

void base_free_requests(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        request_free(request_at(rows, i));
    rows_free(rows);
}
static void drop_write(void *body)
{
    sqlite_write *job = body;
    base_free_requests(&job->requests);
    base_leave(cadre_buf_move(&job->base));
}
CADRE_TYPE_DROP(sqlite_write, drop_write);

static int run_all(struct base *base, struct request *r)
{
    struct link *link = &base->links[WRITER];
    const struct statement *s = NULL;
    int err = 0;
    link->until = r->until;
    if (link_is_over(link))
        err = outcome_fail(&r->outcome, -ETIMEDOUT, "57014", "too late", NULL);
    while (!err && (s = statement_next(&r->sql, s)))
        err = link_run(link, s, 0, base->max, &r->outcome);
    link->until = 0;
    return err;
}

/* By itself. */
static void write_alone(struct base *base, struct request *r)
{
    struct link *link = &base->links[WRITER];
    outcome_free(&r->outcome);
    link->until = r->until;
    bool has_begun = link_tell(link, "BEGIN IMMEDIATE");
    link->until = 0;
    if (!has_begun) {
        (void)link_fail(link, &r->outcome);
        return;
    }
    if (!run_all(base, r)) {
        if (link_tell(link, "COMMIT"))
            return;
        (void)link_fail(link, &r->outcome);
    }
    (void)link_tell(link, "ROLLBACK"); /* may have happened by itself */
}

/* In one transaction. False: it came to nothing, and nobody is answered by it. Where it
 * cannot even begin it is not tried again for each of them. */
static bool write_together(struct base *base, const struct rows *requests)
{
    struct link *link = &base->links[WRITER];
    if (!link_tell(link, "BEGIN IMMEDIATE")) {
        for (uint32_t i = 0; i < requests->count; i++)
            (void)link_fail(link, &request_at(requests, i)->outcome);
        return true;
    }
    for (uint32_t i = 0; i < requests->count; i++) {
        bool fine = link_tell(link, "SAVEPOINT one");
        if (fine && run_all(base, request_at(requests, i)))
            fine = link_tell(link, "ROLLBACK TO one");
        if (!fine || sqlite3_get_autocommit(link->db) ||
            !link_tell(link, "RELEASE one"))
            goto broken;
    }
    if (link_tell(link, "COMMIT"))
        return true;
broken:
    (void)link_tell(link, "ROLLBACK");
    return false;
}

int base_write(void *body)
{
    sqlite_write *job = body;
    struct base *base = base_of(job->base);
    if (job->requests.count > 1 && write_together(base, &job->requests))
        return 0;
    for (uint32_t i = 0; i < job->requests.count && !atomic_load(&base->is_over); i++)
        write_alone(base, request_at(&job->requests, i));
    return 0;
}
