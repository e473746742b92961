/* routes.c: which route a request goes by.
 *
 * Path and pattern are walked side by side, segment by segment. What stands for a
 * :name is not noted but found by the same walk: mostly nobody asks. */
#include "routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is left of both; at NULL: nothing. Each begins behind a slash. */
struct walk {
    cadre_http_text pattern, path;
};

static cadre_http_text behind_slash(cadre_http_text text)
{
    return text.size > 0 && text.at[0] == '/'
               ? (cadre_http_text){text.at + 1, text.size - 1}
               : (cadre_http_text){0};
}

/* Takes one segment off; at NULL when that was the last. */
static cadre_http_text take_segment(cadre_http_text *rest)
{
    const char *slash = memchr(rest->at, '/', rest->size);
    cadre_http_text segment = {rest->at,
                               slash ? (size_t)(slash - rest->at) : rest->size};
    *rest = behind_slash(
        (cadre_http_text){rest->at + segment.size, rest->size - segment.size});
    return segment;
}

static struct walk begin(const char *pattern, cadre_http_text path)
{
    return (struct walk){behind_slash((cadre_http_text){pattern, strlen(pattern)}),
                         behind_slash(path)};
}

/* The next segments of both, and whether they fit; `rest` fits *. False at the end. */
static bool step(struct walk *walk, cadre_http_text *name, cadre_http_text *value,
                 bool *fits)
{
    if (!walk->pattern.at || !walk->path.at) {
        *fits = !walk->pattern.at && !walk->path.at;
        return false;
    }
    *name = take_segment(&walk->pattern);
    if (!walk->pattern.at && cadre_http_is(*name, "*")) {
        *value = walk->path;
        walk->path.at = NULL;
        *fits = true;
        return true;
    }
    *value = take_segment(&walk->path);
    bool is_param = name->size > 0 && name->at[0] == ':';
    *fits = is_param ? value->size > 0
                     : name->size == value->size &&
                           memcmp(name->at, value->at, name->size) == 0;
    return true;
}

static bool path_fits(const char *pattern, cadre_http_text path)
{
    cadre_http_text name, value;
    struct walk walk = begin(pattern, path);
    bool fits = true;
    if (!walk.path.at)
        return false;
    while (fits && step(&walk, &name, &value, &fits))
        ;
    return fits;
}

static bool method_fits(const char *method, cadre_http_text asked)
{
    return !method || cadre_http_is(asked, method) ||
           (cadre_http_is(asked, "HEAD") && strcmp(method, "GET") == 0);
}

bool routes_are_good(const cadre_http_route *routes)
{
    for (const cadre_http_route *r = routes; r && r->path; r++)
        if (r->path[0] != '/' || !r->handler)
            return false;
    return true;
}

const cadre_http_route *routes_find(const cadre_http_route *routes,
                                    const cadre_http_request *r, bool *is_path)
{
    *is_path = false;
    for (const cadre_http_route *route = routes; route && route->path; route++) {
        if (!path_fits(route->path, r->path))
            continue;
        if (method_fits(route->method, r->method))
            return route;
        *is_path = true;
    }
    return NULL;
}

void routes_allow(const cadre_http_route *routes, const cadre_http_request *r,
                  char *bytes, size_t size)
{
    size_t used = 0;
    bytes[0] = '\0';
    for (const cadre_http_route *route = routes; route && route->path; route++) {
        if (!route->method || !path_fits(route->path, r->path))
            continue;
        int n = snprintf(bytes + used, size - used, "%s%s%s", used ? ", " : "",
                         route->method, strcmp(route->method, "GET") ? "" : ", HEAD");
        if (n < 0 || (size_t)n >= size - used)
            break;
        used += (size_t)n;
    }
    bytes[used] = '\0';
}

cadre_http_text cadre_http_param(const cadre_http_request *r, const char *name)
{
    cadre_http_text found, value;
    bool fits = true;
    if (!r->route || !r->route->path)
        return (cadre_http_text){0};
    struct walk walk = begin(r->route->path, r->path);
    while (fits && step(&walk, &found, &value, &fits)) {
        if (found.size > 0 && found.at[0] == ':')
            found = (cadre_http_text){found.at + 1, found.size - 1};
        else if (!cadre_http_is(found, "*"))
            continue;
        if (cadre_http_is(found, name))
            return value;
    }
    return (cadre_http_text){0};
}
