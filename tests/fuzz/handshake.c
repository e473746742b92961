/* handshake.c: who asks for a WebSocket, judged by whole lines, as RFC 6455 has them.
 *
 * The input is the fields of a request, one in each line; `how` adds those that are
 * right, so that the search needs to find only what is wrong with others.
 *
 * Fuzzed: actors/http/proof.c actors/http/sha1.c actors/http/base64.c
 * Fuzzed: actors/http/parser.c actors/http/head.c actors/http/lines.c
 * Fuzzed: actors/http/bytes.c actors/http/routes.c llhttp */
#include "fuzz/fuzz.h"

#include "http/parser.h"
#include "http/proof.h"

#include <ctype.h>
#include <strings.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static const cadre_http_limits limits = {
    .head = 4000, .fields = 30, .target = 80, .body = 100};
static const char *const right[] = {
    "Upgrade: websocket\r\n", "Connection: keep-alive, Upgrade\r\n",
    "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: " KEY "\r\n"};

static void make(struct story *text, uint8_t how, struct input in)
{
    const char *first = how & 16 ? "GET / HTTP/1.1\r\n" : "PUT / HTTP/1.1\r\n";
    story_add(text, first, strlen(first));
    story_add(text, "Host: here\r\n", 12);
    for (int i = 0; i < 4; i++)
        if (how & 1 << i)
            story_add(text, right[i], strlen(right[i]));
    while (in.size > 0) {
        uint8_t c = input_byte(&in);
        story_add(text, c == '\n' ? "\r\n" : (char *)&c, c == '\n' ? 2 : 1);
    }
    story_add(text, "\r\n\r\n", 4);
}

/* How many lines of this name there are, and in how many the word is among those with
 * commas between them. Values have no blanks around them. */
static unsigned count(const cadre_http_request *r, const char *field, const char *word,
                      unsigned *with)
{
    cadre_http_text name, value;
    unsigned lines = 0;
    *with = 0;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++) {
        char all[4100] = ",", wanted[40];
        if (name.size != strlen(field) || strncasecmp(name.at, field, name.size))
            continue;
        size_t used = 1;
        for (size_t n = 0; n < value.size; n++) /* blanks beside commas go */
            if (value.at[n] != ' ' && value.at[n] != '\t')
                all[used++] = value.at[n];
            else if (n + 1 < value.size && all[used - 1] != ',') {
                size_t next = n;
                while (value.at[next] == ' ' || value.at[next] == '\t')
                    next++;
                if (value.at[next] != ',')
                    all[used++] = ' ';
            }
        memcpy(all + used, ",", 2);
        snprintf(wanted, sizeof wanted, ",%s,", word);
        lines++;
        *with += strcasestr(all, wanted) != NULL;
    }
    return lines;
}

static bool is_key(cadre_http_text key)
{
    for (size_t i = 0; i < key.size; i++)
        if (i < 22 ? !isalnum((unsigned char)key.at[i]) && key.at[i] != '+' &&
                         key.at[i] != '/'
                   : key.at[i] != '=')
            return false;
    return key.size == 24;
}

static void judge(const cadre_http_request *r)
{
    char proof[PROOF_SIZE];
    unsigned upgrade, connection, version, unused;
    bool is_one = proof_make(proof, r);
    (void)count(r, "Upgrade", "websocket", &upgrade);
    (void)count(r, "Connection", "upgrade", &connection);
    bool once = count(r, "Sec-WebSocket-Key", "", &unused) == 1 &&
                count(r, "Sec-WebSocket-Version", "13", &version) == 1;
    cadre_http_text key = cadre_http_header(r, "Sec-WebSocket-Key");
    bool expected = once && version == 1 && upgrade > 0 && connection > 0 &&
                    cadre_http_header(r, "Sec-WebSocket-Version").size == 2 &&
                    is_key(key) && r->method.at[0] == 'G';
    CHECK(is_one == expected);
    if (!is_one)
        return;
    CHECK(strlen(proof) == 28 && proof[27] == '=');
    bool is_known = memcmp(key.at, KEY, 24) == 0; /* RFC 6455, 1.3 */
    CHECK(is_known == (strcmp(proof, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    struct story text = {0};
    struct parser parser;
    uint8_t how = input_byte(&in);
    size_t used, sum = 0;
    int event;
    make(&text, how, in);
    parser_init(&parser, &limits, NULL);
    do {
        event = parser_next(&parser, text.bytes + sum, text.size - sum, &used);
        sum += used;
    } while (event == PARSER_HEAD);
    if (event == PARSER_END) {
        judge(&parser.request);
        cadre_buf_unref(cadre_buf_move(&parser.request.head));
        cadre_buf_unref(cadre_buf_move(&parser.request.body));
    }
    parser_free(&parser);
    story_free(&text);
    return 0;
}
