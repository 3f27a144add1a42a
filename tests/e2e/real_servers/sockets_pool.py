"""Servers that switch protocols: WebSocket (ws, uvicorn) and socket.io."""
import os
import subprocess
import threading

from app_servers import Node
from kinds import NODE, first_of
from pool import Pool

SECONDS = 90


class Ws(Node):
    script, serves = "ws.js", "websocket"


class SocketIo(Node):
    script, serves = "socketio.js", "socketio"


class Script:
    """A client: says "first" once, goes on when it is told, ends with a line of figures."""

    def __init__(self, kind, script, *words):
        self.process = subprocess.Popen(
            [first_of("node"), os.path.join(NODE, script), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, **kind.environment("")),
            text=True,
        )
        self.timer = threading.Timer(SECONDS, self.process.kill)
        self.timer.start()
        self.first = self.process.stdout.readline().strip()
        if self.first != "first":
            raise AssertionError("%s: %s %s" % (script, self.first, self.finish()[1]))

    def finish(self):
        said = self.process.communicate("go on\n")[0]
        self.timer.cancel()
        return self.process.returncode, said.strip()

    def figures(self):
        code, said = self.finish()
        if code != 0:
            raise AssertionError("exit %d: %s" % (code, said))
        return dict(word.split("=", 1) for word in said.splitlines()[-1].split())


def websocket(pool, deflate, flip):
    """140 messages of up to 300 kB; with `flip` traffic moves after the first, not the tunnel."""
    color = pool.proxy.active()
    client = Script(
        pool.kind, "ws_client.js", pool.proxy.port, 140, "deflate" if deflate else "plain"
    )
    if flip:
        pool.proxy.flip("green" if color == "blue" else "blue")
    figures = client.figures()
    assert figures["messages"] == "140" and figures["color"] == color, figures
    return figures


def websocket_cases(pool, flips):
    def deflated(flip):
        figures = websocket(pool, True, flip)
        assert figures["extensions"] == "permessage-deflate", figures

    yield "WebSocket", lambda: websocket(pool, False, False)
    if pool.kind.serves == "websocket":
        yield "permessage-deflate", lambda: deflated(False)
        for number in range(min(flips, 4)):
            yield "permessage-deflate over flip %d" % (number + 1), lambda: deflated(True)
    else:
        yield "WebSocket over a flip", lambda: websocket(pool, False, True)


def socketio(pool, transports, flip=False, cookie=""):
    """60 acknowledged messages; with `flip` traffic moves after the first."""
    color = pool.proxy.active()
    client = Script(pool.kind, "socketio_client.js", pool.proxy.port, 60, transports, cookie)
    if flip:
        pool.proxy.flip("green" if color == "blue" else "blue")
    figures = client.figures()
    assert figures["messages"] == "60", figures
    return figures


def socketio_cases(pool, program, flips):
    def unmoved(transports, last):
        figures = socketio(pool, transports)
        assert figures["errors"] == "0" and figures["transport"] == last, figures

    def over_a_flip():
        # The new color does not know the session: one answer of 400, a new session, nothing lost.
        figures = socketio(pool, "polling", True)
        assert figures["connections"] == "2" and "," in figures["colors"], figures

    def tunnel_over_a_flip():
        figures = socketio(pool, "websocket", True)
        assert figures["errors"] == "0" and "," not in figures["colors"], figures

    yield "polling", lambda: unmoved("polling", "polling")
    yield "WebSocket", lambda: unmoved("websocket", "websocket")
    yield "polling, then WebSocket", lambda: unmoved("polling,websocket", "websocket")
    for number in range(min(flips, 3)):
        yield "polling over flip %d" % (number + 1), over_a_flip
    yield "WebSocket over a flip", tunnel_over_a_flip
    yield "two servers, hashed by a cookie", lambda: hashed(pool, program)


def hashed(pool, program):
    """A session's polling needs one server; a cookie that is there before the session keeps it."""
    with Pool(program, pool.kind, each=2, more="    balance: { hash: cookie visitor }\n") as two:
        for visitor in range(4):
            figures = socketio(two, "polling", cookie="visitor=%d" % visitor)
            assert figures["errors"] == "0", figures
