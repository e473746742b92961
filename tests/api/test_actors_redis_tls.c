/* test_actors_redis_tls.c: a real Redis server that speaks TLS. */
#include "support/redising.h"
#include "support/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char tls_port[8];

/* False: this one has no TLS. */
static bool is_set_up(void)
{
    const char *answer;
    char command[400];
    snprintf(command, sizeof command,
             "CONFIG SET tls-cert-file %s/good.pem tls-key-file %s/good.key "
             "tls-ca-cert-file %s/ca.pem tls-auth-clients no",
             folder, folder, folder);
    if (strcmp(redis_says(command), "OK") != 0)
        return false;
    do { /* else somebody has taken the port since */
        uint16_t port;
        close(raw_listen(&port, 1));
        snprintf(tls_port, sizeof tls_port, "%u", port);
        snprintf(command, sizeof command, "CONFIG SET tls-port %s", tls_port);
        answer = redis_says(command);
    } while (strcmp(answer, "OK") != 0);
    return true;
}

static void speaks_tls(void **state)
{
    cadre_tls *tls = tls_calling();
    rd_begin_with((cadre_redis){.url = redis_url("rediss://localhost:%s/1", tls_port),
                                .tls = tls,
                                .patience = 60 * CADRE_SECOND});
    rd_text_of(rd_ask("SET tls x"), "OK");
    rd_text_of(rd_ask("GET tls"), "x");
    rd_end();
    assert_string_equal(redis_says("-n 1 GET tls"), "x");
    cadre_tls_free(tls);
}

static void server_is_verified(void **state)
{
    cadre_tls *tls = tls_with((cadre_tls_options){.trust = NULL});
    rd_begin_with((cadre_redis){.url = redis_url("rediss://localhost:%s", tls_port),
                                .tls = tls,
                                .patience = 1});
    rd_failed(rd_ask("SET tls y"), CADRE_ETLS_UNTRUSTED);
    rd_end();
    cadre_tls_free(tls);
}

int main(void)
{
    TESTS(cmocka_unit_test(speaks_tls), cmocka_unit_test(server_is_verified));
    make_certificates();
    if (!redis_make(NULL) || !is_set_up()) {
        puts("skipped: there is no Redis server with TLS");
        return 77;
    }
    rd_begin(); /* libuv opens something for good */
    rd_text_of(rd_ask("PING"), "PONG");
    close_system(rd_sys);
    return RUN_TESTS();
}
