/* http.c: what does a short answer over HTTP cost, beside Go and nginx?
 *
 * A server answers "hello", or the same as JSON, on so many connections that stay; who
 * asks is wrk, on another CPU where there is one. Those that are not ours are measured
 * where they are installed. A run takes wrk's shortest time, a second, however many
 * requests that is.
 *
 * Rows: the server's CPU time per request, and all the time per request. */
#include "harness/house.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre.h>
#include <cadre/actors/http.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- ours ------------------------------------------------------------------------- */

static int hello(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "hello\n");
}

static int json(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"Content-Type", "application/json"},
                                              {0}};
    static const char text[] = "{\"message\":\"hello\"}";
    cadre_buf *body = cadre_buf_new(text, sizeof text - 1);
    return body ? cadre_http_reply(self, m, 200, fields, body) : -ENOMEM;
}
static const cadre_http_route routes[] = {
    {"GET", "/", hello}, {"GET", "/json", json}, {0}};

static int root_start(cadre_self *self, void *state)
{
    const cadre_http config = {.host = "127.0.0.1", .routes = routes};
    cadre_ref server;
    int err = cadre_spawn(self, &server, &cadre_http_class, &config);
    return err ? err : cadre_ask(self, NULL, server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (!status)
        return -1;
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

static const struct house_server servers[] = {
    {"go", "http", NULL}, {"nginx", "http", NULL}, {"cadre", "http", serve_ours}};
static const struct {
    unsigned connections;
    bool cpu; /* the server's time; or all */
    const char *path, *params;
} settings[] = {{64, false, "", "connections=64"},
                {64, false, "json", "json connections=64"},
                {1000, false, "", "connections=1000"},
                {1000, false, "json", "json connections=1000"},
                {64, true, "", "connections=64 cpu"}};
enum {
    SERVERS = sizeof servers / sizeof *servers,
    SETTINGS = sizeof settings / sizeof *settings
};

/* The case's size is the number of the setting, and of the server. */
static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house_server *server = &servers[each->size % SERVERS];
    const struct house *house = house_open(server, each->workers);
    uint64_t setting = each->size / SERVERS;
    if (!house)
        return -1;
    return house_wrk(total, house, settings[setting].connections,
                     settings[setting].path, settings[setting].cpu, n);
}

int main(int argc, char **argv)
{
    static struct plan plan;
    bool there[SERVERS];
    struct bench bench = {
        .name = "http",
        .question = "What does a short answer over HTTP cost, beside Go and nginx?",
        .method = "wrk for a second: the server's CPU time, or all",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {plan_option(&plan), {0}};
    bench_options(&bench, own, argc, argv);
    if (trial_refuse_simulation("http") < 0)
        return 1;
    for (uint64_t i = 0; i < SERVERS; i++)
        there[i] = house_there(&servers[i]);
    for (uint64_t i = 0; i < SETTINGS * SERVERS; i++) {
        const struct house_server *server = &servers[i % SERVERS];
        struct bench_row row = {
            .name = server->name, .operation = "request", .n = 1, .run = run};
        snprintf(row.params, sizeof row.params, "%s", settings[i / SERVERS].params);
        if (there[i % SERVERS])
            plan_sweep(&plan, &row, i);
    }
    int status = plan_run(&plan, &bench);
    house_close_all();
    return status;
}
