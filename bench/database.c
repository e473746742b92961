/* database.c: what does a page from a database cost, beside Go?
 *
 * A server answers with one row of PostgreSQL, found by its key, over 8 connections to
 * the database; who asks is wrk, over 64. Go does the same with database/sql and lib/pq,
 * where these are installed. bench/peers/postgres.sh gives them a server with the table;
 * without it, nothing is measured.
 *
 * Rows: the server's CPU time per request, and all the time per request. */
#include "harness/house.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre.h>
#include <cadre/actors/http.h>
#include <cadre/actors/postgres.h>
#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ours ------------------------------------------------------------------------- */

static cadre_ref base; /* of the server's process */

static int answer(cadre_self *self, const cadre_msg *m, const char *title)
{
    static const cadre_http_field fields[] = {{"Content-Type", "text/html"}, {0}};
    char text[128];
    int size = snprintf(text, sizeof text, "<h1>%s</h1>\n", title);
    cadre_buf *body = cadre_buf_new(text, (size_t)size);
    return body ? cadre_http_reply(self, m, 200, fields, body) : -ENOMEM;
}

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    cadre_http_text id = cadre_http_query(r, "id");
    cadre_token token;
    cadre_msg found;
    const cadre_sql_value key = cadre_sql_integer(id.at ? strtoll(id.at, NULL, 10) : 0);
    int err = cadre_sql_ask(self, &token, base, 5 * CADRE_SECOND,
                            "SELECT title FROM pages WHERE id = $1", &key, 1);
    if (!err)
        err = cadre_await(self, token, &found);
    const cadre_sql_rows *rows = err ? NULL : cadre_body(&found, cadre_sql_rows);
    return rows && rows->count ? answer(self, m, cadre_sql_text_at(rows, 0, 0))
                               : cadre_http_reply_text(self, m, 500, "no row\n");
}
static const cadre_http_route routes[] = {{"GET", "/", page}, {0}};

static int root_start(cadre_self *self, void *state)
{
    const cadre_postgres where = {.connections = 8};
    const cadre_http config = {.host = "127.0.0.1", .routes = routes};
    cadre_ref server;
    int err = cadre_spawn(self, &base, &cadre_postgres_class, &where);
    if (!err)
        err = cadre_spawn(self, &server, &cadre_http_class, &config);
    return err ? err : cadre_ask(self, NULL, server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (status)
        house_tell(status->port);
    return 0;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void serve_ours(uint32_t workers)
{
    const cadre_config config = {.workers = workers};
    _exit(cadre_run(&config, &root, NULL) != 0);
}

/* ---- one run ---------------------------------------------------------------------- */

static const struct house_server servers[] = {{"go", "database", NULL},
                                              {"cadre", "database", serve_ours}};
enum { SERVERS = sizeof servers / sizeof *servers };

/* The case's size is the number of the server, and SERVERS more for its CPU time. */
static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house *house;
    if (!getenv("PGHOST"))
        return BENCH_SKIPPED;
    if (!(house = house_open(&servers[each->size % SERVERS], each->workers)))
        return -1;
    return house_wrk(total, house, 64, "?id=4711", each->size >= SERVERS, n);
}

int main(int argc, char **argv)
{
    static struct plan plan;
    struct bench bench = {.name = "database",
                          .question =
                              "What does a page from a database cost, beside Go?",
                          .method = "wrk for a second: the server's CPU time, or all",
                          .repeat = 7,
                          .warmup = 1};
    const struct option_row own[] = {plan_option(&plan), {0}};
    bench_options(&bench, own, argc, argv);
    if (trial_refuse_simulation("database") < 0)
        return 1;
    for (uint64_t i = 0; i < 2 * SERVERS; i++) {
        struct bench_row row = {.name = servers[i % SERVERS].name,
                                .operation = "request",
                                .n = 1,
                                .run = run};
        snprintf(row.params, sizeof row.params, "connections=64%s",
                 i < SERVERS ? "" : " cpu");
        if (house_there(&servers[i % SERVERS]))
            plan_sweep(&plan, &row, i);
    }
    int status = plan_run(&plan, &bench);
    house_close_all();
    return status;
}
