/* web.c: a system with an HTTP server on loopback, and a client that is bytes. */
#include "support/web.h"

#include <cadre/future.h>

#include <stdio.h>
#include <unistd.h>

cadre_http web;
cadre_receive *web_root;
cadre_ref web_root_ref;
static cadre_ref server;
static atomic_uint is_up;
static char answer[1 << 20];

static int root_start(cadre_self *self, void *state)
{
    web_root_ref = cadre_me(self);
    if (!web.to.id && !web.routes)
        web.to = cadre_me(self);
    web.host = "127.0.0.1";
    int err = cadre_spawn(self, &server, &cadre_http_class, &web);
    atomic_store(&is_up, 1);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return web_root ? web_root(self, state, m) : cadre_unhandled(self, m);
}

static const cadre_class root_class = {
    .name = "web", .start = root_start, .receive = root_receive};

cadre_http_status web_ask(cadre_system *sys)
{
    cadre_msg m;
    cadre_future *f;
    const cadre_http_ask none = {0};
    assert_int_equal(cadre_call_as(sys, &f, server, &cadre_http_ask_type, &none), 0);
    assert_int_equal(cadre_future_wait(f, 60 * CADRE_SECOND, &m), 0);
    const cadre_http_status *status = cadre_body(&m, cadre_http_status);
    assert_non_null(status);
    cadre_http_status copy = *status;
    cadre_future_free(f);
    return copy;
}

cadre_system *web_serve(void)
{
    atomic_store(&is_up, 0);
    cadre_system *sys = open_system(2, 0, &root_class);
    await(&is_up, 1);
    web.port = web_ask(sys).port;
    return sys;
}

void web_served(cadre_system *sys)
{
    close_system(sys);
    web = (cadre_http){0};
    web_root = NULL;
}

const char *web_rest(int fd)
{
    ssize_t n = raw_read_all(fd, answer, sizeof answer - 1);
    assert_true(n >= 0);
    answer[n] = '\0';
    close(fd);
    return answer;
}

const char *web_talk(const char *request)
{
    int fd = raw_connect(web.port);
    raw_send(fd, request, strlen(request));
    return web_rest(fd);
}

void web_expect_end(int fd, const char *text)
{
    size_t size = 0, end = strlen(text);
    do {
        assert_int_equal(raw_read_all(fd, answer + size, 1), 1);
        size++;
    } while (size < end || memcmp(answer + size - end, text, end) != 0);
    answer[size] = '\0';
}

int web_status(const char *text)
{
    int status = 0;
    return sscanf(text, "HTTP/1.1 %d ", &status) == 1 ? status : -1;
}

unsigned web_count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}
