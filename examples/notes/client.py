# client.py: what test.sh cannot ask by curl.
#
#   client.py live PORT              as a WebSocket client
#   client.py pages PORT DEBUGGER    by the page, in a browser that is asked by its
#                                    remote debugger: two tabs
#
# Prints a line for each thing that was as it should be; what is not ends it.
import asyncio
import json
import sys
import urllib.request
import websockets

PORT = sys.argv[2]
HOST = f"127.0.0.1:{PORT}"


def ok(text):
    print("ok", text, flush=True)


def ask(method, path, text=None):
    request = urllib.request.Request(
        f"http://{HOST}{path}", text and text.encode(), method=method)
    return json.load(urllib.request.urlopen(request))


async def refused(origin):
    try:
        async with websockets.connect(f"ws://{HOST}/live", origin=origin):
            return False
    except Exception as error:
        return "403" in str(error)


async def live():
    # Who hears what it has sent itself is a member, and hears all that comes afterwards.
    one = await websockets.connect(f"ws://{HOST}/live", origin=f"http://{HOST}")
    await one.send("hello")
    assert json.loads(await one.recv())["text"] == "hello"
    two = await websockets.connect(f"ws://{HOST}/live")
    await two.send("all")
    seen = json.loads(await one.recv())
    assert seen["text"] == "all" and json.loads(await two.recv()) == seen, seen
    ok("what comes by WebSocket is a note, and all hear of it")
    assert ask("GET", "/notes")[0] == seen, seen
    ok("it is kept")
    loop = asyncio.get_running_loop()
    note = await loop.run_in_executor(None, ask, "POST", "/notes", "by HTTP ☃")
    assert json.loads(await one.recv()) == json.loads(await two.recv()) == note
    ok("what comes by HTTP is heard by WebSocket")
    await loop.run_in_executor(None, ask, "DELETE", f"/notes/{note['id']}")
    assert json.loads(await one.recv()) == json.loads(await two.recv())
    ok("and what is removed")
    for bad in ("", "x" * 10001, b"\xff", "zero \0"):
        await one.send(bad)
    await one.send(b"bytes")
    assert json.loads(await one.recv())["text"] == "bytes"
    ok("what is no note is left out")
    for number in range(100):
        await two.send(str(number))
    for who in (one, two):
        got = [json.loads(await who.recv())["text"] for _ in range(101 - (who is one))]
        assert got[-100:] == [str(n) for n in range(100)], got
    ok("a hundred in order")
    assert await refused("http://elsewhere.example")
    ok("other pages get no WebSocket")
    await one.close()
    await two.close()


class Tab:
    """A page of the browser."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    async def call(self, method, **params):
        return await self.browser.call(method, params, self.session)

    async def run(self, script):
        got = await self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                              returnByValue=True)
        if "exceptionDetails" in got:
            raise AssertionError(got["exceptionDetails"])
        return got["result"].get("value")

    async def until(self, condition):
        """Waits until that is true of the page, looked at whenever it changes."""
        await self.run("""new Promise(done => {
            const look = () => (%s) && (done(), watch.disconnect())
            const watch = new MutationObserver(look)
            watch.observe(document,
                {subtree: true, childList: true, characterData: true, attributes: true})
            look() })""" % condition)

    async def texts(self):
        return await self.run("[...document.querySelectorAll('li span')]"
                              ".map(span => span.textContent)")


class Browser:
    """Its debugger, and one call after the other."""

    def __init__(self, socket):
        self.socket, self.last, self.wrong, self.dialogs = socket, 0, [], 0

    async def call(self, method, params, session=None):
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        await self.socket.send(json.dumps(request))
        waited = self.last
        while True:
            got = json.loads(await self.socket.recv())
            if got.get("method") == "Runtime.exceptionThrown":
                self.wrong.append(got["params"])
            if got.get("method") == "Page.javascriptDialogOpening":
                self.last += 1
                await self.socket.send(json.dumps(
                    {"id": self.last, "method": "Page.handleJavaScriptDialog",
                     "sessionId": got["sessionId"],
                     "params": {"accept": True, "promptText": "changed by the page"}}))
            if got.get("id") == waited:
                assert "error" not in got, got
                return got["result"]

    async def tab(self):
        made = await self.call("Target.createTarget", {"url": "about:blank"})
        session = (await self.call("Target.attachToTarget",
                                   {"targetId": made["targetId"], "flatten": True}))
        tab = Tab(self, session["sessionId"])
        await tab.call("Runtime.enable")
        await tab.call("Page.enable")
        await tab.call("Page.navigate", url=f"http://{HOST}/")
        while True:  # the old page is asked until it has gone
            try:
                await tab.until("document.querySelector('#state')?.textContent == 'live'")
                return tab
            except AssertionError:
                continue


FIRST = "document.querySelector('li span')?.textContent"


async def pages():
    async with websockets.connect(sys.argv[3], max_size=None) as socket:
        browser = Browser(socket)
        one, two = await browser.tab(), await browser.tab()
        before = await two.texts()
        assert before and before == await one.texts()
        ok("the page shows what is there, in two tabs")
        text = "<b>typed</b> ☃ & more"
        await one.run("document.querySelector('input').focus()")
        await one.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            await one.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter",
                           windowsVirtualKeyCode=13, text="\r" if kind == "keyDown" else "")
        for tab in (two, one):
            await tab.until(f"{FIRST} == {json.dumps(text)}")
        ok("what is typed in one is seen in the other")
        assert await two.run("document.querySelector('li b')") is None
        assert await one.run("document.querySelector('input').value") == ""
        ok("it is text")
        await two.run("document.querySelector('li button').click()")
        await one.until(f"{FIRST} == 'changed by the page'")
        ok("a change is seen")
        assert ask("GET", "/notes")[0]["text"] == "changed by the page"
        ok("and kept")
        await two.run("document.querySelector('li button:last-child').click()")
        for tab in (one, two):
            await tab.until(f"{FIRST} == {json.dumps(before[0])}")
        assert await one.texts() == before
        ok("and so is its end")
        print("again", flush=True)
        for tab in (one, two):
            await tab.until("document.querySelector('#state').textContent != 'live'")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for tab in (one, two):
            await tab.until("document.querySelector('#state').textContent == 'live'")
            assert await tab.texts() == before
        ok("both are connected again when the program was killed and is back")
        ask("POST", "/notes", "after all")
        await two.until(f"{FIRST} == 'after all'")
        ok("and live")
        assert not browser.wrong, browser.wrong
        ok("no script has failed")


try:
    asyncio.run(live() if sys.argv[1] == "live" else pages())
except Exception as error:
    print("FAILED:", repr(error), flush=True)
    raise SystemExit(1)
