"""A client that sends exactly what it is told and keeps the fields of the answer as they came."""
import hashlib
import http.client
import re

SECONDS = 60
PIECE = 7000  # bytes of one chunk of a chunked request

# Fields that an intermediary writes itself, or that differ between any two requests.
OF_THE_HOP = {"via", "date", "connection", "keep-alive", "transfer-encoding", "x-request-id"}


def pattern(count):
    """The bytes that all applications of these tests serve."""
    return (b"0123456789abcdef" * (count // 16 + 1))[:count]


class Request:
    """`chunked` sends the body without a length, in chunks of PIECE bytes."""

    def __init__(self, method, path, body=None, chunked=False, **fields):
        self.method, self.path, self.body, self.chunked = method, path, body, chunked
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}

    def __str__(self):
        how = (
            ""
            if self.body is None
            else " %d bytes%s" % (len(self.body), " chunked" if self.chunked else "")
        )
        more = "".join(" %s: %s" % one for one in self.fields.items())
        return self.method + " " + self.path + how + more


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name), None)

    def sum(self):
        """The body's checksum. The border between the parts of a multipart answer is random."""
        border = re.search(r"boundary=\"?([^\";]+)", self.field("content-type") or "")
        body = self.body.replace(border.group(1).encode(), b"") if border else self.body
        return hashlib.sha256(body).hexdigest()[:16]

    def compared(self):
        """The fields that have to be the same, by name; those of one name keep their order."""
        kept = [
            (name.lower(), re.sub(r"boundary=.*", "boundary", value))
            for name, value in self.fields
            if name.lower() not in OF_THE_HOP
        ]
        return sorted(kept, key=lambda field: field[0])


class Client:
    """One connection, kept as long as the other side keeps it."""

    def __init__(self, port, host="site.test"):
        self.host = host
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)

    def send(self, request):
        c = self.connection
        c.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        c.putheader("Host", self.host)
        for name, value in request.fields.items():
            c.putheader(name, value)
        if request.body is not None and request.chunked:
            c.putheader("Transfer-Encoding", "chunked")
        elif request.body is not None:
            c.putheader("Content-Length", str(len(request.body)))
        c.endheaders()
        if request.body is not None:
            self._send_body(request)
        answer = c.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())

    def _send_body(self, request):
        if not request.chunked:
            self.connection.send(request.body)
            return
        for at in range(0, len(request.body), PIECE):
            piece = request.body[at : at + PIECE]
            self.connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.connection.send(b"0\r\n\r\n")

    def close(self):
        self.connection.close()


def ask(port, request):
    client = Client(port)
    try:
        return client.send(request)
    finally:
        client.close()
