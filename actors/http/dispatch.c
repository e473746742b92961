/* dispatch.c: a request goes to whoever is to answer it. */
#include "connection.h"

#include "routes.h"

#include <cadre/supervise.h>

enum { ALLOW_SIZE = 128 };

/* It is kept: what waits for one that fails is the next one's. */
static int find_desk(cadre_self *self, const struct shared *shared, cadre_ref *desk)
{
    const cadre_http_desk init = {.context = shared->context};
    const cadre_opts opts = {.keep = true, .mail = CADRE_MAIL_KEEP};
    return desk->id ? 0 : cadre_spawn_with(self, desk, &desk_class, &init, &opts);
}

void dispatch_desk_down(cadre_self *self, cadre_ref *desk)
{
    if (cadre_restart(self, *desk) == 0)
        return;
    (void)cadre_release(self, *desk); /* without memory: what waits is answered 500 */
    desk->id = 0;
}

/* *path_fits: the table in which there is one for its path, but not for its method. */
static const cadre_http_route *find_route(const struct shared *shared,
                                          const cadre_http_request *r,
                                          const cadre_http_route **path_fits)
{
    bool is_upload, is_route;
    const cadre_http_route *route = routes_find(shared->uploads, r, &is_upload);
    *path_fits = NULL;
    if (route)
        return route;
    route = routes_find(shared->routes, r, &is_route);
    *path_fits = is_route ? shared->routes : is_upload ? shared->uploads : NULL;
    return route;
}

/* Whom to ask: id 0, and then nobody; it is answered. */
static cadre_ref find_receiver(cadre_self *self, const struct shared *shared,
                               cadre_ref *desk, struct entry *e, cadre_http_request *r)
{
    char allow[ALLOW_SIZE];
    const cadre_http_field fields[] = {{"Allow", allow}, {0}};
    const cadre_ref nobody = {0};
    const cadre_http_route *path_fits;
    r->route = find_route(shared, r, &path_fits);
    if (r->route) {
        int err = find_desk(self, shared, desk);
        if (err)
            entry_answer(e, 503, NULL);
        return err ? nobody : *desk;
    }
    if (path_fits) {
        routes_allow(path_fits, r, allow, sizeof allow);
        entry_answer(e, 405, fields);
    } else if (!shared->to.id) {
        entry_answer(e, 404, NULL);
    }
    return path_fits ? nobody : shared->to;
}

void dispatch_ask(cadre_self *self, struct connection *c, cadre_ref *desk,
                  struct entry *e, cadre_http_request *r)
{
    head_set_peer(r, &c->peer);
    cadre_ref to = find_receiver(self, c->shared, desk, e, r);
    if (to.id)
        entry_ask(self, e, c->shared, to, r);
    else
        cadre_http_request_type.drop(r);
}

static void ask(cadre_self *self, struct connection *c, cadre_http_request *r)
{
    const struct wire_manner manner = {.closes = !c->parser.keeps,
                                       .http10 = c->parser.framing.http10,
                                       .is_head = cadre_http_is(r->method, "HEAD")};
    c->read_due = 0;
    r->takes_files = c->shared->takes_files;
    dispatch_ask(self, c, &c->desk, queue_add(&c->queue, manner), r);
}

void dispatch_request(cadre_self *self, struct connection *c)
{
    cadre_http_request r = c->parser.request;
    c->parser.request = (cadre_http_request){0};
    c->continues = false;
    c->no_more = !c->parser.keeps || c->closing;
    ask(self, c, &r);
}

void dispatch_upload(cadre_self *self, struct connection *c)
{
    cadre_http_request r = c->parser.request;
    c->parser.request = (cadre_http_request){0};
    r.source = upload_begin(self, &c->upload, c->parser.length);
    c->queue.is_open = true;
    ask(self, c, &r);
}

void dispatch_refuse(cadre_self *self, struct connection *c, int status, int code)
{
    struct entry *e;
    if (c->upload.is_on)
        e = queue_last(&c->queue);
    else
        e = queue_add(&c->queue, (struct wire_manner){0});
    bool is_answered = c->upload.is_on && !e->token.id;
    upload_fail(self, &c->upload, code);
    entry_cancel(self, e, c->shared);
    if (!is_answered)
        entry_answer(e, status, NULL);
    e->manner.closes = true;
    c->queue.is_open = false;
    c->no_more = true;
    c->read_due = 0;
    c->continues = false;
}
