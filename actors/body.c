/* body.c: bodies that are kept, copied and passed on. */
#include "body.h"

#include <errno.h>

static int copy(cadre_buf **kept, cadre_share *share, const cadre_type *type,
                const void *body)
{
    if (type->drop && !share)
        return -ENOTSUP;
    *kept = cadre_buf_new(body, type->size);
    if (!*kept)
        return -ENOMEM;
    int err = type->drop ? share(type, cadre_buf_data(*kept)) : 0;
    if (err)
        cadre_buf_unref(*kept);
    return err;
}

int body_keep(cadre_buf **kept, cadre_share *share, const cadre_type *type,
              const void *body)
{
    return copy(kept, share, type, body);
}

void body_drop(cadre_buf *kept, const cadre_type *type)
{
    if (kept && type->drop)
        type->drop(cadre_buf_data(kept));
    cadre_buf_unref(kept);
}

int body_lend(cadre_buf **lent, cadre_share *share, const cadre_type *type,
              const void *body)
{
    *lent = NULL;
    return type->drop ? copy(lent, share, type, body) : 0;
}

int body_ask(cadre_self *self, cadre_token *token, cadre_ref to, cadre_time timeout,
             cadre_share *share, const cadre_type *type, const void *body)
{
    cadre_buf *lent;
    int err = body_lend(&lent, share, type, body);
    if (!err)
        err = cadre_ask_as(self, token, to, timeout, type, body_of(lent, body));
    cadre_buf_unref(lent);
    return err;
}

int body_refuse(cadre_self *self, const cadre_msg *m, int code, const char *text)
{
    if (!m->token.id)
        return cadre_unhandled(self, m);
    (void)cadre_reply(self, m, cadre_failure, .code = code, .origin = cadre_me(self),
                      .message = text);
    return 0;
}

void body_fail(cadre_self *self, cadre_promise promise, const cadre_failure *failure)
{
    (void)cadre_answer_as(self, promise, &cadre_failure_type, failure);
}

void body_answer(cadre_self *self, cadre_promise promise, cadre_share *share,
                 const cadre_msg *m)
{
    cadre_buf *lent;
    int err = body_lend(&lent, share, m->type, m->body);
    if (!err)
        err = cadre_answer_as(self, promise, m->type, body_of(lent, m->body));
    cadre_buf_unref(lent);
    if (err && err != -EALREADY)
        body_fail(self, promise,
                  &(cadre_failure){.code = err,
                                   .origin = cadre_me(self),
                                   .message = "the answer could not be passed on"});
}

bool body_code_in(int code, const int *codes, uint32_t count, const int *usual)
{
    if (codes[0] == 0)
        codes = usual;
    for (uint32_t i = 0; i < count && codes[i]; i++)
        if (codes[i] == code)
            return true;
    return false;
}
