/* test_http_json.c: JSON in requests and answers, as actors/http_json.h promises. */
#include "support/fetching.h"

#include <cadre/actors/http_json.h>
#include <cadre/await.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

/* ---- texts ------------------------------------------------------------------------ */

static cadre_buf *buf_of(const char *text) { return cadre_buf_new(text, strlen(text)); }

static int read_text(json_t **json, const char *text, const cadre_json_limits *limits,
                     cadre_json_error *error)
{
    cadre_buf *buf = buf_of(text);
    int err = cadre_json_read(json, buf, limits, error);
    cadre_buf_unref(buf);
    return err;
}

static void values_are_read_and_written(void **state)
{
    static const char *const cases[] = {"{\"a\":[1,2.5,\"x\",null,true,{}]}",
                                        "[]",
                                        "3",
                                        "\"\xc3\xbc\"",
                                        "null",
                                        "{\"\":-1}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json;
        cadre_buf *text;
        assert_int_equal(read_text(&json, cases[i], NULL, NULL), 0);
        assert_int_equal(cadre_json_write(&text, json), 0);
        assert_int_equal(cadre_buf_size(text), strlen(cases[i]));
        assert_memory_equal(cadre_buf_data(text), cases[i], strlen(cases[i]));
        cadre_buf_unref(text);
    }
}

static void bad_json_is_told(void **state)
{
    static const struct {
        const char *text;
        uint32_t line, column;
    } cases[] = {
        {"", 0, 0},
        {" ", 1, 1},
        {"{\n  \"a\": x\n}", 2, 8},
        {"[1,\n2", 2, 1},
        {"{\"a\":1,\"a\":2}", 1, 10},
        {"\"\\u0000\"", 1, 8},
        {"[1] 2", 1, 5},
        {"{a:1}", 1, 2},
        {"[1e999]", 1, 6},
        {"[99999999999999999999]", 1, 21},
        {"\"\x80\"", 1, 1},
        {"\"\t\"", 1, 1},
        {"[1}", 1, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = NULL;
        cadre_json_error error = {0};
        assert_int_equal(read_text(&json, cases[i].text, NULL, &error), -EINVAL);
        assert_null(json);
        if (error.line != cases[i].line || error.column != cases[i].column)
            fail_msg("%s: %u, %u: %s", cases[i].text, error.line, error.column,
                     error.text);
        assert_true(strlen(error.text) > 5);
    }
    assert_int_equal(cadre_json_read(NULL, NULL, NULL, NULL), -EINVAL);
    json_t *json;
    assert_int_equal(cadre_json_read(&json, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(read_text(&json, "1", &(cadre_json_limits){.depth = 2049}, NULL),
                     -EINVAL);
}

static void json_limits_hold(void **state)
{
    static const struct {
        const char *text;
        uint32_t depth, line, column;
        int err;
    } cases[] = {
        {"[[1]]", 2, 0, 0, 0},           {"[\n[[1]]]", 2, 2, 2, -EMSGSIZE},
        {"[{\"a\":[]}]", 3, 0, 0, 0},    {"[{\"a\":[]}]", 2, 1, 7, -EMSGSIZE},
        {"[[],[],[[]]]", 3, 0, 0, 0},    {"[\"[[[[\\\"[[[[\"]", 1, 0, 0, 0},
        {"]]]][[[", 2, 1, 7, -EMSGSIZE},
    };
    json_t *json;
    cadre_json_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cadre_json_limits limits = {.depth = cases[i].depth};
        assert_int_equal(read_text(&json, cases[i].text, &limits, &error),
                         cases[i].err);
        if (!cases[i].err) {
            json_decref(json);
            continue;
        }
        assert_int_equal(error.line, cases[i].line);
        assert_int_equal(error.column, cases[i].column);
    }
    const cadre_json_limits three = {.size = 3};
    assert_int_equal(read_text(&json, "[1]", &three, NULL), 0);
    json_decref(json);
    assert_int_equal(read_text(&json, "[1] ", &three, &error), -EMSGSIZE);
    assert_int_equal(error.line, 0);
    /* As deep as may be, and as it is if nothing is said. */
    char deep[2 * 2049 + 1] = "";
    for (uint32_t depth = 64; depth <= 2048; depth += 1984) {
        const cadre_json_limits limits = {.depth = depth == 64 ? 0 : depth};
        memset(deep, '[', depth + 1);
        memset(deep + depth + 1, ']', depth + 1);
        deep[2 * depth + 2] = '\0';
        assert_int_equal(read_text(&json, deep, &limits, NULL), -EMSGSIZE);
        deep[2 * depth + 1] = '\0';
        assert_int_equal(read_text(&json, deep + 1, &limits, NULL), 0);
        json_decref(json);
    }
}

static void values_are_consumed(void **state)
{
    cadre_buf *text;
    json_t *json = json_pack("[i]", 1);
    const cadre_http_call bad = {.url = "http://"}, with_body = {.url = "http://a"};
    cadre_http_call body = with_body;
    assert_int_equal(cadre_json_write(NULL, json_incref(json)), -EINVAL);
    assert_int_equal(cadre_json_write(&text, json_incref(json)), 0);
    cadre_buf_unref(text);
    assert_int_equal(cadre_json_write(&text, NULL), -ENOMEM);
    assert_true(cadre_json_reply(NULL, NULL, 200, NULL, json_incref(json)) < 0);
    assert_true(
        cadre_json_answer(NULL, (cadre_promise){0}, 200, NULL, json_incref(json)) < 0);
    const cadre_ref none = {0};
    assert_int_equal(
        cadre_json_fetch(NULL, NULL, none, CADRE_SECOND, NULL, json_incref(json)),
        -EINVAL);
    assert_int_equal(
        cadre_json_fetch(NULL, NULL, none, CADRE_SECOND, &bad, json_incref(json)),
        -EINVAL);
    body.body = cadre_buf_new("x", 1);
    assert_int_equal(
        cadre_json_fetch(NULL, NULL, none, CADRE_SECOND, &body, json_incref(json)),
        -EINVAL);
    assert_int_equal(json->refcount, 1);
    /* One that contains itself. */
    json_t *circle = json_array(), *inside = json_array();
    assert_int_equal(json_array_append(circle, inside), 0);
    assert_int_equal(json_array_append(inside, circle), 0);
    assert_int_equal(cadre_json_write(&text, json_incref(circle)), -EINVAL);
    json_array_clear(circle);
    json_array_clear(inside);
    json_decref(circle);
    json_decref(inside);
    json_decref(json);
}

/* ---- a server --------------------------------------------------------------------- */

static int add(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_json_limits limits = {.size = 1000, .depth = 3};
    static const cadre_http_field fields[] = {{"X-By", "add"}, {0}};
    json_t *json;
    int a, b, err = cadre_json_request(self, m, &json, &limits);
    if (err || !json)
        return err;
    int bad = json_unpack(json, "{s:i, s:i}", "a", &a, "b", &b);
    json_decref(json);
    return bad ? cadre_http_reply_text(self, m, 400, "which a and b?\n")
               : cadre_json_reply(self, m, 200, fields,
                                  json_pack("{s:i}", "sum", a + b));
}

static int later(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"content-type", "application/x+json"},
                                              {0}};
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err : cadre_json_answer(self, promise, 201, fields, json_pack("[]"));
}

static const cadre_http_route routes[] = {
    {"POST", "/add", add}, {"GET", "/later", later}, {0}};

/* ---- and a client ----------------------------------------------------------------- */

/* number: a and b. */
static int sum(cadre_self *self, void *state, cadre_msg *request)
{
    cadre_token token;
    cadre_msg m;
    json_t *json;
    const number *n = cadre_body(request, number);
    if (!n)
        return fetch_root(self, state, request);
    number result = {0};
    const int value = (int)n->value;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/add", web.port);
    const cadre_http_call call = {.url = url};
    int err = fetch_client.id
                  ? 0
                  : cadre_spawn(self, &fetch_client, &cadre_http_client_class, NULL);
    if (!err)
        err = cadre_json_fetch(self, &token, fetch_client, 60 * CADRE_SECOND, &call,
                               json_pack("{s:i, s:i}", "a", value, "b", value));
    if (!err)
        err = cadre_await(self, token, &m);
    const cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    if (r &&
        cadre_http_is(cadre_http_response_header(r, "Content-Type"),
                      "application/json") &&
        cadre_json_read(&json, r->body, NULL, NULL) == 0) {
        result.value = (uint64_t)json_integer_value(json_object_get(json, "sum"));
        json_decref(json);
    }
    return err ? err : cadre_reply_as(self, request, &number_type, &result);
}

static cadre_system *serve(void)
{
    web.routes = routes;
    web_root = sum;
    fetch_client.id = 0;
    return web_serve();
}

static void client_sends_and_reads(void **state)
{
    cadre_system *sys = serve();
    cadre_future *f;
    cadre_msg m;
    assert_int_equal(cadre_call_as(sys, &f, web_root_ref, &number_type, &(number){21}),
                     0);
    assert_int_equal(cadre_future_wait(f, 60 * CADRE_SECOND, &m), 0);
    assert_int_equal(cadre_body(&m, number)->value, 42);
    cadre_future_free(f);
    web_served(sys);
}

static got post(cadre_system *sys, const char *type, const char *text)
{
    const cadre_http_field fields[] = {{type ? "Content-Type" : NULL, type}, {0}};
    return fetch(sys, &(cadre_http_call){.method = "POST",
                                         .url = url_of(web.port, "/add"),
                                         .fields = fields,
                                         .body = text ? buf_of(text) : NULL});
}

/* What bad_json_is_told says of the client. */
static void client_is_told(void **state)
{
    static const struct {
        const char *type, *text;
        unsigned status;
        const char *says;
    } cases[] = {
        {"application/json", "{\"a\":1,\"b\":2}", 200, "{\"sum\":3}"},
        {"Application/JSON; charset=utf-8", "{\"a\":1,\"b\":2}", 200, "{\"sum\":3}"},
        {"application/problem+json", "{\"a\":1,\"b\":2}", 200, "{\"sum\":3}"},
        {NULL, "{\"a\":1,\"b\":2}", 415, "send JSON (application/json)\n"},
        {"text/plain", "{\"a\":1,\"b\":2}", 415, "send JSON (application/json)\n"},
        {"text/application/json", "1", 415, "send JSON (application/json)\n"},
        {"application/json", NULL, 400, "no JSON: there is no text\n"},
        {"application/json", "[1,\n x]", 400,
         "no JSON: line 2, column 2: invalid token near 'x'\n"},
        {"application/json", "[[[[1]]]]", 413,
         "no JSON: line 1, column 4: it goes too deep\n"},
        {"application/json", "{}", 400, "which a and b?\n"},
    };
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        got g = post(sys, cases[i].type, cases[i].text);
        assert_int_equal(g.status, cases[i].status);
        assert_string_equal(text_of(g), cases[i].says);
        cadre_http_response r = {.fields = g.fields};
        if (g.status == 200) {
            assert_true(cadre_http_is(cadre_http_response_header(&r, "Content-Type"),
                                      "application/json"));
            assert_true(cadre_http_is(cadre_http_response_header(&r, "X-By"), "add"));
        }
    }
    char large[1003];
    memset(large, ' ', sizeof large);
    memcpy(large, "1", 1);
    large[1001] = '\0';
    assert_int_equal(post(sys, "application/json", large).status, 413);
    got g = get(sys, "/later");
    cadre_http_response r = {.fields = g.fields};
    assert_int_equal(g.status, 201);
    assert_string_equal(text_of(g), "[]");
    assert_true(cadre_http_is(cadre_http_response_header(&r, "Content-Type"),
                              "application/x+json"));
    web_served(sys);
}

/* ---- without memory --------------------------------------------------------------- */

static unsigned allowed; /* allocations of jansson's */

static void *scarce(size_t size)
{
    if (allowed == 0) {
        errno = ENOMEM;
        return NULL;
    }
    allowed--;
    return malloc(size);
}

/* No text is given that is none. */
static void short_memory_is_told(void **state)
{
    cadre_buf *text;
    int err = -ENOMEM;
    json_t *json = json_pack("[{s:[i]}]", "a", 1);
    for (unsigned i = 0; err; i++) {
        assert_true(i < 100);
        allowed = i;
        json_set_alloc_funcs(scarce, free);
        err = cadre_json_write(&text, json_incref(json));
        json_set_alloc_funcs(malloc, free);
        assert_true(err == 0 || err == -ENOMEM);
    }
    assert_int_equal(cadre_buf_size(text), strlen("[{\"a\":[1]}]"));
    assert_memory_equal(cadre_buf_data(text), "[{\"a\":[1]}]", cadre_buf_size(text));
    cadre_buf_unref(text);
    json_decref(json);
}

/* curl has an option for it. */
static void curl_agrees(void **state)
{
    char line[256], said[256] = "";
    cadre_system *sys = serve();
    snprintf(line, sizeof line,
             "curl -sS -m 60 --noproxy '*' --json '{\"a\":1,\"b\":2}' "
             "http://127.0.0.1:%u/add 2>&1",
             web.port);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    said[fread(said, 1, sizeof said - 1, pipe)] = '\0';
    pclose(pipe);
    assert_string_equal(said, "{\"sum\":3}");
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(values_are_read_and_written),
          cmocka_unit_test(bad_json_is_told), cmocka_unit_test(json_limits_hold),
          cmocka_unit_test(values_are_consumed), cmocka_unit_test(short_memory_is_told),
          cmocka_unit_test(client_sends_and_reads), cmocka_unit_test(client_is_told),
          cmocka_unit_test(curl_agrees));
    return RUN_TESTS();
}
