/* kv.h: what the parts of kv know of each other. */
#ifndef KV_H
#define KV_H

#include <cadre.h>
#include <cadre/actors/framing.h>

#include <pthread.h>
#include <stdarg.h>

enum { SHARDS_MAX = 64, SMALL = 39 };
enum fsync_policy { FSYNC_ALWAYS, FSYNC_EVERYSEC, FSYNC_NO };

/* What all actors may read: written before the first session begins. */
struct kv {
    uint16_t port;
    int fd; /* of the journal; -1: nothing is kept */
    enum fsync_policy fsync;
    uint32_t shards;
    uint64_t seed; /* of the hashes, so that nobody can choose keys that collide */
    cadre_ref shard[SHARDS_MAX], journal, topic;
    pthread_mutex_t file; /* whoever has it writes to the journal: */
    uint64_t written;     /* the number of what was written last, or tried */
    int broken;           /* why nothing may follow any more */
};

/* ---- resp.c: the protocol (RESP2) ---- */

struct slice {
    const uint8_t *bytes;
    size_t size;
};
/* What is left of a command, `$3\r\nabc\r\n` for each. */
struct args {
    const uint8_t *at;
    uint32_t left;
};
/* Bytes that grow; without memory the program ends. */
struct text {
    uint8_t *bytes;
    size_t size, room;
};

/* The framing of a connection: a frame is a command, or an empty line. */
struct resp {
    cadre_framing framing;
    char why[64]; /* what is wrong when that fails with -EPROTO */
};
extern const cadre_framing resp_framing; /* what it begins with */
/* The words of a whole frame. An inline one is rewritten first, into *rewritten. */
struct args resp_args(const uint8_t *bytes, size_t size, cadre_buf **rewritten);
struct slice args_next(struct args *args);           /* there is one left */
bool slice_is(struct slice slice, const char *word); /* in any case of letters */
bool slice_number(struct slice slice, int64_t *number);

void text_room(struct text *text, size_t size);
void text_add(struct text *text, const void *bytes, size_t size);
void text_set(struct text *text, struct slice slice); /* no more room than it takes */
void text_vprint(struct text *text, const char *fmt, va_list values);
void text_print(struct text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
cadre_buf *text_buf(const struct text *text);                 /* a copy */
void text_head(struct text *text, char kind, int64_t number); /* `:5\r\n` */
void text_bulk(struct text *text, const void *bytes, size_t size);
void text_word(struct text *text, const char *word);

/* ---- commands.c ---- */

struct session;
struct shard;
enum route {
    HERE, /* the session does it */
    KEY,  /* the shard of the first argument does */
    EACH, /* as if it were one command for each argument; the numbers are added */
    LIST, /* the same; the answers are one after the other */
    PAIR, /* the same for two arguments each; the answer is OK */
    ALL,  /* all shards do; the numbers are added */
};
struct command {
    const char *name;
    int8_t arity; /* words; -n: at least n */
    uint8_t route;
    void (*here)(cadre_self *self, struct session *me, struct args *args);
    void (*run)(struct shard *me, struct args *args);
};
const struct command *command_find(struct slice name); /* NULL: none */
bool command_fits(const struct command *command, uint32_t words);
/* That of a whole frame, if it is one that shards write to the journal; its arguments. */
const struct command *command_of(const uint8_t *bytes, size_t size, struct args *args);
uint64_t key_hash(const struct kv *kv, struct slice key);
static inline uint32_t key_shard(const struct kv *kv, uint64_t hash)
{
    return (uint32_t)(hash >> 40) % kv->shards;
}

/* ---- messages ---- */

/* To a shard: a command with these arguments, which lie in buf. */
typedef struct request {
    const struct command *command;
    const uint8_t *args;
    cadre_buf *buf;
    uint64_t hash; /* of the first argument, the key */
    uint32_t argc, number;
} request;
/* To a session: the answer to its request of that number. */
typedef struct answer {
    int64_t count; /* what is added up */
    cadre_buf *buf;
    uint32_t number;
    uint8_t size; /* of small, if there is no buf */
    uint8_t small[SMALL];
} answer;
/* To the journal: what is to be replayed; and an answer that goes on to `to` then. */
typedef struct record {
    cadre_buf *buf;
    cadre_ref to;
    answer answer;
} record;
extern const cadre_type request_type, answer_type, record_type;
void answer_fill(answer *a, const struct text *text);

/* ---- session.c, shard.c, journal.c ---- */

int session_spawn(cadre_self *self, cadre_ref *session, const struct kv *kv);
int shard_spawn(cadre_self *self, cadre_ref *shard, const struct kv *kv, uint32_t i);
int journal_spawn(cadre_self *self, cadre_ref *journal, struct kv *kv);

void session_ping(cadre_self *self, struct session *me, struct args *args);
void session_echo(cadre_self *self, struct session *me, struct args *args);
void session_quit(cadre_self *self, struct session *me, struct args *args);
void session_command(cadre_self *self, struct session *me, struct args *args);
void session_config(cadre_self *self, struct session *me, struct args *args);
void session_info(cadre_self *self, struct session *me, struct args *args);
void session_subscribe(cadre_self *self, struct session *me, struct args *args);
void session_unsubscribe(cadre_self *self, struct session *me, struct args *args);
void session_publish(cadre_self *self, struct session *me, struct args *args);

void shard_get(struct shard *me, struct args *args);
void shard_mget(struct shard *me, struct args *args);
void shard_set(struct shard *me, struct args *args);
void shard_mset(struct shard *me, struct args *args);
void shard_del(struct shard *me, struct args *args);
void shard_exists(struct shard *me, struct args *args);
void shard_incr(struct shard *me, struct args *args);
void shard_decr(struct shard *me, struct args *args);
void shard_expire(struct shard *me, struct args *args);
void shard_pexpireat(struct shard *me, struct args *args);
void shard_ttl(struct shard *me, struct args *args);
void shard_lpush(struct shard *me, struct args *args);
void shard_rpush(struct shard *me, struct args *args);
void shard_lpop(struct shard *me, struct args *args);
void shard_rpop(struct shard *me, struct args *args);
void shard_llen(struct shard *me, struct args *args);
void shard_lrange(struct shard *me, struct args *args);
void shard_dbsize(struct shard *me, struct args *args);
void shard_flushall(struct shard *me, struct args *args);

/* Calls each for every whole command of the journal, until it returns an error. Returns
 * where the last of them ended, or a negative code. */
int64_t journal_read(int fd, int (*each)(void *arg, const uint8_t *bytes, size_t size),
                     void *arg);

#endif
