/* test_http_client_others.c: the client, as actors/http_client.h promises, against
 * Python's server, nginx, and one that says anything. */
#include "support/others.h"

#include <cadre/actors/resolve.h>

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static cadre_system *serve(void)
{
    web_root = fetch_root;
    fetch_client.id = 0;
    return web_serve();
}
static void served(cadre_system *sys)
{
    (void)fetch_end(fetch_begin(sys, &(want){.timeout = 1})); /* lets the last one go */
    web_served(sys);
}

/* ---- one that says anything ------------------------------------------------------- */

struct script {
    int listener;
    const char *const *answers; /* one for each connection; NULL ends them */
    bool resets;                /* each, when what was said has been read */
    atomic_uint requests;
};

static void *play_script(void *arg)
{
    struct script *s = arg;
    for (const char *const *a = s->answers; *a; a++) {
        int fd = raw_accept(s->listener);
        web_expect_end(fd, "\r\n\r\n");
        atomic_fetch_add(&s->requests, 1);
        raw_send(fd, *a, strlen(*a));
        if (s->resets) {
            while (raw_read_ahead(fd, strlen(*a)) < strlen(*a))
                ;
            raw_reset(fd);
        }
        close(fd);
    }
    return NULL;
}

static struct script script;

/* What comes of a call to it; *requests: how many it has seen. */
static got play_answers(cadre_system *sys, const char *const *answers,
                        const cadre_http_call *call, unsigned *requests)
{
    pthread_t thread;
    uint16_t port;
    cadre_http_call c = *call;
    script.answers = answers;
    script.listener = raw_listen(&port, 10);
    atomic_store(&script.requests, 0);
    c.url = url_of(port, "/");
    assert_int_equal(pthread_create(&thread, NULL, play_script, &script), 0);
    got g = fetch(sys, &c);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(script.listener);
    *requests = atomic_load(&script.requests);
    return g;
}

static void broken_is_tried_again(void **state)
{
    static const char *const twice[] = {"", "HTTP/1.1 2", "HTTP/1.1 200 \r\n\r\nfine",
                                        NULL};
    static const char *const once[] = {"", NULL};
    static const char *const ever[] = {"", "", "", NULL};
    unsigned requests;
    cadre_system *sys = serve();
    got g = play_answers(sys, twice, &(cadre_http_call){.method = "PUT"}, &requests);
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "fine");
    g = play_answers(sys, once, &(cadre_http_call){.method = "POST"}, &requests);
    assert_int_equal(g.code, -ECONNRESET);
    assert_int_equal(requests, 1);
    g = play_answers(sys, ever, &(cadre_http_call){0}, &requests);
    assert_int_equal(g.code, -ECONNRESET);
    assert_int_equal(requests, 3);
    assert_non_null(g.message);
    served(sys);
}

static void answers_are_checked(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, "ok"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 0, "until the end"},
        {"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0,
         "ok"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         0, "ok"},
        {"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", 0, ""},
        {"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", -EPROTO,
         NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nok\r\n0\r\n\r\n",
         -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx\r\n", -EPROTO, NULL},
        {"HTTP/1.1 20 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/1.1 2000 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/2 200 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/1.1 101 Switching\r\n\r\n", -EPROTO, NULL},
        {"SSH-2.0-x\r\n\r\n", -EPROTO, NULL},
    };
    unsigned requests;
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
            const char *const answers[] = {cases[i].answer, NULL};
            got g = play_answers(
                sys, answers,
                &(cadre_http_call){.method = "POST", .in_pieces = in_pieces},
                &requests);
            assert_int_equal(g.code, cases[i].code);
            if (cases[i].body)
                assert_string_equal(text_of(g), cases[i].body);
        }
    served(sys);
}

/* A body that is cut off is none. */
static void truncated_answers_fail(void **state)
{
    static const char *const lengths[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", NULL};
    static const char *const chunks[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", NULL};
    unsigned requests;
    cadre_system *sys = serve();
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        const cadre_http_call call = {.method = "POST", .in_pieces = in_pieces};
        assert_int_equal(play_answers(sys, lengths, &call, &requests).code,
                         -ECONNRESET);
        assert_int_equal(play_answers(sys, chunks, &call, &requests).code, -ECONNRESET);
    }
    served(sys);
}

/* Only an orderly end is that of an answer without a length. */
static void reset_is_no_end(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\n\r\npart", NULL};
    unsigned requests;
    cadre_system *sys = serve();
    script.resets = true;
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        const cadre_http_call call = {.method = "POST", .in_pieces = in_pieces};
        assert_int_equal(play_answers(sys, answers, &call, &requests).code,
                         -ECONNRESET);
    }
    script.resets = false;
    served(sys);
}

/* The first call sees the first of them, and the next the second. */
static void begun_answer_is_not_asked_for_again(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", NULL};
    pthread_t thread;
    uint16_t port;
    cadre_system *sys = serve();
    script.answers = answers;
    script.listener = raw_listen(&port, 10);
    assert_int_equal(pthread_create(&thread, NULL, play_script, &script), 0);
    const cadre_http_call call = {.url = url_of(port, "/")};
    assert_int_equal(fetch(sys, &call).code, -ECONNRESET);
    assert_string_equal(text_of(fetch(sys, &call)), "fine");
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(script.listener);
    served(sys);
}

/* ---- several addresses ------------------------------------------------------------ */

static uint16_t dead, alive;

/* Any name is two of them, and at the first one nobody is. */
static int resolve_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_addresses found = {.count = 2,
                             .at = {{.host = "127.0.0.1", .port = dead},
                                    {.host = "127.0.0.1", .port = alive}}};
    return cadre_reply_as(self, m, &cadre_addresses_type, &found);
}
static const cadre_class resolver_class = {.name = "names", .receive = resolve_receive};

static int root_with_names(cadre_self *self, void *state, cadre_msg *m)
{
    int err = fetch_config.resolver.id
                  ? 0
                  : cadre_spawn(self, &fetch_config.resolver, &resolver_class, NULL);
    return err ? err : fetch_root(self, state, m);
}

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "here");
}

static void next_address_is_tried(void **state)
{
    static const cadre_http_route routes[] = {{"POST", "/", page}, {0}};
    close(raw_listen(&dead, 1));
    web.routes = routes;
    cadre_system *sys = serve();
    web_root = root_with_names;
    alive = web.port;
    got g = fetch(
        sys, &(cadre_http_call){.method = "POST", .url = "http://two.example.invalid"});
    assert_int_equal(g.code, 0);
    assert_string_equal(text_of(g), "here");
    served(sys);
    fetch_config.resolver.id = 0;
}

static void failures_have_remedies(void **state)
{
    uint16_t port;
    int fd = raw_listen(&port, 1);
    close(fd);
    cadre_system *sys = serve();
    got g = fetch(sys, &(cadre_http_call){.url = url_of(port, "/")});
    assert_int_equal(g.code, -ECONNREFUSED);
    assert_non_null(strstr(g.message, "running there"));
    g = fetch(sys, &(cadre_http_call){.url = "http://no.such.name.invalid/"});
    assert_true(g.code == -ENXIO || g.code == -EAGAIN);
    assert_non_null(g.message);
    served(sys);
}

/* ---- other people's --------------------------------------------------------------- */

static void python_agrees(void **state)
{
    uint16_t port;
    if (!has_python())
        skip();
    pid_t pid = start_python(&port, NULL);
    cadre_system *sys = serve();
    expect_folder(sys, "http", port);
    served(sys);
    end_server(pid);
}

static void nginx_agrees(void **state)
{
    uint16_t port;
    if (!has_nginx())
        skip();
    pid_t pid = start_nginx(&port, "", "");
    cadre_system *sys = serve();
    expect_folder(sys, "http", port);
    served(sys);
    end_server(pid);
}

int main(void)
{
    make_folder();
    TESTS(cmocka_unit_test(broken_is_tried_again),
          cmocka_unit_test(answers_are_checked),
          cmocka_unit_test(truncated_answers_fail), cmocka_unit_test(reset_is_no_end),
          cmocka_unit_test(begun_answer_is_not_asked_for_again),
          cmocka_unit_test(next_address_is_tried),
          cmocka_unit_test(failures_have_remedies), cmocka_unit_test(python_agrees),
          cmocka_unit_test(nginx_agrees));
    return RUN_TESTS();
}
