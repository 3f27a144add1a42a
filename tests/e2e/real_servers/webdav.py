"""WebDAV: PUT, MKCOL, COPY, MOVE and DELETE, with Destination as clients write it."""
from http_client import Request, ask, pattern


def cases(pool):
    port = pool.proxy.port

    def done(method, path, statuses, body=None, chunked=False, **fields):
        answer = ask(port, Request(method, path, body, chunked, **fields))
        assert answer.status in statuses, "%s: status %d: %r" % (
            method,
            answer.status,
            answer.body[:200],
        )
        return answer

    def put(chunked):
        name = "/dav/chunked.bin" if chunked else "/dav/whole.bin"
        done("PUT", name, (201, 204), pattern(1_500_000), chunked)
        assert done("GET", name, (200,)).body == pattern(1_500_000)

    def moved():
        done("PUT", "/dav/a.txt", (201, 204), b"text")
        done("COPY", "/dav/a.txt", (201, 204), Destination="http://site.test/dav/b.txt")
        done("MOVE", "/dav/b.txt", (201, 204), Destination="http://site.test/dav/c.txt")
        assert done("GET", "/dav/c.txt", (200,)).body == b"text"
        done("GET", "/dav/b.txt", (404,))
        other = Request("MOVE", "/dav/c.txt", Destination="http://other.test/dav/d.txt")
        if pool.kind.name == "nginx":  # which compares Destination with Host; mod_dav does not
            assert ask(port, other).status >= 400, "moved to another host"
        else:
            done("MOVE", "/dav/c.txt", (201,), Destination=other.fields["Destination"])
            done("MOVE", "/dav/d.txt", (201,), Destination="http://site.test/dav/c.txt")
        done("DELETE", "/dav/c.txt", (204,))

    yield "PUT", lambda: put(False)
    yield "PUT chunked", lambda: put(True)
    yield "MKCOL", lambda: done("MKCOL", "/dav/folder/", (201,))
    yield "COPY, MOVE, DELETE", moved
