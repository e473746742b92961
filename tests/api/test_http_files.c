/* test_http_files.c: files over HTTP, as actors/http_files.h promises. */
#include "support/folder.h"
#include "support/http2.h"

#include <cadre/actors/http_files.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST "Host: here\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

enum { LARGE = 3000000 };

static cadre_http_files config;
static cadre_ref files;

static int root_forwards(cadre_self *self, void *state, cadre_msg *m)
{
    int err =
        files.id ? 0 : cadre_spawn(self, &files, &cadre_http_files_class, &config);
    return err ? err : cadre_forward(self, files, m);
}

static int page(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, web_root_ref, m);
}
static const cadre_http_route routes[] = {
    {NULL, "/static/*", page}, {NULL, "/*", page}, {0}};

static char *large_bytes(void)
{
    char *bytes = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}

static void put_large(void)
{
    char *bytes = large_bytes();
    FILE *f = fopen(in_folder("www/large.bin"), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, LARGE, f), LARGE);
    assert_int_equal(fclose(f), 0);
    free(bytes);
}

static cadre_system *serve(void)
{
    static bool is_made;
    if (!is_made) {
        make_folder();
        assert_int_equal(mkdir(in_folder("www"), 0777), 0);
        assert_int_equal(mkdir(in_folder("www/sub"), 0777), 0);
        put_file(in_folder("secret"), "secret");
        put_file(in_folder("www/index.html"), "<p>root");
        put_file(in_folder("www/sub/index.html"), "<p>sub");
        put_file(in_folder("www/a b.TXT"), "0123456789");
        put_file(in_folder("www/empty"), "");
        put_large();
        is_made = true;
    }
    static char root[512];
    snprintf(root, sizeof root, "%s", in_folder("www"));
    config.root = root;
    files.id = 0;
    web.routes = routes;
    web_root = root_forwards;
    web.to.id = 0;
    cadre_system *sys = web_serve();
    return sys;
}

static void served(cadre_system *sys)
{
    web_served(sys);
    config = (cadre_http_files){0};
}

/* All that is answered to one request. */
static const char *get(const char *method, const char *path, const char *fields)
{
    char text[1024];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n%s" CLOSE, method, path, fields);
    return web_talk(text);
}

static void expect(const char *path, int status, const char *type, const char *body)
{
    char line[128];
    const char *a = get("GET", path, "");
    assert_int_equal(web_status(a), status);
    snprintf(line, sizeof line, "\r\nContent-Type: %s\r\n", type);
    if (type)
        assert_non_null(strstr(a, line));
    assert_string_equal(strstr(a, "\r\n\r\n") + 4, body);
}

static void files_are_served(void **state)
{
    cadre_system *sys = serve();
    expect("/static/", 200, "text/html; charset=utf-8", "<p>root");
    expect("/static/sub/", 200, "text/html; charset=utf-8", "<p>sub");
    expect("/static/a%20b.TXT", 200, "text/plain; charset=utf-8", "0123456789");
    expect("/static/a%20b.TXT?q", 200, "text/plain; charset=utf-8", "0123456789");
    expect("/static/empty", 200, "application/octet-stream", "");
    expect("/static/none", 404, NULL, "404\n");
    expect("/static/empty/none", 404, NULL, "404\n");
    const char *a = get("GET", "/static/sub", "");
    assert_int_equal(web_status(a), 301);
    assert_non_null(strstr(a, "\r\nLocation: /static/sub/\r\n"));
    a = get("POST", "/static/", "");
    assert_int_equal(web_status(a), 405);
    assert_non_null(strstr(a, "\r\nAllow: GET, HEAD\r\n"));
    a = get("HEAD", "/static/a%20b.TXT", "");
    assert_non_null(strstr(a, "\r\nContent-Length: 10\r\n"));
    assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
    served(sys);
}

/* Where the program has closed those, files get their numbers. */
static void standard_descriptors_may_be_closed(void **state)
{
    static const char first[] = "GET /empty HTTP/1.1\r\n" HOST "\r\n",
                      second[] = "GET /large.bin HTTP/1.1\r\n" CLOSE;
    cadre_system *sys = serve();
    int in = dup(STDIN_FILENO), fd = raw_connect(web.port);
    raw_send(fd, first, strlen(first));
    web_expect_end(fd, "\r\n\r\n");
    close(STDIN_FILENO);
    raw_send(fd, second, strlen(second));
    int status = web_status(web_rest(fd));
    bool is_used = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
    close(in);
    assert_int_equal(status, 200);
    assert_false(is_used);
    served(sys);
}

static void folder_as_index_is_404(void **state)
{
    cadre_system *sys = serve();
    assert_int_equal(mkdir(in_folder("www/odd"), 0777), 0);
    assert_int_equal(mkdir(in_folder("www/odd/index.html"), 0777), 0);
    expect("/static/odd/", 404, NULL, "404\n");
    served(sys);
}

static void server_may_ask_it(void **state)
{
    cadre_system *sys;
    web_served(serve());
    web_root = root_forwards;
    files.id = 0;
    sys = web_serve(); /* without routes */
    expect("/a%20b.TXT", 200, "text/plain; charset=utf-8", "0123456789");
    expect("/", 200, "text/html; charset=utf-8", "<p>root");
    expect("//etc/hostname", 404, NULL, "404\n");
    served(sys);
}

static void config_is_used(void **state)
{
    static const cadre_http_file_type types[] = {{".bin", "x/y"}, {NULL, "z/z"}};
    config.types = types;
    config.index = "a b.TXT";
    config.cache = "max-age=60";
    cadre_system *sys = serve();
    const char *a = get("HEAD", "/static/large.bin", "");
    assert_non_null(strstr(a, "\r\nContent-Type: x/y\r\n"));
    assert_non_null(strstr(a, "\r\nContent-Length: 3000000\r\n"));
    assert_non_null(strstr(a, "\r\nCache-Control: max-age=60\r\n"));
    expect("/static/", 200, "z/z", "0123456789");
    served(sys);
}

/* As nobody, where the test is root, who may read everything. */
static void may_not_be_read_is_403(void **state)
{
    enum { NOBODY = 65534 };
    bool is_root = geteuid() == 0;
    cadre_system *sys = serve();
    put_file(in_folder("www/closed"), "x");
    put_file(in_folder("www/large closed"), "x");
    assert_int_equal(truncate(in_folder("www/large closed"), 1 << 20), 0);
    assert_int_equal(chmod(in_folder("www/closed"), 0), 0);
    assert_int_equal(chmod(in_folder("www/large closed"), 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
    int one = web_status(get("GET", "/static/closed", ""));
    int other = web_status(get("GET", "/static/large%20closed", ""));
    assert_int_equal(is_root ? seteuid(0) : 0, 0);
    assert_int_equal(one, 403);
    assert_int_equal(other, 403);
    served(sys);
}

static void root_is_not_left(void **state)
{
    static const char *const paths[] = {"/static/../secret",
                                        "/static/%2e%2e/secret",
                                        "/static/..%2fsecret",
                                        "/static/sub/../../secret",
                                        "/static/sub/..%2F../secret",
                                        "/static/..",
                                        "/static//etc/hostname",
                                        "/static/%2fetc/hostname",
                                        "/static/a%00b",
                                        "/static/.%2e/secret",
                                        "/../secret",
                                        "/%2e%2e/secret",
                                        "//etc/hostname",
                                        "/static/sub/./../../secret"};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        expect(paths[i], 404, NULL, "404\n");
    served(sys);
}

static void expect_range(const char *range, int status, const char *content,
                         const char *body)
{
    char field[128], line[128];
    snprintf(field, sizeof field, "Range: %s\r\n", range);
    const char *a = get("GET", "/static/a%20b.TXT", field);
    assert_int_equal(web_status(a), status);
    snprintf(line, sizeof line, "\r\nContent-Range: bytes %s\r\n", content);
    if (content)
        assert_non_null(strstr(a, line));
    assert_string_equal(strstr(a, "\r\n\r\n") + 4, body);
}

static void ranges_are_exact(void **state)
{
    cadre_system *sys = serve();
    expect_range("bytes=0-0", 206, "0-0/10", "0");
    expect_range("bytes=3-5", 206, "3-5/10", "345");
    expect_range("bytes=3-", 206, "3-9/10", "3456789");
    expect_range("bytes=3-99", 206, "3-9/10", "3456789");
    expect_range("bytes=-3", 206, "7-9/10", "789");
    expect_range("bytes=-99", 206, "0-9/10", "0123456789");
    expect_range("bytes=9-", 206, "9-9/10", "9");
    expect_range("bytes=10-", 416, "*/10", "");
    expect_range("bytes=-0", 416, "*/10", "");
    expect_range("bytes=5-3", 200, NULL, "0123456789");
    expect_range("bytes=1-2,4-5", 200, NULL, "0123456789");
    expect_range("lines=1-2", 200, NULL, "0123456789");
    expect_range("bytes=-", 200, NULL, "0123456789");
    expect_range("bytes=99999999999999999999-", 200, NULL, "0123456789");
    expect_range("bytes=0-18446744073709551609", 206, "0-9/10", "0123456789");
    const char *a = get("HEAD", "/static/a%20b.TXT", "Range: bytes=3-5\r\n");
    assert_int_equal(web_status(a), 200); /* RFC 9110, 14.2: of GET only */
    assert_non_null(strstr(a, "\r\nContent-Length: 10\r\n"));
    served(sys);
}

/* The value of that field of an answer: into value, of 64 bytes. */
static void value_of(const char *answer, const char *name, char *value)
{
    const char *at = strstr(answer, name);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(name), ": %63[^\r]", value), 1);
}

static int status_with(const char *field, const char *value, const char *more)
{
    char fields[512];
    snprintf(fields, sizeof fields, "%s: %s\r\n%s", field, value, more);
    return web_status(get("GET", "/static/a%20b.TXT", fields));
}

static void unchanged_is_304(void **state)
{
    char tag[64], date[64], list[160];
    cadre_system *sys = serve();
    const char *a = get("GET", "/static/a%20b.TXT", "");
    value_of(a, "ETag", tag);
    value_of(a, "Last-Modified", date);
    snprintf(list, sizeof list, "\"x\", W/%s , \"y\"", tag);
    assert_int_equal(status_with("If-None-Match", tag, ""), 304);
    assert_int_equal(status_with("If-None-Match", list, ""), 304);
    assert_int_equal(status_with("If-None-Match", "*", ""), 304);
    assert_int_equal(status_with("If-None-Match", "\"x\"", ""), 200);
    assert_int_equal(status_with("If-Modified-Since", date, ""), 304);
    assert_int_equal(
        status_with("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", ""), 200);
    assert_int_equal(status_with("If-Modified-Since", "yesterday", ""), 200);
    assert_int_equal(status_with("If-Modified-Since", date, "If-None-Match: \"x\"\r\n"),
                     200);
    assert_int_equal(status_with("If-Range", tag, "Range: bytes=1-2\r\n"), 206);
    assert_int_equal(status_with("If-Range", date, "Range: bytes=1-2\r\n"), 206);
    assert_int_equal(status_with("If-Range", "\"x\"", "Range: bytes=1-2\r\n"), 200);
    put_file(in_folder("www/a b.TXT"), "0123456789");
    assert_int_equal(status_with("If-None-Match", tag, ""), 200);
    served(sys);
}

static void large_file_comes_in_pieces(void **state)
{
    char *sent = large_bytes(), *got = malloc(LARGE);
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    const char two[] =
        "GET /large.bin HTTP/1.1\r\n" HOST "\r\n"
        "GET /large.bin HTTP/1.1\r\n" HOST "Range: bytes=1000001-2000001\r\n\r\n";
    raw_send(fd, two, strlen(two));
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(raw_read_all(fd, got, LARGE), LARGE);
    assert_memory_equal(got, sent, LARGE);
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(raw_read_all(fd, got, 1000001), 1000001);
    assert_memory_equal(got, sent + 1000001, 1000001);
    close(fd);
    free(sent);
    free(got);
    served(sys);
}

/* It is as long as was said, or cut off. */
static void shortened_file_is_cut(void **state)
{
    static char bytes[1 << 20];
    cadre_system *sys = serve();
    put_file(in_folder("www/huge"), "x");
    assert_int_equal(truncate(in_folder("www/huge"), 100 << 20), 0);
    int fd = raw_connect(web.port);
    const char one[] = "GET /huge HTTP/1.1\r\n" HOST "\r\n";
    raw_send(fd, one, strlen(one));
    web_expect_end(fd, "\r\n\r\n"); /* it is open, and not all of it is read */
    assert_int_equal(truncate(in_folder("www/huge"), 10), 0);
    ssize_t n;
    size_t sum = 0;
    while ((n = raw_read_all(fd, bytes, sizeof bytes)) == sizeof bytes)
        sum += (size_t)n;
    assert_true(sum < 100 << 20);
    assert_int_equal(n, -ECONNRESET);
    close(fd);
    served(sys);
}

static bool is_open(int fd)
{
    char name[32], path[512];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return strstr(path, "large.bin");
}

static bool none_is_open(void *most)
{
    for (int fd = 0; fd < *(int *)most; fd++)
        if (is_open(fd))
            return false;
    return true;
}

/* Whenever that is: also while the answer is on its way to where it is dropped. */
static void gone_client_leaves_no_file_open(void **state)
{
    enum { MANY = 500, AT_ONCE = 16 };
    static const char one[] = "GET /large.bin HTTP/1.1\r\n" HOST "\r\n";
    char all[AT_ONCE * sizeof one] = "";
    cadre_system *sys = serve();
    for (int i = 0; i < AT_ONCE; i++)
        strcat(all, one);
    for (int i = 0; i < MANY; i++) {
        int fd = raw_connect(web.port);
        raw_send(fd, all, strlen(all));
        int64_t until = real_now() + i % 60 * CADRE_MS / 100;
        while (real_now() < until)
            ;
        raw_reset(fd);
        close(fd);
    }
    int most = MANY * AT_ONCE;
    await_true(none_is_open, &most);
    served(sys);
}

/* Each way of asking for what is behind the first 1,000 bytes. */
static void curl_agrees(void **state)
{
    static const char *const ways[] = {
        "-C 1000",     "-r 1000-",        "-0 -r 1000-",
        "-r -2999000", "-r 1000-2999999", "--http2-prior-knowledge -r 1000-"};
    char line[1024];
    if (system("curl --version >/dev/null 2>&1") != 0)
        skip();
    cadre_system *sys = serve();
    size_t count = sizeof ways / sizeof *ways - http2_is_missing();
    for (size_t i = 0; i < count; i++) { /* the last by its source */
        snprintf(line, sizeof line,
                 "cd %s && curl -sS -m 60 --noproxy '*' %s "
                 "http://127.0.0.1:%u/large.bin | cat >got && "
                 "tail -c 2999000 www/large.bin | cmp got -",
                 folder, ways[i], web.port);
        assert_int_equal(system(line), 0);
    }
    served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(files_are_served), cmocka_unit_test(server_may_ask_it),
          cmocka_unit_test(standard_descriptors_may_be_closed),
          cmocka_unit_test(folder_as_index_is_404), cmocka_unit_test(config_is_used),
          cmocka_unit_test(may_not_be_read_is_403), cmocka_unit_test(root_is_not_left),
          cmocka_unit_test(ranges_are_exact), cmocka_unit_test(unchanged_is_304),
          cmocka_unit_test(large_file_comes_in_pieces),
          cmocka_unit_test(shortened_file_is_cut),
          cmocka_unit_test(gone_client_leaves_no_file_open),
          cmocka_unit_test(curl_agrees));
    return RUN_TESTS();
}
