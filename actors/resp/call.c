/* call.c: a command in hand: its arguments, its answer, and what is kept of it. */
#include "call.h"

#include <errno.h>
#include <string.h>

cadre_resp_slice cadre_resp_next(cadre_resp_call *call)
{
    struct args args = {call->at, call->left};
    if (call->left == 0)
        return (cadre_resp_slice){NULL, 0};
    cadre_resp_slice slice = resp_next(&args);
    call->at = args.at;
    call->left = args.left;
    return slice;
}

bool cadre_resp_next_number(cadre_resp_call *call, int64_t *number)
{
    bool is_one = cadre_resp_number(cadre_resp_next(call), number);
    if (!is_one)
        cadre_resp_error(call, CADRE_RESP_NO_NUMBER);
    return is_one;
}

/* ---- the answer -------------------------------------------------------------------- */

void cadre_resp_simple(cadre_resp_call *call, const char *text)
{
    struct text *reply = &call_of(call)->reply;
    text_add(reply, "+", 1);
    text_add(reply, text, strlen(text));
    text_add(reply, "\r\n", 2);
}

void cadre_resp_error(cadre_resp_call *call, const char *fmt, ...)
{
    struct text *reply = &call_of(call)->reply;
    va_list values;
    text_add(reply, "-", 1);
    size_t from = reply->size;
    va_start(values, fmt);
    text_vprint(reply, fmt, values);
    va_end(values);
    for (; from < reply->size; from++) /* it is one line */
        if (reply->bytes[from] == '\r' || reply->bytes[from] == '\n')
            reply->bytes[from] = ' ';
    text_add(reply, "\r\n", 2);
}

void cadre_resp_integer(cadre_resp_call *call, int64_t number)
{
    if (call_of(call)->adds)
        call_of(call)->sum += number;
    else
        reply_head(&call_of(call)->reply, ':', number);
}

void cadre_resp_bulk(cadre_resp_call *call, const void *bytes, size_t size)
{
    reply_bulk(&call_of(call)->reply, bytes, size);
}

void cadre_resp_nil(cadre_resp_call *call)
{
    text_add(&call_of(call)->reply, "$-1\r\n", 5);
}

void cadre_resp_buf(cadre_resp_call *call, cadre_buf *buf)
{
    if (buf)
        cadre_resp_bulk(call, cadre_buf_data(buf), cadre_buf_size(buf));
    else
        cadre_resp_nil(call);
}

void cadre_resp_array(cadre_resp_call *call, int64_t count)
{
    reply_head(&call_of(call)->reply, '*', count);
}

/* ---- what is kept ------------------------------------------------------------------ */

void cadre_resp_keep(cadre_resp_call *call)
{
    call_of(call)->changed = !call_of(call)->discards;
}

void call_log(struct call *it, uint32_t count, const cadre_resp_slice *words)
{
    if (it->discards)
        return;
    reply_head(&it->log, '*', count);
    for (uint32_t i = 0; i < count; i++)
        reply_bulk(&it->log, words[i].bytes, words[i].size);
}

void cadre_resp_keep_as(cadre_resp_call *call, uint32_t count,
                        const cadre_resp_slice *words)
{
    call_of(call)->changed = false;
    call_log(call_of(call), count, words);
}

static void keep_as_it_is(struct call *it, struct args args)
{
    while (it->is.left > 0)
        (void)cadre_resp_next(&it->is);
    reply_head(&it->log, '*', args.left + 1);
    reply_word(&it->log, it->is.command->name);
    text_add(&it->log, args.at, (size_t)(it->is.at - args.at));
}

/* ---- a whole one ------------------------------------------------------------------- */

int call_run(struct call *it, const cadre_resp_command *command, struct args args)
{
    int route = command->route;
    bool has_key = route >= CADRE_RESP_KEY && route <= CADRE_RESP_PAIRS;
    bool is_shown = route <= CADRE_RESP_KEY || route == CADRE_RESP_LIST;
    struct args rest = args;
    it->reply.size = it->log.size = 0;
    it->changed = false;
    it->adds = !is_shown;
    it->sum = 0;
    it->is.command = command;
    if (has_key)
        it->is.key = resp_next(&rest);
    it->is.at = rest.at;
    it->is.left = rest.left;
    command->run(&it->is);
    if (it->changed)
        keep_as_it_is(it, args);
    if (!is_shown)
        it->reply.size = 0;
    return it->reply.failed || it->log.failed ? -ENOMEM : 0;
}

void call_free(struct call *it)
{
    text_free(&it->reply);
    text_free(&it->log);
}
