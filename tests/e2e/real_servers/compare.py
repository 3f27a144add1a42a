"""One request straight to the server and one through switchback: is the answer the same?"""
import hashlib

from http_client import Client, Request, ask, pattern


def differences(direct, passed):
    found = []
    if direct.status != passed.status:
        found.append("status %d, through switchback %d" % (direct.status, passed.status))
    if direct.sum() != passed.sum():
        found.append(
            "body %s (%d bytes), through switchback %s (%d bytes)"
            % (direct.sum(), len(direct.body), passed.sum(), len(passed.body))
        )
    straight, through = direct.compared(), passed.compared()
    found += ["field lost: %s: %s" % one for one in straight if one not in through]
    found += ["field added: %s: %s" % one for one in through if one not in straight]
    return found


def same(pool, request, status=None):
    """Raises AssertionError unless both ways give the same answer (and this status)."""
    direct = ask(pool.blue, request)
    passed = ask(pool.proxy.port, request)
    found = differences(direct, passed)
    if status is not None and passed.status != status:
        found.append("status %d expected" % status)
    if found:
        raise AssertionError("; ".join(found))
    return passed


def length_and_sum(body):
    return "bytes=%d sha256=%s" % (len(body), hashlib.sha256(body).hexdigest())


def static_cases(pool):
    """What every server of files does: /page.html (text, 100 kB), /big.bin (5 MB)."""

    def conditional(field, of):
        value = ask(pool.blue, Request("GET", "/page.html")).field(of)
        assert value, "no " + of
        return Request("GET", "/page.html", **{field: value})

    def resumed():
        tag = ask(pool.blue, Request("GET", "/big.bin")).field("etag")
        same(pool, Request("GET", "/big.bin", Range="bytes=4000000-", If_Range=tag), 206)
        same(pool, Request("GET", "/big.bin", Range="bytes=4000000-", If_Range='"other"'), 200)

    big = "/big.bin"
    yield "GET", lambda: same(pool, Request("GET", "/page.html"), 200)
    yield "HEAD", lambda: same(pool, Request("HEAD", "/page.html"), 200)
    yield "GET 5 MB", lambda: same(pool, Request("GET", big), 200)
    yield "404", lambda: same(pool, Request("GET", "/missing"), 404)
    yield "POST to a file", lambda: same(pool, Request("POST", "/page.html", b"a=1"))
    yield "range", lambda: same(pool, Request("GET", big, Range="bytes=100-4099"), 206)
    yield "two ranges", lambda: same(pool, Request("GET", big, Range="bytes=0-9,100-109"), 206)
    yield "last bytes", lambda: same(pool, Request("GET", big, Range="bytes=-500"), 206)
    yield "range behind the end", lambda: same(
        pool, Request("GET", big, Range="bytes=9000000-"), 416
    )
    yield "If-Range", resumed
    yield "If-None-Match", lambda: same(pool, conditional("If_None_Match", "etag"), 304)
    yield "If-Modified-Since", lambda: same(
        pool, conditional("If_Modified_Since", "last-modified"), 304
    )
    yield "compressed", lambda: compressed(pool)
    yield "keep-alive", lambda: kept(pool, Request("GET", "/page.html"))


def compressed(pool):
    answer = same(pool, Request("GET", "/page.html", Accept_Encoding="gzip"), 200)
    assert answer.field("content-encoding") == "gzip", "not compressed"


def kept(pool, request):
    """Twenty requests over one connection of the client's, whatever the server's side does."""
    client = Client(pool.proxy.port)
    try:
        client.send(request)
        first = client.connection.sock
        for _ in range(19):
            assert client.send(request).status == 200
            assert client.connection.sock is first, "the connection was closed"
    finally:
        client.close()


def echoed(pool, body, chunked=False, known=True):
    answer = same(
        pool, Request("POST", "/echo", body, chunked, Content_Type="application/octet-stream")
    )
    if known:
        assert answer.status == 200, "status %d" % answer.status
        assert answer.body.decode().strip() == length_and_sum(body), answer.body[:200]


def told(pool):
    """What an application is told of the client: Host as it came, and the proxy's own fields."""
    said = ask(pool.proxy.port, Request("GET", "/fields", X_Forwarded_For="9.9.9.9")).body.decode()
    for line in ("host=site.test", "x-forwarded-for=127.0.0.1", "x-forwarded-proto=http"):
        assert line in said.splitlines(), "%s is missing in %r" % (line, said)


def application_cases(pool):
    """What every application of these tests does (README.md has the list)."""

    def exact(path, count):
        answer = same(pool, Request("GET", path % count), 200)
        assert answer.body == pattern(count), "%d bytes" % len(answer.body)

    yield "GET", lambda: exact("/bytes?n=%d", 1000)
    yield "HEAD", lambda: same(pool, Request("HEAD", "/bytes?n=1000"), 200)
    yield "GET 3 MB", lambda: exact("/bytes?n=%d", 3000000)
    yield "no length", lambda: exact("/stream?n=%d", 300000)
    for code in (204, 302, 404, 500, 503):
        path = "/status?code=%d" % code
        yield str(code), lambda path=path, code=code: same(pool, Request("GET", path), code)
    yield "two cookies", lambda: same(pool, Request("GET", "/cookies"), 200)
    yield "POST", lambda: echoed(pool, pattern(10000))
    yield "POST of nothing", lambda: echoed(pool, b"")
    yield "POST 3 MB", lambda: echoed(pool, pattern(3000000))
    yield "POST chunked", lambda: echoed(pool, pattern(200000), True, pool.kind.reads_chunked)
    yield "DELETE", lambda: same(pool, Request("DELETE", "/status?code=404"))
    yield "forwarding fields", lambda: told(pool)
    yield "keep-alive", lambda: kept(pool, Request("GET", "/bytes?n=100"))
