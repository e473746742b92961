/* place.c: which server it is, and what each connection to it begins with. */
#include "place.h"

#include <cadre/fail.h>

#include <errno.h>
#include <hiredis.h>
#include <stdio.h>
#include <string.h>

static void set_defaults(cadre_redis *c)
{
    c->waiting = c->waiting ? c->waiting : 4096;
    c->bytes = c->bytes ? c->bytes : 16 << 20;
    c->connect = c->connect ? c->connect : 10 * CADRE_SECOND;
    c->patience = c->patience ? c->patience : 10 * CADRE_SECOND;
    c->answer = c->answer ? c->answer : 60 * CADRE_SECOND;
}

static const char *check(struct place *place)
{
    const cadre_redis *c = &place->limits;
    if (c->connect < 0 || c->patience < 0 || c->answer < 0)
        return "a time is below 0";
    const char *why = url_parse(&place->url, (char *)cadre_buf_data(place->text));
    return !why && place->url.has_tls && !c->tls ? "rediss: needs a tls in the config"
                                                 : why;
}

/* Those that nobody else may ask for. */
static int add(struct place *place, int count, const char *const *args)
{
    char *command;
    long long size = redisFormatCommandArgv(&command, count, (const char **)args, NULL);
    size_t before = cadre_buf_size(place->setup);
    if (size < 0)
        return -ENOMEM;
    cadre_buf *more = cadre_buf_new(NULL, before + (size_t)size);
    if (more) {
        if (before)
            memcpy(cadre_buf_data(more), cadre_buf_data(place->setup), before);
        memcpy(cadre_buf_data(more) + before, command, (size_t)size);
        cadre_buf_unref(place->setup);
        place->setup = more;
    }
    redisFreeCommand(command);
    return more ? 0 : -ENOMEM;
}

static int add_logins(struct place *place)
{
    const struct url *url = &place->url;
    char database[16];
    const char *by_password[] = {"AUTH", url->password},
               *by_name[] = {"AUTH", url->user, url->password},
               *select[] = {"SELECT", database};
    int err = 0;
    (void)snprintf(database, sizeof database, "%u", url->database);
    if (url->password) {
        err = url->user ? add(place, 3, by_name) : add(place, 2, by_password);
        place->logins++;
    }
    if (!err && url->database) {
        err = add(place, 2, select);
        place->logins++;
    }
    return err;
}

int place_init(cadre_self *self, struct place *place, const cadre_redis *config)
{
    static const char *const rest[] = {"PING", "MULTI", "EXEC"};
    const char *url = config->url ? config->url : "redis://localhost";
    *place = (struct place){.limits = *config};
    set_defaults(&place->limits);
    place->text = cadre_buf_new(url, strlen(url) + 1);
    if (!place->text)
        return -ENOMEM;
    const char *why = check(place);
    if (why)
        return cadre_fail(self, -EINVAL, "redis: %s", why);
    int err = add_logins(place);
    for (int i = 0; !err && i < 3; i++)
        err = add(place, 1, &rest[i]);
    return err;
}

void place_fini(struct place *place)
{
    cadre_buf_unref(place->text);
    cadre_buf_unref(place->setup);
}
