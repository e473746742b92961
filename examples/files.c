/* files.c: a file is written, at once or not at all, and read in pieces, two ahead. */
#include <cadre.h>
#include <cadre/actors/file.h>
#include <cadre/await.h>
#include <cadre/fail.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 1000000, PIECE = 64 << 10, AHEAD = 2 };
static char folder[] = "/tmp/cadre-files-example-XXXXXX", path[64];

/* What fails here fails the actor, in words that name what was done to which file. */
static int ended(cadre_self *self, const char *what, cadre_token op)
{
    char text[200];
    cadre_msg m;
    int err = cadre_await(self, op, &m);
    const cadre_failure *f = err ? NULL : cadre_body(&m, cadre_failure);
    return f ? cadre_fail(self, f->code, "%s",
                          cadre_failure_text(text, sizeof text, what, path, f))
             : err;
}

struct counter {
    cadre_ref file;
    uint64_t asked, read, lines;
};

/* The next piece is asked for when one has been dealt with: whoever is slow is not
 * flooded, and no more than AHEAD pieces are in memory. */
static int ask(cadre_self *self, struct counter *me)
{
    uint64_t offset = me->asked;
    me->asked += PIECE;
    return cadre_ask(self, NULL, me->file, 10 * CADRE_SECOND, cadre_file_read_at,
                     offset, PIECE);
}

static int counter_start(cadre_self *self, void *state)
{
    struct counter *me = state;
    cadre_file config = {.path = path};
    cadre_token op;
    cadre_buf *text = cadre_buf_new(NULL, SIZE);
    if (!text)
        return -ENOMEM;
    for (int i = 0; i < SIZE; i++)
        cadre_buf_data(text)[i] = i % 100 == 99 ? '\n' : 'x';
    int err = cadre_file_write(self, &op, 10 * CADRE_SECOND, path, text);
    if (!err)
        err = ended(self, "write", op);
    if (!err)
        err = cadre_spawn(self, &me->file, &cadre_file_class, &config);
    for (int i = 0; i < AHEAD && !err; i++)
        err = ask(self, me);
    return err;
}

/* All has been read: the folder goes. */
static int end(cadre_self *self, const struct counter *me)
{
    cadre_token op;
    printf("%llu bytes, %llu lines\n", (unsigned long long)me->read,
           (unsigned long long)me->lines);
    int err = cadre_file_remove(self, &op, 10 * CADRE_SECOND, path);
    if (!err)
        err = ended(self, "remove", op);
    if (!err)
        err = cadre_file_remove(self, &op, 10 * CADRE_SECOND, folder);
    if (!err)
        err = ended(self, "remove the folder of", op);
    return err ? err : CADRE_STOP;
}

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct counter *me = state;
    const cadre_file_data *data = cadre_body(m, cadre_file_data);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure)
        return failure->code;
    if (!data)
        return cadre_unhandled(self, m);
    const uint8_t *bytes = cadre_buf_data(data->bytes);
    size_t size = cadre_buf_size(data->bytes);
    for (size_t i = 0; i < size; i++)
        me->lines += bytes[i] == '\n';
    me->read += size;
    /* Pieces may come in any order; the last ones are short. */
    if (me->read == SIZE)
        return end(self, me);
    return size < PIECE ? 0 : ask(self, me);
}
static const cadre_class counter = {.name = "counter",
                                    .state_size = sizeof(struct counter),
                                    .start = counter_start,
                                    .receive = counter_receive};

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/text", folder);
    return cadre_run(NULL, &counter, NULL) != 0;
}
