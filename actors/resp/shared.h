/* shared.h: what the actors of a server share, and say to each other.
 *
 *     client -> session -> shards, each with its share of the keys -> session -> client
 *                               \-> journal -> (kept) -> session
 *
 * It is the server's, whose children have ended when it frees it, and constant when the
 * first of them runs. */
#ifndef ACTORS_RESP_SHARED_H
#define ACTORS_RESP_SHARED_H

#include "commands.h"

#include <assert.h>

enum { SHARDS_MAX = 64, SMALL = 35 };

struct shared {
    cadre_resp config;
    uint64_t seed; /* of the hashes, so that nobody can choose keys that collide */
    uint32_t shards;
    uint16_t port;
    cadre_ref shard[SHARDS_MAX], journal, topic;
};

uint64_t key_hash(const struct shared *shared, cadre_resp_slice key);
static inline uint32_t key_shard(const struct shared *shared, uint64_t hash)
{
    return (uint32_t)(hash >> 40) % shared->shards;
}

/* To a shard: a command with these arguments, which lie in buf. */
typedef struct resp_request {
    const cadre_resp_command *command;
    const uint8_t *args;
    cadre_buf *buf;
    uint64_t hash; /* of the first argument, the key */
    uint32_t argc, number;
} resp_request;
/* To a session: the answer to its request of that number. */
typedef struct resp_answer {
    int64_t count; /* what is added up */
    cadre_buf *buf;
    uint32_t number;
    uint8_t size; /* of small, if there is no buf */
    uint8_t small[SMALL];
} resp_answer;
static_assert(sizeof(resp_answer) <= CADRE_JOURNAL_BODY,
              "it goes by way of the journal");
extern const cadre_type resp_request_type, resp_answer_type;

/* false: no memory. */
bool answer_fill(resp_answer *a, const struct text *text);

int session_spawn(cadre_self *self, cadre_ref *session, const struct shared *shared);
int resp_shard_spawn(cadre_self *self, const struct shared *shared, uint32_t i,
                     cadre_ref *shard);

#endif
