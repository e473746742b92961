/* files.c: requests for files, each of which gets an actor of its own. */
#include "download.h"

#include "head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

static const cadre_http_file_type types[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".csv", "text/csv; charset=utf-8"},
    {".xml", "text/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".wasm", "application/wasm"},
    {".pdf", "application/pdf"},
    {".zip", "application/zip"},
    {".gz", "application/gzip"},
    {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {NULL, "application/octet-stream"},
};

static const char *find_type(const cadre_http_file_type *of, const char *path)
{
    size_t size = strlen(path);
    for (; of && of->suffix; of++) {
        size_t end = strlen(of->suffix);
        if (end < size &&
            head_same((cadre_http_text){path + size - end, end}, of->suffix))
            return of->type;
    }
    return of ? of->type : NULL;
}

static const char *type_of(const cadre_http_files *me, const char *path)
{
    const char *own = find_type(me->types, path);
    return own ? own : find_type(types, path);
}

/* ---- paths ------------------------------------------------------------------------ */

/* Does none of its segments lead upwards? */
static bool stays_below(const char *path)
{
    while (*path) {
        size_t size = strcspn(path, "/");
        if (size == 2 && memcmp(path, "..", 2) == 0)
            return false;
        path += size + strspn(path + size, "/");
    }
    return true;
}

/* Where the file is. NULL: nowhere, or *no_memory. */
static cadre_buf *find_path(const cadre_http_files *me, const cadre_http_request *r,
                            bool *no_memory)
{
    char path[PATH_SIZE];
    cadre_http_text text = cadre_http_param(r, "*");
    if (!text.at)
        text = (cadre_http_text){r->path.at + 1, r->path.size - 1};
    *no_memory = false;
    if (cadre_http_unescape(path, sizeof path, text, false) < 0 || *path == '/' ||
        !stays_below(path))
        return NULL;
    size_t size = strlen(path);
    const char *index = size == 0 || path[size - 1] == '/' ? me->index : "";
    cadre_buf *buf = cadre_buf_new(NULL, strlen(me->root) + size + strlen(index) + 2);
    *no_memory = !buf;
    if (!buf)
        return NULL;
    snprintf((char *)cadre_buf_data(buf), cadre_buf_size(buf), "%s/%s%s", me->root,
             path, index);
    return buf;
}

/* ---- the class -------------------------------------------------------------------- */

static int files_start(cadre_self *self, void *state)
{
    cadre_http_files *me = state;
    const cadre_http_field cache[] = {{"Cache-Control", me->cache ? me->cache : ""},
                                      {0}};
    cadre_buf *lines = NULL;
    if (!me->root || me->timeout < 0)
        return -EINVAL;
    me->index = me->index ? me->index : "index.html";
    me->timeout = me->timeout ? me->timeout : 30 * CADRE_SECOND;
    int err = cadre_http_trailers(&lines, cache);
    cadre_buf_unref(lines);
    return err;
}

static int on_request(cadre_self *self, const cadre_http_files *me, cadre_msg *m)
{
    static const cadre_http_field allow[] = {{"Allow", "GET, HEAD"}, {0}};
    const cadre_http_request *r = m->body;
    cadre_ref child;
    bool no_memory;
    if (!cadre_http_is(r->method, "GET") && !cadre_http_is(r->method, "HEAD"))
        return cadre_http_reply(self, m, 405, allow, NULL);
    struct download init = {
        .config = me, .fd = -1, .path = find_path(me, r, &no_memory)};
    if (!init.path)
        return no_memory ? cadre_http_reply(self, m, 503, NULL, NULL)
                         : cadre_http_reply_text(self, m, 404, "404\n");
    init.type = type_of(me, (const char *)cadre_buf_data(init.path));
    int err = cadre_spawn(self, &child, &download_class, &init);
    if (!err)
        return cadre_forward(self, child, m);
    cadre_buf_unref(init.path);
    return cadre_http_reply(self, m, 503, NULL, NULL);
}

static int files_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &cadre_http_request_type ? on_request(self, state, m)
                                               : cadre_unhandled(self, m);
}

const cadre_class cadre_http_files_class = {.name = "cadre_http_files",
                                            .state_size = sizeof(cadre_http_files),
                                            .start = files_start,
                                            .receive = files_receive};
