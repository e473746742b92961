/* shared.c: what the actors of a server say to each other, and which shard has a key. */
#include "shared.h"

#include <string.h>

static void request_drop(void *body) { cadre_buf_unref(((resp_request *)body)->buf); }
static void answer_drop(void *body) { cadre_buf_unref(((resp_answer *)body)->buf); }
const cadre_type resp_request_type = {
    .name = "resp_request", .size = sizeof(resp_request), .drop = request_drop};
const cadre_type resp_answer_type = {
    .name = "resp_answer", .size = sizeof(resp_answer), .drop = answer_drop};

bool answer_fill(resp_answer *a, const struct text *text)
{
    if (text->failed)
        return false;
    a->size = (uint8_t)text->size;
    if (text->size > SMALL)
        a->buf = text_buf(text);
    else if (text->size > 0)
        memcpy(a->small, text->bytes, text->size);
    return text->size <= SMALL || a->buf;
}

uint64_t key_hash(const struct shared *shared, cadre_resp_slice key)
{
    uint64_t hash = shared->seed, word;
    for (; key.size >= 8; key.bytes += 8, key.size -= 8) {
        memcpy(&word, key.bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32;
}
