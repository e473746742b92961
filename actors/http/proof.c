/* proof.c: does a request ask for a WebSocket, and what shows that it was understood. */
#include "proof.h"

#include "base64.h"
#include "head.h"
#include "sha1.h"

#include <string.h>

enum { KEY_SIZE = 24 };

/* A list may be in several lines. */
static bool has_word(const cadre_http_request *r, const char *field, const char *word)
{
    cadre_http_text name, value;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++)
        if (head_same(name, field) && head_has_word(value, word))
            return true;
    return false;
}

/* What may be there only once; at NULL: it is not, or not so. */
static cadre_http_text only(const cadre_http_request *r, const char *field)
{
    cadre_http_text name, value, found = {0};
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++)
        if (head_same(name, field)) {
            if (found.at)
                return (cadre_http_text){0};
            found = value;
        }
    return found;
}

/* 16 bytes in base64. */
static bool is_key(cadre_http_text key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.size != KEY_SIZE)
        return false;
    for (int i = 0; i < KEY_SIZE - 2; i++)
        if (!key.at[i] || !strchr(letters, key.at[i]))
            return false;
    return memcmp(key.at + KEY_SIZE - 2, "==", 2) == 0;
}

bool proof_make(char proof[PROOF_SIZE], const cadre_http_request *r)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_SIZE + sizeof magic];
    uint8_t digest[SHA1_SIZE];
    cadre_http_text key = only(r, "Sec-WebSocket-Key");
    /* What comes of an upload is its body, and no frames. */
    if (!cadre_http_is(r->method, "GET") || r->source.from.id || !key.at ||
        !is_key(key) || !cadre_http_is(only(r, "Sec-WebSocket-Version"), "13") ||
        !has_word(r, "Upgrade", "websocket") || !has_word(r, "Connection", "upgrade"))
        return false;
    memcpy(text, key.at, KEY_SIZE);
    memcpy(text + KEY_SIZE, magic, sizeof magic);
    sha1(digest, text, sizeof text - 1);
    *base64_put(proof, digest, sizeof digest) = '\0';
    return true;
}
