"""The application of these tests for ASGI servers, with a WebSocket that sends back what comes."""
import hashlib
import os
from urllib.parse import parse_qs

COLOR = os.environ["COLOR"].encode()


def pattern(count):
    return (b"0123456789abcdef" * (count // 16 + 1))[:count]


async def body_of(receive):
    sum, count = hashlib.sha256(), 0
    while True:
        event = await receive()
        sum.update(event.get("body", b""))
        count += len(event.get("body", b""))
        if not event.get("more_body"):
            return b"bytes=%d sha256=%s" % (count, sum.hexdigest().encode())


async def websocket(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept", "headers": [(b"x-color", COLOR)]})
        elif event["type"] == "websocket.receive":
            kind = "text" if event.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: event[kind]})
        else:
            return


async def stream(send, count):
    body = pattern(count)
    for at in range(0, count, 10000):
        await send({"type": "http.response.body", "body": body[at : at + 10000], "more_body": True})
    await send({"type": "http.response.body"})


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        return await websocket(receive, send)
    if scope["type"] != "http":
        return None
    path, query = scope["path"], parse_qs(scope["query_string"].decode())
    count = int(query.get("n", ["0"])[0])
    fields = [(b"x-color", COLOR), (b"content-type", b"text/plain")]
    status = 200
    if path == "/bytes" or path == "/stream":
        body = pattern(count)
    elif path == "/echo":
        body = await body_of(receive)
    elif path == "/status":
        status = int(query["code"][0])
        body = b"" if status in (204, 302) else b"status %d" % status
        if status == 302:
            host = dict(scope["headers"]).get(b"host", b"")
            fields.append((b"location", b"http://%s/elsewhere" % host))
    elif path == "/cookies":
        body = b"two"
        fields += [
            (b"set-cookie", b"a=1; Path=/"),
            (b"set-cookie", b"b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT"),
        ]
    elif path == "/fields":
        body = b"".join(b"%s=%s\n" % field for field in sorted(scope["headers"]))
        body += b"scheme=%s\n" % scope["scheme"].encode()
    else:
        status, body = 404, b"nothing here"
    if path != "/stream" and status != 204:
        fields.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    if path == "/stream":
        return await stream(send, count)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
