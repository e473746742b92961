/* dial.c: a connection is begun: on a thread, because hosts are looked up.
 *
 * libpq looks up one host after the other while it connects. So here each host of the
 * list is replaced by its addresses, and its name stays beside them, for certificates. */
#include "dial.h"

#include <cadre/message.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void drop_dial(void *body)
{
    postgres_dial *job = body;
    PQfinish(job->conn);
    cadre_buf_unref(job->url);
}
CADRE_TYPE_DROP(postgres_dial, drop_dial);

static void drop_cancel(void *body) { PQfreeCancel(((postgres_cancel *)body)->cancel); }
CADRE_TYPE_DROP(postgres_cancel, drop_cancel);

int dial_cancel(void *body)
{
    postgres_cancel *job = body;
    char text[DIAL_TEXT];
    job->failed = !PQcancel(job->cancel, text, sizeof text);
    return 0;
}

/* ---- what the url says ----------------------------------------------------------- */

int dial_check(const char *url, char text[DIAL_TEXT])
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    (void)snprintf(text, DIAL_TEXT, "%.*s",
                   why ? (int)strcspn(why, "\"\n") : DIAL_TEXT - 1, /* no password */
                   why ? why : "out of memory");
    PQfreemem(why);
    PQconninfoFree(options);
    return options ? 0 : -EINVAL;
}

static const char *value_in(const PQconninfoOption *options, const char *word)
{
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp(o->keyword, word) == 0)
            return o->val ? o->val : "";
    return "";
}

/* What the url says; where it says nothing the environment (PGHOST, PGPORT, a service
 * that PGSERVICE names), as libpq itself does. */
struct said {
    PQconninfoOption *by_url, *otherwise;
};
static const char *value_of(const struct said *said, const char *word)
{
    const char *value = value_in(said->by_url, word);
    return *value ? value : value_in(said->otherwise, word);
}

/* ---- hosts ----------------------------------------------------------------------- */

/* Lists, with a comma between. */
enum { LIST_SIZE = 4096 };
struct places {
    char hosts[LIST_SIZE], addresses[LIST_SIZE], ports[LIST_SIZE];
    uint32_t count;
    const char *failed; /* what the last look-up said */
};

static void add(char *list, uint32_t count, const char *text, int length)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, LIST_SIZE - used, "%s%.*s", count ? "," : "", length,
                   text);
}

static void add_place(struct places *p, const char *host, const char *address,
                      const char *port, int port_length)
{
    if (strlen(p->hosts) + strlen(host) + 2 > LIST_SIZE)
        return;
    add(p->hosts, p->count, host, (int)strlen(host));
    add(p->addresses, p->count, address, (int)strlen(address));
    add(p->ports, p->count, port, port_length);
    p->count++;
}

static void look_up(struct places *p, const char *host, const char *port, int length)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char address[64];
    int err = getaddrinfo(host, NULL, &hints, &list);
    p->failed = err ? gai_strerror(err) : p->failed;
    for (const struct addrinfo *info = list; info; info = info->ai_next)
        if (getnameinfo(info->ai_addr, info->ai_addrlen, address, sizeof address, NULL,
                        0, NI_NUMERICHOST) == 0)
            add_place(p, host, address, port, length);
    if (list)
        freeaddrinfo(list);
}

/* The next of a list: its length; *at goes behind its comma. */
static const char *next_of(const char **at, int *length)
{
    const char *start = *at;
    *length = (int)strcspn(start, ",");
    *at = start + *length + (start[*length] == ',');
    return start;
}

static uint32_t count_of(const char *list)
{
    uint32_t count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* False: none has an address. A path is a socket's folder. Numbers of hosts and of ports
 * that do not fit are libpq's to refuse. */
static bool look_up_all(struct places *p, const char *hosts, const char *ports)
{
    bool one_port = !strchr(ports, ',');
    if (!one_port && count_of(ports) != count_of(hosts))
        return true;
    while (*hosts) {
        char host[256];
        int length, port_length;
        const char *at = next_of(&hosts, &length);
        (void)snprintf(host, sizeof host, "%.*s", length, at);
        const char *port = one_port ? ports : next_of(&ports, &port_length);
        if (one_port)
            port_length = (int)strlen(port);
        if (host[0] == '/' || host[0] == '@' || host[0] == 0)
            add_place(p, host, "", port, port_length);
        else
            look_up(p, host, port, port_length);
    }
    return p->count > 0;
}

/* ---- begun ----------------------------------------------------------------------- */

enum { WORDS_MAX = 64 };

/* Those of the url, then ours, which go before. */
static PGconn *start(const PQconninfoOption *options, const struct places *p)
{
    /* A cancel is made with these, too, and would wait for a network that is cut. */
    const char *words[WORDS_MAX] = {"tcp_user_timeout"}, *values[WORDS_MAX] = {"30000"};
    int n = 1;
    for (const PQconninfoOption *o = options; o->keyword && n < WORDS_MAX - 6; o++)
        if (o->val && o->val[0]) {
            words[n] = o->keyword;
            values[n++] = o->val;
        }
    const char *const ours[][2] = {{"client_encoding", "UTF8"},
                                   {"fallback_application_name", "cadre"},
                                   {"host", p->hosts},
                                   {"hostaddr", p->addresses},
                                   {"port", p->ports}};
    for (int i = 0; i < (p->count ? 5 : 2); i++) {
        words[n] = ours[i][0];
        values[n++] = ours[i][1];
    }
    words[n] = values[n] = NULL;
    return PQconnectStartParams(words, values, 0);
}

int dial_begin(void *body)
{
    postgres_dial *job = body;
    struct places places = {.count = 0};
    char *why = NULL;
    struct said said = {
        .by_url = PQconninfoParse((const char *)cadre_buf_data(job->url), &why)};
    if (!*value_in(said.by_url, "service")) /* which goes before the environment */
        said.otherwise = PQconndefaults();
    const char *hosts = value_of(&said, "host");
    bool found = !said.by_url || !*hosts || *value_of(&said, "hostaddr") ||
                 look_up_all(&places, hosts, value_of(&said, "port"));
    if (!said.by_url)
        (void)snprintf(job->text, sizeof job->text, "%s", "the url cannot be read");
    else if (!found)
        (void)snprintf(job->text, sizeof job->text,
                       "%.100s has no address: %.60s; correct the url, or tell a name "
                       "server or /etc/hosts",
                       hosts, places.failed ? places.failed : "none");
    else
        job->conn = start(said.by_url, &places);
    PQfreemem(why);
    PQconninfoFree(said.by_url);
    PQconninfoFree(said.otherwise);
    return 0;
}
