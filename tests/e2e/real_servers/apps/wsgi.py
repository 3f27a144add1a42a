"""The application of these tests for WSGI servers (gunicorn, uWSGI)."""
import hashlib
import os
from urllib.parse import parse_qs

COLOR = os.environ["COLOR"]
STATUS = {
    200: "200 OK",
    204: "204 No Content",
    302: "302 Found",
    404: "404 Not Found",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}


def pattern(count):
    return (b"0123456789abcdef" * (count // 16 + 1))[:count]


def body_of(environ):
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if length:
        return stream.read(int(length))
    if environ.get("wsgi.input_terminated"):  # the server decodes chunks itself and knows the end
        return stream.read()
    if environ.get("HTTP_TRANSFER_ENCODING") == "chunked" and "READ_CHUNKS" in os.environ:
        import uwsgi  # what uWSGI offers instead; there is no such module elsewhere

        return b"".join(iter(uwsgi.chunked_read, b""))
    return b""


def application(environ, start_response):
    path = environ["PATH_INFO"]
    query = parse_qs(environ.get("QUERY_STRING", ""))
    count = int(query.get("n", ["0"])[0])
    fields = [("X-Color", COLOR), ("Content-Type", "text/plain")]
    status, pieces = 200, None
    if path == "/stream":
        body = pattern(count)
        pieces = [body[at : at + 10000] for at in range(0, count, 10000)]
    elif path == "/bytes":
        body = pattern(count)
    elif path == "/echo":
        got = body_of(environ)
        body = b"bytes=%d sha256=%s" % (len(got), hashlib.sha256(got).hexdigest().encode())
    elif path == "/wait":  # until somebody writes into this pipe
        with open(query["pipe"][0], "rb") as pipe:
            body = pipe.read()
    elif path == "/status":
        status = int(query["code"][0])
        body = b"" if status in (204, 302) else b"status %d" % status
        if status == 302:
            fields.append(("Location", "http://%s/elsewhere" % environ["HTTP_HOST"]))
    elif path == "/cookies":
        body = b"two"
        fields += [
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT"),
        ]
    elif path == "/fields":
        body = "".join(
            "%s=%s\n" % (name[5:].lower().replace("_", "-"), value)
            for name, value in sorted(environ.items())
            if name.startswith("HTTP_")
        ).encode()
        body += ("scheme=%s\n" % environ["wsgi.url_scheme"]).encode()
    else:
        status, body = 404, b"nothing here"
    if pieces is None and status != 204:
        fields.append(("Content-Length", str(len(body))))
    start_response(STATUS[status], fields)
    return pieces if pieces is not None else [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
