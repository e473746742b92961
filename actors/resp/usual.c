/* usual.c: what every server says of itself. */
#include "session.h"

#include <cadre/system.h>

#include <string.h>
#include <unistd.h>

static void bulk_word(cadre_resp_call *call, const char *word)
{
    cadre_resp_bulk(call, word, strlen(word));
}

static const char *name_of(const struct session *me)
{
    return me->shared->config.name ? me->shared->config.name : "cadre";
}

void session_ping(cadre_resp_call *call)
{
    uint32_t subscribed = session_of(call)->subscribed;
    bool has_text = call->left > 0;
    cadre_resp_slice text = cadre_resp_next(call);
    if (subscribed) {
        cadre_resp_array(call, 2);
        bulk_word(call, "pong");
    }
    if (has_text || subscribed)
        cadre_resp_bulk(call, text.bytes, text.size);
    else
        cadre_resp_simple(call, "PONG");
}

void session_echo(cadre_resp_call *call)
{
    cadre_resp_slice text = cadre_resp_next(call);
    cadre_resp_bulk(call, text.bytes, text.size);
}

void session_quit(cadre_resp_call *call)
{
    cadre_resp_simple(call, "OK");
    session_of(call)->quits = true;
}

void session_command(cadre_resp_call *call) { cadre_resp_array(call, 0); }

static void say_pair(cadre_resp_call *call, const char *name, const char *value)
{
    bulk_word(call, name);
    bulk_word(call, value);
}

/* Clients that would like RESP3 go on with RESP2 when it is refused. */
void session_hello(cadre_resp_call *call)
{
    int64_t version = 2;
    bool has_version = call->left > 0;
    if (has_version && !cadre_resp_number(cadre_resp_next(call), &version)) {
        cadre_resp_error(call,
                         "ERR Protocol version is not an integer or out of range");
    } else if (version != 2) {
        cadre_resp_error(call, "NOPROTO unsupported protocol version");
    } else if (call->left > 0) {
        cadre_resp_error(call, "ERR Syntax error in HELLO");
    } else {
        cadre_resp_array(call, 10);
        say_pair(call, "server", name_of(session_of(call)));
        bulk_word(call, "proto");
        cadre_resp_integer(call, 2);
        say_pair(call, "mode", "standalone");
        say_pair(call, "role", "master");
        bulk_word(call, "modules");
        cadre_resp_array(call, 0);
    }
}

/* What redis-benchmark wants to know. */
void session_config(cadre_resp_call *call)
{
    const char *value = NULL;
    if (!cadre_resp_is(cadre_resp_next(call), "get") || call->left == 0) {
        cadre_resp_error(
            call, "ERR unknown subcommand or wrong number of arguments for 'config'");
        return;
    }
    cadre_resp_slice name = cadre_resp_next(call);
    if (cadre_resp_is(name, "save"))
        value = "";
    else if (cadre_resp_is(name, "appendonly"))
        value = session_of(call)->shared->config.journal ? "yes" : "no";
    cadre_resp_array(call, value ? 2 : 0);
    if (value) {
        cadre_resp_bulk(call, name.bytes, name.size);
        bulk_word(call, value);
    }
}

void session_info(cadre_resp_call *call)
{
    const struct session *me = session_of(call);
    struct text text = {.bytes = NULL};
    cadre_counters counters;
    (void)cadre_stats(cadre_system_of(call->self), &counters);
    text_print(&text,
               "# Server\r\nserver_name:%.100s\r\nprocess_id:%d\r\ntcp_port:%u\r\n"
               "shards:%u\r\nworkers:%u\r\nmessages:%llu\r\n",
               name_of(me), (int)getpid(), me->shared->port, me->shared->shards,
               counters.workers, (unsigned long long)counters.handled);
    cadre_resp_bulk(call, text.bytes, text.size);
    text_free(&text);
}
