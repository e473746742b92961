/* obey.c: each command goes where it is done: here, or to the shards of its keys. */
#include "session.h"

static int ask_shard(cadre_self *self, struct session *me, uint32_t shard,
                     enum slot_kind kind, const resp_request *r)
{
    if (!slot_new(me, kind))
        return 0;
    return cadre_send_as(self, me->shared->shard[shard], &resp_request_type,
                         &(resp_request){.command = r->command,
                                         .args = r->args,
                                         .buf = cadre_buf_ref(me->buf),
                                         .hash = r->hash,
                                         .argc = r->argc,
                                         .number = me->tail - 1});
}

/* These arguments, of which the first is the key. */
static int ask_keyed(cadre_self *self, struct session *me,
                     const cadre_resp_command *command, enum slot_kind kind,
                     struct args args)
{
    resp_request r = {.command = command, .args = args.at, .argc = args.left};
    r.hash = key_hash(me->shared, resp_next(&args));
    return ask_shard(self, me, key_shard(me->shared, r.hash), kind, &r);
}

static int ask_all(cadre_self *self, struct session *me,
                   const cadre_resp_command *command, const struct args *args)
{
    resp_request r = {.command = command, .args = args->at, .argc = args->left};
    int err = 0;
    for (uint32_t i = 0; i < me->shared->shards && !err; i++)
        err = ask_shard(self, me, i, ADD, &r);
    return err;
}

/* Behind the answers that are one together. */
static void tell_all(struct session *me, const cadre_resp_command *command)
{
    if (command->route == CADRE_RESP_PAIRS || command->route == CADRE_RESP_ALL_OK) {
        cadre_resp_simple(&me->call.is, "OK");
        slots_tell(me, SHOW);
    } else if (command->route != CADRE_RESP_LIST) {
        slots_tell(me, SUM);
    }
}

/* ---- one for many ------------------------------------------------------------------ */

void rest_begin(struct session *me, const cadre_resp_command *command, struct args args)
{
    me->rest = (struct rest){command, args, cadre_buf_ref(me->buf)};
}

void rest_end(struct session *me)
{
    cadre_buf_unref(me->rest.buf);
    me->rest = (struct rest){.buf = NULL};
}

static int ask_next(cadre_self *self, struct session *me)
{
    struct rest *rest = &me->rest;
    const cadre_resp_command *command = rest->command;
    struct args one = {rest->args.at, command->route == CADRE_RESP_PAIRS ? 2 : 1};
    me->buf = rest->buf;
    int err = ask_keyed(self, me, command,
                        command->route == CADRE_RESP_LIST ? SHOW : ADD, one);
    for (uint32_t i = 0; i < one.left; i++)
        (void)resp_next(&rest->args);
    if (rest->args.left == 0) {
        tell_all(me, command);
        rest_end(me);
    }
    return err;
}

int session_go_on(cadre_self *self, struct session *me)
{
    if (me->rest.command->route != CADRE_RESP_HERE)
        return ask_next(self, me);
    channels_go_on(me);
    return 0;
}

static int route(cadre_self *self, struct session *me,
                 const cadre_resp_command *command, struct args *args)
{
    if (command->route == CADRE_RESP_KEY)
        return ask_keyed(self, me, command, SHOW, *args);
    if (command->route == CADRE_RESP_ALL || command->route == CADRE_RESP_ALL_OK) {
        int err = ask_all(self, me, command, args);
        tell_all(me, command);
        return err;
    }
    if (command->route == CADRE_RESP_LIST) {
        cadre_resp_array(&me->call.is, args->left);
        slots_tell(me, SHOW);
    }
    rest_begin(me, command, *args);
    return 0;
}

static void say_unknown(struct session *me, cadre_resp_slice name, struct args *args)
{
    struct text *say = &me->call.reply;
    size_t room = 128;
    text_print(say, "-ERR unknown command '%.*s', with args beginning with: ",
               name.size < 128 ? (int)name.size : 128, (const char *)name.bytes);
    while (args->left > 0 && room > 0) {
        cadre_resp_slice arg = resp_next(args);
        size_t n = arg.size < room ? arg.size : room;
        text_print(say, "'%.*s' ", (int)n, (const char *)arg.bytes);
        room -= n + 3 < room ? n + 3 : room;
    }
    for (size_t i = 0; i < say->size; i++) /* it is one line */
        if (say->bytes[i] == '\r' || say->bytes[i] == '\n')
            say->bytes[i] = ' ';
    text_add(say, "\r\n", 2);
    slots_tell(me, SHOW);
}

static void say_wrong(struct session *me, const char *what,
                      const cadre_resp_command *command, const char *why)
{
    cadre_resp_error(&me->call.is, "ERR %s '%s'%s", what, command->name, why);
    slots_tell(me, SHOW);
}

/* Those of the channels make their slots themselves. */
static void do_here(struct session *me, const cadre_resp_command *command,
                    struct args args)
{
    uint32_t tail = me->tail;
    me->failed |= call_run(&me->call, command, args) != 0;
    if (me->rest.command)
        return;
    if (me->tail == tail && me->call.reply.size == 0)
        say_wrong(me, "there is no answer to", command, "");
    else if (me->tail == tail)
        slots_tell(me, SHOW);
}

int session_obey(cadre_self *self, struct session *me, struct args args)
{
    uint32_t words = args.left;
    cadre_resp_slice name = resp_next(&args);
    const cadre_resp_command *command = command_find(me->shared->config.commands, name);
    if (!command)
        say_unknown(me, name, &args);
    else if (!command_fits(command, words))
        say_wrong(me, "wrong number of arguments for", command, " command");
    else if (me->subscribed && !channels_may(command))
        say_wrong(me, "Can't execute", command,
                  ": only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                  "allowed in this context");
    else if (command->route != CADRE_RESP_HERE)
        return route(self, me, command, &args);
    else
        do_here(me, command, args);
    return 0;
}
