/* parse.h: commands as Redis' clients send them, RESP2. */
#ifndef ACTORS_RESP_PARSE_H
#define ACTORS_RESP_PARSE_H

#include <cadre/actors/resp.h>

/* What is left of a command, `$3\r\nabc\r\n` for each. */
struct args {
    const uint8_t *at;
    uint32_t left;
};

/* A frame is a command, or an empty line. */
#define RESP_COMMAND_MAX ((size_t)1 << 30)
#define RESP_WHY 64
cadre_measure resp_measure;
/* What is wrong when the framing has failed with that; in text, or constant. */
const char *resp_why(const cadre_framing *framing, int err, char text[RESP_WHY]);

/* The words of a whole frame. An inline one is rewritten first, into *rewritten; without
 * memory for that there are none, and *rewritten is NULL. */
struct args resp_args(const uint8_t *bytes, size_t size, cadre_buf **rewritten);
cadre_resp_slice resp_next(struct args *args); /* there is one left */

#endif
