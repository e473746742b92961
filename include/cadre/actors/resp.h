/* resp.h: a server for redis-cli, redis-benchmark and all other clients of Redis, with
 * commands of your own.
 *
 *   static void get(cadre_resp_call *call)
 *   {
 *       cadre_buf **value = cadre_resp_find(call);
 *       cadre_resp_buf(call, value ? *value : NULL);
 *   }
 *   static const cadre_resp_command commands[] = {
 *       {"get", 2, 2, CADRE_RESP_KEY, get, 0},
 *       {"set", 3, 3, CADRE_RESP_KEY, set, 0},
 *       {0}};
 *   cadre_resp server = {.port = 6379, .commands = commands,
 *                        .value_size = sizeof(cadre_buf *), .drop = drop};
 *
 * Library cadre-io. The keys are spread over shards, which are actors: a command runs in
 * the shard of its key, so those of different shards run at the same time, and none needs
 * a lock. Each connection is an actor, too: it cuts what comes into commands, sends each
 * to where it belongs without waiting for the one before, and answers in their order.
 * The protocol is RESP2, also inline (words between blanks, without quotes). A command
 * for several keys is done key by key, so others may see a part of it.
 *
 * Every server has, unless the table has one of that name: PING ECHO QUIT COMMAND
 * HELLO (2) INFO, CONFIG GET (save, appendonly), SUBSCRIBE UNSUBSCRIBE PUBLISH (channels
 * of 1 to 63 bytes without *), and for the keys DEL EXISTS EXPIRE PEXPIREAT TTL DBSIZE
 * FLUSHALL. What is wrong is answered in the words of Redis 7.
 *
 * With a journal (journal.h) a command that says so (cadre_resp_keep) is a record, which
 * is a command as clients send it; it is answered when that is as durable as the journal
 * says, and is run again in each shard's start: so the shards may be more or fewer next
 * time. That a key has expired is a record, too, and while the journal is read none does.
 *
 * A client that does not read is not read from, nor is one that has asked for very much;
 * and of what has been read no more is begun, also within a command for many keys. What a
 * connection holds is a command that comes (limits.command) and 64 KiB behind it; answers
 * that wait (limits.behind, in a text of up to four times that); and the answers to what
 * is under way: so many as would fit if they were as large as those before, up to
 * limits.waiting. Who lets strangers keep large values in small memory sets these low.
 * Channels are the topic's (topic.h): 4096 with a subscriber; one more is refused.
 *
 * When the system closes (shutdown.h) it stops listening; connections end with it. When
 * the journal, or a shard, fails, so does the server: nothing more could be promised.
 * Started again it has what the journal has.
 *
 * The answer to cadre_resp_ask is a cadre_resp_status.
 *
 * Guarantees, each with a test of that name:
 *   answers_in_order     to each client those to its commands
 *   cut_anywhere         a command is the same however its bytes come
 *   routes_as_said       see enum cadre_resp_route
 *   answered_is_kept     with a journal that syncs always, over any end
 *   keys_expire          when their time has come, and not before
 *   limits_hold          of connections, commands, and what waits for a subscriber
 *   limits_hold_in_bytes, limits_hold_within_a_command  of answers, as above
 *   refused_channel_is_none  it is not subscribed to, nor counted
 *   bad_bytes_end_it     what is no command is answered with an error, then the
 *                        connection ends, and no other does
 *   slow_reader_waits    as above, then it gets all that it has asked for
 *   published_is_heard   by those whose SUBSCRIBE was answered before, once, in order
 *   failed_journal_ends_it  as above */
#ifndef CADRE_ACTORS_RESP_H
#define CADRE_ACTORS_RESP_H
#include <cadre/actors/journal.h>
#include <cadre/stream.h>
#include <string.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct cadre_resp_slice {
    const uint8_t *bytes;
    size_t size;
} cadre_resp_slice;
static inline cadre_resp_slice cadre_resp_word(const char *word)
{
    cadre_resp_slice slice = {(const uint8_t *)word, strlen(word)};
    return slice;
}
/* All that is in it; valid as long. NULL: no bytes. */
static inline cadre_resp_slice cadre_resp_bytes(cadre_buf *buf)
{
    cadre_resp_slice slice = {cadre_buf_data(buf), cadre_buf_size(buf)};
    return slice;
}
/* Is it this word, in any case of letters? Any thread, as the next two. */
CADRE_API bool cadre_resp_is(cadre_resp_slice slice, const char *word);
/* Is it a number as Redis reads one: no blank, plus or zero in front? Then that is
 * written. */
CADRE_API bool cadre_resp_number(cadre_resp_slice slice, int64_t *number);
/* The number as text, which is in room. */
CADRE_API cadre_resp_slice cadre_resp_digits(char room[24], int64_t number);

/* ---- commands ---------------------------------------------------------------------- */

enum cadre_resp_route {
    CADRE_RESP_HERE,  /* in the connection's actor; keys cannot be used */
    CADRE_RESP_KEY,   /* in the shard of the first argument, the key */
    CADRE_RESP_EACH,  /* as if it were one for each argument; integers are added up */
    CADRE_RESP_LIST,  /* the same; an array of their answers */
    CADRE_RESP_PAIRS, /* the same for two arguments each; the answer is OK */
    CADRE_RESP_ALL,   /* in all shards; integers are added up */
    CADRE_RESP_ALL_OK /* the same; the answer is OK */
};

/* A command in hand, valid until its function returns. */
typedef struct cadre_resp_call {
    cadre_self *self; /* of the shard, or the connection */
    void *context;    /* of the config */
    const struct cadre_resp_command *command;
    cadre_resp_slice key; /* of those for keys */
    const uint8_t *at;    /* what cadre_resp_next() reads */
    uint32_t left;        /* arguments that there still are; without the key */
} cadre_resp_call;

/* Answers with one value (an array with its items), or none where answers are added up:
 * then that counts as 0, and one that is no integer, too. Must not block, nor wait. */
typedef void cadre_resp_run(cadre_resp_call *call);

typedef struct cadre_resp_command {
    const char *name;     /* in small letters */
    uint32_t least, most; /* words with the name. most 0: as many as one likes */
    int route;            /* enum cadre_resp_route */
    cadre_resp_run *run;
    int64_t with; /* for run, when it is that of several commands */
} cadre_resp_command;

/* The functions below: in the call's own turn. */

/* The next argument; without one no bytes. They are the client's, valid as the call. */
CADRE_API cadre_resp_slice cadre_resp_next(cadre_resp_call *call);
/* The same of a number. false: it is none, and the error is the answer: just return. */
CADRE_API bool cadre_resp_next_number(cadre_resp_call *call, int64_t *number);

CADRE_API void cadre_resp_simple(cadre_resp_call *call, const char *text); /* +text */
/* -text, up to 500 bytes, on one line. It begins with a word in capitals: "ERR ..." */
CADRE_API void cadre_resp_error(cadre_resp_call *call, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* What clients of Redis know. */
#define CADRE_RESP_NO_NUMBER "ERR value is not an integer or out of range"
#define CADRE_RESP_SYNTAX "ERR syntax error"
#define CADRE_RESP_WRONG_TYPE                                                          \
    "WRONGTYPE Operation against a key holding the wrong kind of value"
CADRE_API void cadre_resp_integer(cadre_resp_call *call, int64_t number);
CADRE_API void cadre_resp_bulk(cadre_resp_call *call, const void *bytes, size_t size);
CADRE_API void cadre_resp_nil(cadre_resp_call *call);
/* The bytes of a buffer; NULL: the nil. */
CADRE_API void cadre_resp_buf(cadre_resp_call *call, cadre_buf *buf);
/* So many values follow, by the functions above. -1: it is the nil of an array. */
CADRE_API void cadre_resp_array(cadre_resp_call *call, int64_t count);

/* The command is a record of the journal, as it came: run again it does the same. */
CADRE_API void cadre_resp_keep(cadre_resp_call *call);
/* Instead this one is, for the same key; several: one behind the other. It must be
 * in the table, or the server's, and run in a shard: by KEY, or by EACH, LIST or PAIRS
 * for one key. (Else the journal cannot be read.) */
CADRE_API void cadre_resp_keep_as(cadre_resp_call *call, uint32_t count,
                                  const cadre_resp_slice *words);

/* ---- keys -------------------------------------------------------------------------- */

/* A key's value is value_size bytes, zero at first, aligned for any type; it stays where
 * it is until the key is removed, or has expired. */

/* That of the key in hand; NULL: there is no such key. */
CADRE_API void *cadre_resp_find(cadre_resp_call *call);
/* The same, with a new key where there was none. NULL: no memory; then just return. */
CADRE_API void *cadre_resp_add(cadre_resp_call *call);
/* Its key goes, and the value is dropped. It is no record: keep the command. */
CADRE_API void cadre_resp_remove(cadre_resp_call *call, void *value);
/* Its key goes at that time, milliseconds since 1970; 0: never. That is no record. */
CADRE_API void cadre_resp_expire(cadre_resp_call *call, void *value, int64_t ms);
CADRE_API int64_t cadre_resp_expires(const void *value); /* 0: never */
/* Milliseconds since 1970. Any thread. */
CADRE_API int64_t cadre_resp_now(void);
/* The time that a client means, so many seconds or milliseconds after 1970, or after now;
 * 0: there is none such. Any thread. */
CADRE_API int64_t cadre_resp_time(int64_t number, bool seconds, bool from_now);

/* ---- the server -------------------------------------------------------------------- */

/* All zero is the default. */
typedef struct cadre_resp_limits {
    uint32_t connections; /* at a time, more wait in the kernel. 0: 10,000 */
    uint32_t waiting; /* answers to come of a connection: begins no more. 0: 8,192 */
    size_t command;   /* bytes. 0: 1 GiB (an argument: 512 MiB, of a million) */
    size_t behind;    /* bytes of answers that wait: begins no more; and of what is said
                          to a subscriber, which then ends. 0: 32 MiB */
    cadre_time idle;  /* a connection on which nothing comes ends. 0: never */
} cadre_resp_limits;

/* Its config, which cadre_spawn() takes as init. A table with a command that has no
 * function, or a bad name, number of words or route, bad limits, and more than 64 shards
 * fail the start with -EINVAL; it also fails as cadre_tcp_listen() does, with words. */
typedef struct cadre_resp {
    const char *host; /* numeric; NULL: 127.0.0.1, as nobody has to say who he is */
    uint16_t port;    /* 0: a free one */
    uint32_t shards;  /* 0: as many as workers, up to 64 */
    const cadre_resp_command *commands; /* until one without a name; stay there */
    size_t value_size;                  /* of the keys; up to 64 KiB */
    void (*drop)(void *value); /* releases what it owns, in the shard. NULL: nothing */
    void *context;             /* for the functions, which use it at the same time */
    /* Is called when it listens, in its start. NULL: nobody is told */
    void (*listens)(void *context, uint16_t port);
    cadre_journal *journal; /* by cadre_resp_journal(). NULL: nothing is kept */
    const char *name;       /* for INFO. NULL: "cadre" */
    cadre_tls *tls;         /* with TLS (tls.h). NULL: without */
    cadre_resp_limits limits;
    uint64_t own[12]; /* zero; the actor's own */
} cadre_resp;
CADRE_API extern const cadre_class cadre_resp_class;

/* Opens a journal for these commands: cadre_journal_open() with their framing, and with a
 * look at each record. fsync: enum cadre_fsync. Any thread; blocks. Errors: its; -EPROTO
 * (in it is something else than commands of this table). */
CADRE_API CADRE_MUST_CHECK int cadre_resp_journal(cadre_journal **journal,
                                                  const char *path, int fsync,
                                                  const cadre_resp_command *commands);

typedef struct cadre_resp_ask {
    int none;
} cadre_resp_ask;
CADRE_API extern const cadre_type cadre_resp_ask_type;

typedef struct cadre_resp_status {
    uint16_t port; /* that it listens at */
    uint32_t shards;
} cadre_resp_status;
CADRE_API extern const cadre_type cadre_resp_status_type;

#ifdef __cplusplus
}
#endif
#endif
