/* test_http_websocket_node.c: WebSockets with the client that most programs for Node.js
 * have, ws of npm. */
#include "support/folder.h"
#include "support/web.h"

#include <cadre/actors/http_websocket.h>

#include <errno.h>
#include <stdio.h>

#define NODE "NODE_PATH=/usr/share/nodejs:/usr/share/nodejs/lib node "

static atomic_uint code, is_none;

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
    const cadre_websocket_close *close = cadre_body(m, cadre_websocket_close);
    if (close)
        atomic_store(&code, close->code);
    return got ? cadre_reply(self, m, cadre_websocket_message,
                             .bytes = cadre_buf_move(&got->bytes),
                             .is_text = got->is_text)
               : 0;
}
static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref session;
    int err = cadre_spawn(self, &session, &echo_class, NULL);
    if (!err)
        err = cadre_http_reply_websocket(self, m, session, "chat");
    if (err == -ENOTSUP)
        atomic_store(&is_none, 1);
    return err;
}
static const cadre_http_route routes[] = {{"GET", "/echo", echo}, {0}};

/* A message comes back as it was. Compression is offered and not taken; whoever
 * compresses nevertheless is told that this is an error. */
static const char script[] =
    "const WebSocket = require('ws'), assert = require('assert');\n"
    "const open = (options) => new Promise((done, failed) => {\n"
    "    const url = `ws://127.0.0.1:${process.argv[2]}/echo`;\n"
    "    const w = new WebSocket(url, 'chat', options);\n"
    "    w.on('open', () => done(w)).on('error', failed);\n"
    "});\n"
    "const once = (w, event) => new Promise((done) =>\n"
    "    w.once(event, (...got) => done(got)));\n"
    "async function comes_back(w, m) {\n"
    "    w.send(m);\n"
    "    const [got, is_binary] = await once(w, 'message');\n"
    "    assert.strictEqual(is_binary, typeof m !== 'string');\n"
    "    assert(Buffer.from(m).equals(got));\n"
    "}\n"
    "async function closes(w, close, code) {\n"
    "    const closed = once(w, 'close');\n"
    "    close();\n"
    "    assert.strictEqual((await closed)[0], code);\n"
    "}\n"
    "async function main() {\n"
    "    let w = await open({perMessageDeflate: true});\n"
    "    assert.strictEqual(w.protocol, 'chat');\n"
    "    assert.strictEqual(w.extensions, '');\n"
    "    for (const m of ['hello', '', Buffer.from([0, 1]), '\\u00e4'.repeat(1000),\n"
    "                     'x'.repeat(1 << 20), Buffer.alloc(1 << 20, 7)])\n"
    "        await comes_back(w, m);\n"
    "    for (const part of ['in', 'many', 'parts'])\n"
    "        w.send(part, {fin: part === 'parts'});\n"
    "    assert.strictEqual(String((await once(w, 'message'))[0]), 'inmanyparts');\n"
    "    w.ping('are you there');\n"
    "    assert.strictEqual(String((await once(w, 'pong'))[0]), 'are you there');\n"
    "    await closes(w, () => w.close(4003, 'enough'), 4003);\n"
    "    w = await open({});\n"
    "    await closes(w, () => w.close(), 1005);\n"
    "    w = await open({});\n"
    "    await closes(w, () => w.send('x'.repeat((1 << 20) + 1)), 1009);\n"
    "    w = await open({perMessageDeflate: true});\n"
    "    await closes(w, () => w._socket.write(\n"
    "        Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x78])), 1002);\n"
    "    w = await open({});\n"
    "    await closes(w, () => w.close(4004), 4004);\n"
    "}\n"
    "main().then(() => console.log('fine'), (e) => console.log(String(e)));\n";

static void node_agrees(void **state)
{
    char line[512], text[512];
    if (system(NODE "-e 'require(\"ws\")' >/dev/null 2>&1") != 0) {
        print_message("notice: no node with ws: it was not asked\n");
        skip();
    }
    make_folder();
    put_file(in_folder("client.js"), script);
    web.routes = routes;
    cadre_system *sys = web_serve();
    snprintf(line, sizeof line, NODE "%s %u 2>&1", in_folder("client.js"), web.port);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    assert_int_equal(pclose(f), 0);
    if (!atomic_load(&is_none)) {
        assert_string_equal(text, "fine\n");
        await(&code, 4004);
    }
    web_served(sys);
    if (atomic_load(&is_none))
        skip();
}

int main(void)
{
    TESTS(cmocka_unit_test(node_agrees));
    return RUN_TESTS();
}
