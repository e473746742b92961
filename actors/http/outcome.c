/* outcome.c: what others have answered becomes an answer of ours. */
#include <cadre/http.h>

#include <errno.h>
#include <stdio.h>

static const char *words(const cadre_failure *failure, int *status)
{
    switch (failure->code) {
    case -EHOSTUNREACH:
    case -EHOSTDOWN:
        *status = 503;
        return "no server is there for it at present";
    case CADRE_EFULL:
        *status = 503;
        return "too much comes at present";
    case -ETIMEDOUT:
        *status = 504;
        return "no server has answered in time";
    case -EINVAL:
    case -EMSGSIZE:
        *status = 400;
        return "a method, path or field that cannot be passed on";
    default:
        *status = 502;
        return failure->message ? failure->message : cadre_strerror(failure->code);
    }
}

int cadre_http_reply_failure(cadre_self *self, const cadre_msg *m,
                             const cadre_failure *failure)
{
    static const cadre_http_field fields[] = {
        {"Retry-After", "1"}, {"Content-Type", "text/plain; charset=utf-8"}, {0}};
    char text[256];
    int status;
    const char *what = words(failure, &status);
    int size = snprintf(text, sizeof text, "%d: %s\n", status, what);
    size_t used = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    cadre_buf *body = cadre_buf_new(text, used);
    return body ? cadre_http_reply(self, m, status, fields + (status != 503), body)
                : -ENOMEM;
}

int cadre_http_pass_on(cadre_self *self, const cadre_msg *m, cadre_msg *outcome)
{
    cadre_http_response *r = cadre_body(outcome, cadre_http_response);
    const cadre_failure *failure = cadre_body(outcome, cadre_failure);
    if (!r)
        return cadre_reply_as(self, m, &cadre_failure_type,
                              failure ? failure : &(cadre_failure){.code = -EPROTO});
    int err = cadre_reply_as(self, m, &cadre_http_response_type, r);
    r->fields = r->body = NULL;
    r->file = 0;
    return err;
}
