/* test_http_answer_file.c: answers with part of a file, as http.h promises. */
#include "support/process.h"
#include "support/web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOST "Host: here\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* ---- a source that nobody needs ---------------------------------------------------- */

static atomic_uint asked, gone;

static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &cadre_http_gone_type) {
        atomic_fetch_add(&gone, 1);
        return CADRE_STOP;
    }
    atomic_fetch_add(&asked, 1);
    return cadre_reply(self, m, cadre_http_piece,
                       .bytes = cadre_buf_new("0123456789", 10), .is_last = true);
}
static const cadre_class source_class = {.name = "source", .receive = source_receive};

/* ---- answers ---------------------------------------------------------------------- */

/* What begins at its second byte. Consumes the descriptor. */
static int answer_with(cadre_self *self, cadre_msg *m, int fd, uint64_t size)
{
    cadre_promise promise;
    cadre_http_source source = {.size = size};
    int err = cadre_spawn(self, &source.from, &source_class, NULL);
    if (!err)
        err = cadre_defer(self, m, &promise);
    return err ? err : cadre_http_answer_file(self, promise, 200, NULL, &source, fd, 1);
}

static int make_file(void)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    return fd >= 0 && write(fd, "x0123456789", 11) == 11 ? fd : -1;
}

static int get_file(cadre_self *self, void *state, cadre_msg *m)
{
    return answer_with(self, m, make_file(), 10);
}
static int get_too_much(cadre_self *self, void *state, cadre_msg *m)
{
    return answer_with(self, m, make_file(), 11);
}
static int get_pipe(cadre_self *self, void *state, cadre_msg *m)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    close(ends[1]);
    return answer_with(self, m, ends[0], 10);
}
static int get_text(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "text");
}

/* Nothing else is opened or closed meanwhile. */
static int get_refused(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_source me = {.from = cadre_me(self), .size = 1}, none = {0},
                            much = {.from = cadre_me(self), .size = INT64_MAX};
    const struct {
        int status, offset;
        const cadre_http_source *source;
    } calls[] = {{200, 0, NULL}, {200, 0, &none}, {204, 0, &me},
                 {304, 0, &me},  {199, 0, &me},   {200, 1, &much}};
    cadre_promise promise;
    unsigned wrongs = 0, before = process_descriptors();
    int err = cadre_defer(self, m, &promise);
    for (size_t i = 0; !err && i < sizeof calls / sizeof *calls; i++)
        wrongs += cadre_http_answer_file(self, promise, calls[i].status, NULL,
                                         calls[i].source, dup(STDERR_FILENO),
                                         (uint64_t)calls[i].offset) != -EINVAL;
    wrongs += cadre_http_answer_file(self, promise, 200, NULL, &me, -1, 0) != -EBADF;
    wrongs += process_descriptors() != before;
    return err ? err : cadre_http_answer(self, promise, wrongs ? 500 : 204, NULL, NULL);
}

static const cadre_http_route routes[] = {
    {"GET", "/file", get_file}, {"GET", "/more", get_too_much},
    {"GET", "/pipe", get_pipe}, {"GET", "/refused", get_refused},
    {"GET", "/text", get_text}, {0}};

static unsigned descriptors;

static cadre_system *serve(void)
{
    atomic_store(&asked, 0);
    atomic_store(&gone, 0);
    web.routes = routes;
    descriptors = process_descriptors();
    return web_serve();
}

static void served(cadre_system *sys)
{
    web_served(sys);
    assert_int_equal(process_descriptors(), descriptors);
}

/* ---- tests ------------------------------------------------------------------------ */

/* In order with others. */
static void it_is_sent_without_its_source(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /file HTTP/1.1\r\n" HOST "\r\n"
                             "GET /text HTTP/1.1\r\n" HOST "\r\n"
                             "GET /file HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "\r\nContent-Length: 10\r\n"), 2);
    assert_int_equal(web_count(a, "\r\n\r\n0123456789HTTP/1.1 200 OK\r\n"), 1);
    assert_int_equal(web_count(a, "\r\n\r\ntextHTTP/1.1 200 OK\r\n"), 1);
    assert_string_equal(a + strlen(a) - 14, "\r\n\r\n0123456789");
    await(&gone, 2);
    assert_int_equal(atomic_load(&asked), 0);
    served(sys);
}

static void head_needs_neither(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("HEAD /file HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "\r\nContent-Length: 10\r\n"));
    assert_string_equal(a + strlen(a) - 4, "\r\n\r\n");
    await(&gone, 1);
    served(sys);
}

static void expect_cut(const char *path, unsigned *sources)
{
    char text[256];
    int fd = raw_connect(web.port);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    raw_send(fd, text, strlen(text));
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(raw_read_all(fd, text, sizeof text), -ECONNRESET);
    close(fd);
    await(&gone, ++*sources);
}
/* What turns out to be too short, or no file, never looks complete. */
static void cut_is_seen(void **state)
{
    unsigned sources = 0;
    cadre_system *sys = serve();
    expect_cut("/more", &sources);
    expect_cut("/pipe", &sources);
    served(sys);
}

static void refused_file_is_closed(void **state)
{
    cadre_system *sys = serve();
    assert_int_equal(web_status(web_talk("GET /refused HTTP/1.1\r\n" CLOSE)), 204);
    served(sys);
}

/* libuv opens a pipe for signals when it is first used, for good. */
static int warm_up(void **state)
{
    web_served(serve());
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(it_is_sent_without_its_source),
          cmocka_unit_test(head_needs_neither), cmocka_unit_test(cut_is_seen),
          cmocka_unit_test(refused_file_is_closed));
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
