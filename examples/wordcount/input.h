/* input.h: the files, one after the other, in chunks that do not end within a word. */
#ifndef WORDCOUNT_INPUT_H
#define WORDCOUNT_INPUT_H

#include <cadre/message.h>

enum { CHUNK = 128 << 10 }; /* bytes; a longer word makes a longer chunk */

struct input {
    char **paths; /* those still to be read, ended by NULL; "-" is standard input */
    bool *failed; /* set when one of them cannot be read */
    int fd;       /* of the first of them, or -1 */
    cadre_buf *buf;
    size_t used; /* of buf: the beginning of a word */
};

/* Is it part of a word? */
static inline bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* Gives away the next chunk: the first *size bytes of *chunk, which is the caller's from
 * then on. Files that cannot be read are named on stderr and passed over. Returns 1; 0
 * at the end of everything; -EAGAIN when there was nothing to read for a millisecond;
 * -ENOMEM. */
int input_next(struct input *in, cadre_buf **chunk, size_t *size);
void input_close(struct input *in);

#endif
