/* test_proxies.c: which proxy is asked for what. */
#include "support/support.h"

#include "http/base64.h"
#include "http/proxies.h"

#include <errno.h>
#include <stdio.h>

static int init_with(struct proxies *p, const char *proxy, const char *no_proxy)
{
    const char *what = NULL;
    const cadre_http_client config = {.proxy = proxy, .no_proxy = no_proxy};
    int err = proxies_init(p, &config, &what);
    assert_int_equal(err == -EINVAL, what != NULL);
    return err;
}

static const struct proxy *find(const struct proxies *p, const char *text)
{
    struct url url;
    assert_int_equal(url_parse(&url, (cadre_http_text){text, strlen(text)}), 0);
    return proxies_find(p, &url);
}

static void proxies_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *identity;
        uint16_t port;
    } cases[] = {
        {"http://a", "a", NULL, 80},
        {"http://A.b:3128/", "a.b", NULL, 3128},
        {"HTTP://[::1]:1", "::1", NULL, 1},
        {"a:8", "a", NULL, 8},
        {"http://user:password@a", "a", "dXNlcjpwYXNzd29yZA==", 80},
        {"http://user@a", "a", "dXNlcjo=", 80},
        {"http://u%40b:p%3aq@a", "a", "dUBiOnA6cQ==", 80},
        {"http://a@b@c:1", "c", "YUBiOg==", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proxies p;
        char line[256] = "";
        assert_int_equal(init_with(&p, cases[i].text, NULL), 0);
        assert_string_equal(p.plain.host, cases[i].host);
        assert_int_equal(p.plain.port, cases[i].port);
        assert_string_equal(p.secure.host, cases[i].host);
        assert_int_equal(p.plain.identity != NULL, cases[i].identity != NULL);
        if (cases[i].identity) {
            snprintf(line, sizeof line, "Proxy-Authorization: Basic %s\r\n",
                     cases[i].identity);
            assert_int_equal(cadre_buf_size(p.plain.identity), strlen(line));
            assert_memory_equal(cadre_buf_data(p.plain.identity), line, strlen(line));
        }
        proxies_free(&p);
    }
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {
        "",           "https://a",  "socks5://a",  "http://",       "http://a:0",
        "http://a/b", "http://a?b", "http://a/@b", "http://u%zz@a", "http://u%00@a",
        "http://u@",  "http://a b"};
    struct proxies p;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(init_with(&p, bad[i], NULL), -EINVAL);
    char *large = malloc(8000); /* a user too long for anybody */
    memset(large, 'x', 8000);
    strcpy(large + 7998 - 8, "@a");
    assert_int_equal(init_with(&p, large, NULL), -EINVAL);
    free(large);
}

static void some_hosts_do_without(void **state)
{
    static const struct {
        const char *none, *url;
        bool is_asked;
    } cases[] = {
        {"", "http://a", true},
        {"*", "http://a", false},
        {"a", "http://a:81", false},
        {"A", "https://a", false},
        {"a", "http://b", true},
        {"b.c", "http://a.b.c", false},
        {"b.c", "http://ab.c", true},
        {".b.c", "http://a.b.c", false},
        {".b.c", "http://b.c", false},
        {"*.b.c", "http://a.b.c", false},
        {"b.c", "http://b.c.", false},
        {"x,,a, b", "http://b", false},
        {"x y", "http://y", false},
        {"10.0.0.0/8", "http://10.1.2.3", false},
        {"10.0.0.0/8", "http://11.1.2.3", true},
        {"10.128.0.0/9", "http://10.127.0.1", true},
        {"10.128.0.0/9", "http://10.129.0.1", false},
        {"10.0.0.1", "http://10.0.0.1", false},
        {"0.0.0.0/0", "http://1.2.3.4", false},
        {"10.0.0.0/33", "http://10.0.0.0", true},
        {"10.0.0.0/", "http://10.0.0.0", true},
        {"10.0.0.0/x", "http://10.0.0.0", true},
        {"::1", "http://[::1]", false},
        {"[::1]", "http://[0:0::1]", false},
        {"fe80::/10", "http://[febf::1]", false},
        {"fe80::/10", "http://[fec0::1]", true},
        {"0.0.0.0/0", "http://[::1]", true},
        {"10.0.0.0/8", "http://a", true},
        {".", "http://a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proxies p;
        assert_int_equal(init_with(&p, "http://proxy", cases[i].none), 0);
        if ((find(&p, cases[i].url) != NULL) != cases[i].is_asked)
            fail_msg("no_proxy %s, %s", cases[i].none, cases[i].url);
        proxies_free(&p);
    }
}

/* Only where it is asked for; HTTP_PROXY never. */
static void environment_is_read(void **state)
{
    struct proxies p;
    const char *what = NULL;
    cadre_http_client config = {.environment = true};
    assert_int_equal(setenv("http_proxy", "http://one:1", 1), 0);
    assert_int_equal(setenv("HTTPS_PROXY", "two:2", 1), 0);
    assert_int_equal(setenv("no_proxy", "b", 1), 0);
    assert_int_equal(proxies_init(&p, &config, &what), 0);
    assert_string_equal(find(&p, "http://a")->host, "one");
    assert_string_equal(find(&p, "https://a")->host, "two");
    assert_null(find(&p, "http://b"));
    proxies_free(&p);
    assert_int_equal(setenv("https_proxy", "three", 1), 0);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(setenv("HTTP_PROXY", "four", 1), 0);
    assert_int_equal(proxies_init(&p, &config, &what), 0);
    assert_null(find(&p, "http://a"));
    assert_string_equal(find(&p, "https://a")->host, "three");
    proxies_free(&p);
    config.proxy = "http://five";
    config.no_proxy = "c";
    assert_int_equal(proxies_init(&p, &config, &what), 0);
    assert_string_equal(find(&p, "https://b")->host, "five");
    assert_null(find(&p, "http://c"));
    proxies_free(&p);
    config = (cadre_http_client){0};
    assert_int_equal(proxies_init(&p, &config, &what), 0);
    assert_null(find(&p, "https://a"));
    config.environment = true;
    assert_int_equal(setenv("https_proxy", "socks5://x", 1), 0);
    assert_int_equal(proxies_init(&p, &config, &what), -EINVAL);
    assert_string_equal(what, "https_proxy");
}

/* The examples of RFC 4648. */
static void base64_is_as_written(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        size_t size = strlen(cases[i][0]);
        char *end = base64_put(text, cases[i][0], size);
        assert_int_equal(end - text, BASE64_SIZE(size));
        *end = '\0';
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(proxies_are_taken_apart),
          cmocka_unit_test(others_are_refused), cmocka_unit_test(some_hosts_do_without),
          cmocka_unit_test(environment_is_read),
          cmocka_unit_test(base64_is_as_written));
    return RUN_TESTS();
}
