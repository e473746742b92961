/* backend.c: one of the servers, in the router or not. It leaves the router before it
 * says that a request has failed, so whoever tries again comes to another one; it returns
 * when its server answers a check and its breaker is not open. */
#include "proxy.h"

#include <cadre/actors/breaker.h>
#include <cadre/actors/http_client.h>
#include <cadre/actors/router.h>
#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

CADRE_TYPE(check);

static int backend_start(cadre_self *self, void *state)
{
    struct backend *me = state;
    cadre_breaker breaker = {.timeout = CADRE_NEVER,
                             .cooldown = 5 * me->link.proxy->every,
                             .share = cadre_http_share,
                             .codes = {-ETIMEDOUT, -ECONNREFUSED, -ECONNRESET, -EPROTO,
                                       -EHOSTUNREACH, CADRE_EDEAD, CADRE_EFULL}};
    int err = cadre_spawn(self, &breaker.target, &link_class, &me->link);
    if (!err)
        err = cadre_spawn(self, &me->breaker, &cadre_breaker_class, &breaker);
    return err ? err
               : cadre_every_as(self, NULL, me->link.proxy->every, &check_type,
                                &(check){0});
}

/* Waits until the router knows, so that nothing that follows comes here. */
static int set_in(cadre_self *self, struct backend *me, bool is_in, const char *why)
{
    cadre_token token;
    cadre_msg m;
    if (me->is_in == is_in)
        return 0;
    me->is_in = is_in;
    cadre_ref router = me->link.proxy->router, it = cadre_me(self);
    int err =
        is_in ? cadre_ask(self, &token, router, CADRE_NEVER, cadre_router_add, it)
              : cadre_ask(self, &token, router, CADRE_NEVER, cadre_router_remove, it);
    if (!err)
        err = cadre_await_open(self, token, &m);
    fprintf(stderr, "proxy: %s is %s%s%s\n", me->link.url, is_in ? "in" : "out",
            *why ? ": " : "", why);
    return err;
}

/* Does its server answer, and not with an error of its own? *why: what it does else. */
static bool is_well(cadre_self *self, const struct backend *me, char *why, size_t size)
{
    char url[4096];
    cadre_token token;
    cadre_msg m;
    snprintf(url, sizeof url, "%s%s", me->link.url, me->link.proxy->check);
    const cadre_http_call call = {.url = url, .stays = true};
    int err = cadre_http_fetch(self, &token, me->link.proxy->client,
                               me->link.proxy->timeout, &call);
    if (!err)
        err = cadre_await_open(self, token, &m);
    const cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    const cadre_failure *failure = err ? NULL : cadre_body(&m, cadre_failure);
    if (r)
        snprintf(why, size, "%s is answered with %u", me->link.proxy->check, r->status);
    else
        snprintf(why, size, "%s", cadre_strerror(failure ? failure->code : err));
    if (!r || r->status >= 500)
        return false;
    err = cadre_ask(self, &token, me->breaker, CADRE_SECOND, cadre_breaker_ask, 0);
    if (!err)
        err = cadre_await_open(self, token, &m);
    const cadre_breaker_status *status =
        err ? NULL : cadre_body(&m, cadre_breaker_status);
    snprintf(why, size, "its breaker is open");
    return status && status->state != CADRE_BREAKER_OPEN;
}

static int on_check(cadre_self *self, struct backend *me, const cadre_msg *m)
{
    char why[256];
    if (me->is_checking)
        return 0;
    me->is_checking = true;
    bool is_in = is_well(self, me, why, sizeof why);
    int err = set_in(self, me, is_in, is_in ? "" : why);
    me->is_checking = false;
    return err || !cadre_same(m->from, cadre_parent(self))
               ? err
               : cadre_reply(self, m, check, 0);
}

static int backend_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct backend *me = state;
    cadre_token token;
    cadre_msg outcome;
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    if (m->type == &check_type)
        return on_check(self, me, m);
    if (!r)
        return cadre_unhandled(self, m);
    int err = cadre_ask_as(self, &token, me->breaker, CADRE_NEVER, m->type, r);
    r->head = r->body = NULL;
    if (!err)
        err = cadre_await_open(self, token, &outcome);
    const cadre_failure *failure = err ? NULL : cadre_body(&outcome, cadre_failure);
    if (err)
        return cadre_reply(self, m, cadre_failure, .code = err);
    if (!failure || failure->code == -ECANCELED || failure->code == -EINVAL)
        return pass_on(self, m, &outcome);
    const cadre_failure copy = *failure; /* the next wait ends the outcome */
    err = set_in(self, me, false, cadre_strerror(copy.code));
    return err ? err : cadre_reply_as(self, m, &cadre_failure_type, &copy);
}
const cadre_class backend_class = {.name = "backend",
                                   .state_size = sizeof(struct backend),
                                   .start = backend_start,
                                   .receive = backend_receive};
