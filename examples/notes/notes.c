/* notes: a web page with notes that everybody who has it open sees change.
 *
 *   GET    /           the page (web/)
 *   GET    /notes      the newest hundred, as JSON
 *   POST   /notes      one more: the body is its text
 *   PUT    /notes/ID   another text
 *   DELETE /notes/ID
 *   GET    /events     what happens, as server-sent events
 *   GET    /live       the same by WebSocket; what comes by it is a note, too
 *
 * Each connection has an actor of its own, and so has the database: while it works the
 * others are served. The database writes the JSON. Who wants to know of changes is in a
 * group, which is sent each of them once. */
#include "text.h"

#include <cadre.h>

#include <cadre/actors/group.h>
#include <cadre/actors/http.h>
#include <cadre/actors/http_events.h>
#include <cadre/actors/http_files.h>
#include <cadre/actors/http_websocket.h>
#include <cadre/actors/sqlite.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOTE "json_object('id', id, 'text', text, 'at', at)"
enum statement { MAKE, LIST, ADD, CHANGE, REMOVE };
static const char *const statements[] = {
    [MAKE] = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT "
             "NULL, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    [LIST] = "SELECT json_group_array(json(note)) FROM (SELECT " NOTE " AS note "
             "FROM notes ORDER BY id DESC LIMIT 100)",
    [ADD] = "INSERT INTO notes (text) VALUES ($1) RETURNING " NOTE,
    [CHANGE] = "UPDATE notes SET text = $2 WHERE id = $1 RETURNING " NOTE,
    [REMOVE] = "DELETE FROM notes WHERE id = $1 RETURNING json_object('id', id)"};
enum { TEXT_MAX = 10000 };

/* What all actors may read: written before the first request comes. */
struct notes {
    const char *database, *files;
    uint16_t port;
    cadre_ref db, group, server; /* the root's start sets them */
};

/* ---- the database ------------------------------------------------------------------ */

/* The first value of the answer. *status: 404 when there is none, 500, 503 when it has no
 * time, and then NULL is returned. The caller waits. */
static cadre_buf *ask(cadre_self *self, const struct notes *notes, enum statement which,
                      const cadre_sql_value *values, uint32_t count, int *status)
{
    cadre_token token;
    cadre_msg m = {0};
    int err = cadre_sql_ask(self, &token, notes->db, 5 * CADRE_SECOND,
                            statements[which], values, count);
    if (!err)
        err = cadre_await(self, token, &m);
    const cadre_sql_rows *rows = err ? NULL : cadre_body(&m, cadre_sql_rows);
    const cadre_sql_error *error = err ? NULL : cadre_body(&m, cadre_sql_error);
    if (error)
        fprintf(stderr, "notes: %s\n", cadre_sql_error_text(error));
    *status = rows ? 404 : error ? 500 : 503;
    const char *text = rows && rows->count ? cadre_sql_text_at(rows, 0, 0) : NULL;
    return text ? cadre_buf_new(text, strlen(text)) : NULL;
}

/* The same, of which all who watch are told. */
static cadre_buf *change(cadre_self *self, const struct notes *notes,
                         enum statement which, const cadre_sql_value *values,
                         uint32_t count, int *status)
{
    cadre_buf *note = ask(self, notes, which, values, count, status);
    if (note &&
        cadre_send(self, notes->group, cadre_http_event, .data = cadre_buf_ref(note),
                   .name = which == REMOVE ? "gone" : "note"))
        fprintf(stderr, "notes: there was no memory to tell of a change\n");
    return note;
}

/* Then value is its text, as long as the bytes are there. */
static bool is_note(cadre_buf *bytes, cadre_sql_value *value)
{
    size_t size = cadre_buf_size(bytes);
    if (size == 0 || size > TEXT_MAX || !text_is_utf8(cadre_buf_data(bytes), size))
        return false;
    *value = cadre_sql_bytes(cadre_buf_data(bytes), (uint32_t)size);
    value->kind = CADRE_SQL_TEXT;
    return true;
}

/* ---- requests ---------------------------------------------------------------------- */

static const struct notes *notes_of(void *state)
{
    return ((const cadre_http_desk *)state)->context;
}

/* A page of another site may not change anything here. */
static bool is_ours(const cadre_http_request *r)
{
    cadre_http_text origin = cadre_http_header(r, "Origin");
    cadre_http_text host = cadre_http_header(r, "Host");
    return !origin.at ||
           (origin.size == host.size + 7 && memcmp(origin.at, "http://", 7) == 0 &&
            memcmp(origin.at + 7, host.at, host.size) == 0);
}

static int reply(cadre_self *self, const cadre_msg *m, int status, cadre_buf *json)
{
    static const cadre_http_field fields[] = {{"Content-Type", "application/json"},
                                              {"Cache-Control", "no-store"},
                                              {NULL, NULL}};
    return json ? cadre_http_reply(self, m, status, fields, json)
                : cadre_http_reply_text(self, m, status,
                                        status == 404 ? "no such note\n" : "sorry\n");
}

static int on_list(cadre_self *self, void *state, cadre_msg *m)
{
    int status;
    cadre_buf *json = ask(self, notes_of(state), LIST, NULL, 0, &status);
    return reply(self, m, json ? 200 : status, json);
}

/* With the id of the path, if it has one, and the text of the body, if it is to. */
static int on_change(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = m->body;
    bool adds = cadre_http_is(r->method, "POST");
    enum statement which = adds                              ? ADD
                           : cadre_http_is(r->method, "PUT") ? CHANGE
                                                             : REMOVE;
    cadre_sql_value values[2];
    uint32_t count = 0;
    int status;
    cadre_http_text id = cadre_http_param(r, "id");
    if (!is_ours(r))
        return cadre_http_reply_text(self, m, 403, "from this page only\n");
    if (!adds) /* -1 is no note */
        values[count++] = cadre_sql_integer(text_number(id.at, id.size, INT64_MAX));
    if (which != REMOVE && !is_note(r->body, &values[count++]))
        return cadre_http_reply_text(self, m, 400, "send 1 to 10000 bytes of text\n");
    cadre_buf *json = change(self, notes_of(state), which, values, count, &status);
    return reply(self, m, !json ? status : adds ? 201 : 200, json);
}

/* ---- who watches ------------------------------------------------------------------- */

static int on_events(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref events;
    int err = cadre_spawn(self, &events, &cadre_http_events_class, NULL);
    if (!err)
        err = cadre_send(self, notes_of(state)->group, cadre_group_join, events);
    return err ? err : cadre_http_reply_events(self, m, events);
}

/* The session of a WebSocket. */
struct session {
    const struct notes *notes;
    cadre_ref socket;
};

static int session_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct session *me = state;
    const cadre_websocket_opened *opened = cadre_body(m, cadre_websocket_opened);
    const cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
    cadre_http_event *event = cadre_body(m, cadre_http_event);
    cadre_sql_value text;
    int status;
    if (opened) {
        me->socket = opened->socket;
        return cadre_send(self, me->notes->group, cadre_group_join, {0});
    }
    if (event)
        return cadre_send(self, me->socket, cadre_websocket_message,
                          .bytes = cadre_buf_move(&event->data), .is_text = true);
    if (got && is_note(got->bytes, &text))
        cadre_buf_unref(change(self, me->notes, ADD, &text, 1, &status));
    return m->type == &cadre_websocket_close_type ? CADRE_STOP : 0;
}
static const cadre_class session_class = {.name = "session",
                                          .state_size = sizeof(struct session),
                                          .receive = session_receive};

static int on_live(cadre_self *self, void *state, cadre_msg *m)
{
    const struct session session = {.notes = notes_of(state)};
    cadre_ref it;
    if (!is_ours(m->body))
        return cadre_http_reply_text(self, m, 403, "from this page only\n");
    int err = cadre_spawn(self, &it, &session_class, &session);
    if (!err)
        err = cadre_http_reply_websocket(self, m, it, NULL);
    if (err != -EPROTO && err != -ENOTSUP)
        return err;
    cadre_stop(self, it);
    return cadre_http_reply_text(self, m, 400, "ask for a WebSocket\n");
}

/* ---- the root ---------------------------------------------------------------------- */

static const cadre_http_route routes[] = {{"GET", "/notes", on_list},
                                          {"POST", "/notes", on_change},
                                          {"PUT", "/notes/:id", on_change},
                                          {"DELETE", "/notes/:id", on_change},
                                          {"GET", "/events", on_events},
                                          {"GET", "/live", on_live},
                                          {0}};

static int root_start(cadre_self *self, void *state)
{
    struct notes *notes = *(struct notes **)state;
    cadre_sqlite db = {.path = notes->database, .use = CADRE_FILE_MAKE};
    cadre_group group = {.share = cadre_http_share};
    cadre_http_files files = {.root = notes->files};
    cadre_http server = {.host = "127.0.0.1", .port = notes->port, .routes = routes};
    int err = cadre_spawn(self, &notes->db, &cadre_sqlite_class, &db);
    if (!err)
        err = cadre_sql_ask(self, NULL, notes->db, 5 * CADRE_SECOND, statements[MAKE],
                            NULL, 0);
    if (!err)
        err = cadre_spawn(self, &notes->group, &cadre_group_class, &group);
    if (!err)
        err = cadre_spawn(self, &server.to, &cadre_http_files_class, &files);
    server.context = notes;
    if (!err)
        err = cadre_spawn(self, &notes->server, &cadre_http_class, &server);
    return err;
}

/* It says where it is when it has its table. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct notes *notes = *(struct notes **)state;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_sql_error *error = cadre_body(m, cadre_sql_error);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (error)
        fprintf(stderr, "notes: %s: %s\n", notes->database,
                cadre_sql_error_text(error));
    if (error || failure)
        return error ? error->code : failure->code;
    if (!status)
        return cadre_ask(self, NULL, notes->server, CADRE_SECOND, cadre_http_ask, 0);
    printf("notes are at http://127.0.0.1:%u\n", status->port);
    return fflush(stdout) ? CADRE_EUSER : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct notes *),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    static const char help[] =
        "usage: notes [--port PORT] [--database FILE] [--files FOLDER]\n"
        "  --port      8080; 0: a free one\n"
        "  --database  notes.db; made if it is not there\n"
        "  --files     examples/notes/web: what the browser gets\n";
    struct notes notes = {
        .database = "notes.db", .files = "examples/notes/web", .port = 8080};
    struct notes *it = &notes;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        int64_t port = value ? text_number(value, strlen(value), 65535) : -1;
        bool is_help = strcmp(argv[i], "--help") == 0;
        if (port >= 0 && strcmp(argv[i], "--port") == 0)
            notes.port = (uint16_t)port;
        else if (value && strcmp(argv[i], "--database") == 0)
            notes.database = value;
        else if (value && strcmp(argv[i], "--files") == 0)
            notes.files = value;
        else
            return fputs(help, is_help ? stdout : stderr) < 0 || !is_help;
        i++;
    }
    int reason = cadre_serve(NULL, &root_class, &it, CADRE_SECOND, 2 * CADRE_SECOND);
    if (reason)
        fprintf(stderr, "notes: %s\n", cadre_strerror(reason));
    return reason ? 1 : 0;
}
