"""What docs/servers.md says, sentence by sentence, on the servers it speaks of."""
import json
import os
import ssl
import threading

from compare import length_and_sum
from http_client import Client, Request, ask, pattern
from app_servers import Gunicorn, Node, Puma, Tomcat, Uvicorn, Uwsgi
from file_servers import Apache, Nginx
from pool import Pool
from processes import Folder, run
from proxy import Proxy
from registry_pool import Registry, expect
from sockets_pool import Script, SocketIo


class Strict(Nginx):
    """Knows one name, and refuses every other as Django, Rails and virtual hosts do."""

    check = "/page.html"

    def words(self, folder, port):
        folder.write("site/page.html", "here")
        Nginx.configure(
            folder,
            """
    server { listen 127.0.0.1:%d default_server; return 421; }
    server { listen 127.0.0.1:%d; server_name site.test; root %s; }"""
            % (port, port, folder.file("site")),
        )
        return super().command(folder)


class Django(Gunicorn):
    application, check = "django_site:application", "/fields"


class OverHttps(Apache):
    """mod_dav compares Destination's scheme with its own; this line makes them agree."""

    directives = "RequestHeader edit Destination ^https: http: early\n"


def gzip_and_via(program):
    page = Request("GET", "/page.html", Accept_Encoding="gzip")
    off = Nginx("nginx-gzip", gzip_proxied="off")
    for more, compressed in (("", False), ("    forwarded: { via: false }\n", True)):
        with Pool(program, off, more=more) as pool:
            assert ask(pool.blue, page).field("content-encoding") == "gzip", "not even directly"
            coding = ask(pool.proxy.port, page).field("content-encoding")
            assert (coding == "gzip") == compressed, "%s: content-encoding is %s" % (more, coding)


def known_host(program, kind, target, refusal):
    """Without `health_check.host` the check asks for an address, which the server refuses."""
    with Pool(program, kind, wait=False) as pool:
        pool.proxy.process.wait_until(
            lambda: all(str(refusal) in server["reason"] for server in pool.proxy.servers()),
            "the check is not refused",
        )
        assert not pool.proxy.healthy()
    with Pool(program, kind, check_more="host: site.test, ") as pool:
        expect(ask(pool.proxy.port, Request("GET", target)), 200, "a request")


def destination(program):
    over_tls = "https://site.test/dav/"
    with Pool(program, Apache("apache-dav")) as pool:
        port = pool.proxy.port
        expect(ask(port, Request("PUT", "/dav/a.txt", b"text")), 201, "PUT")
        refused = ask(port, Request("MOVE", "/dav/a.txt", Destination=over_tls + "b.txt"))
        assert refused.status >= 400, "Apache takes it as it is: %d" % refused.status
    with Pool(program, OverHttps("apache-dav-https")) as pool:
        port = pool.proxy.port
        expect(ask(port, Request("PUT", "/dav/a.txt", b"text")), 201, "PUT")
        expect(
            ask(port, Request("MOVE", "/dav/a.txt", Destination=over_tls + "b.txt")), 201, "MOVE"
        )


def chunked_to_wsgi(program):
    """uWSGI gives a request without a length to the application as one without a body."""
    upload = Request("POST", "/echo", pattern(20000), True)
    with Pool(program, Uwsgi("uwsgi-plain", reads="")) as pool:
        for port in (pool.blue, pool.proxy.port):
            assert ask(port, upload).body == length_and_sum(b"").encode(), "a body after all"


def ends_unsaid(program):
    """uWSGI closes behind each answer without a word. Once that is known, no POST is lost."""
    with Pool(program, Uwsgi("uwsgi-unsaid", options=())) as pool:
        for _ in range(40):  # a connection each, so that both workers of switchback come to know it
            expect(ask(pool.proxy.port, Request("GET", "/bytes?n=1")), 200, "GET")
        lost = []

        def posts():
            client = Client(pool.proxy.port)
            for _ in range(200):
                status = client.send(Request("POST", "/echo", b"x" * 2000)).status
                if status != 200:
                    lost.append(status)
            client.close()

        threads = [threading.Thread(target=posts) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not lost, "%d of 800 POSTs were lost: %s" % (len(lost), set(lost))


def told_apart(program, kind, ports):
    """The busy blue server passes a connect as its check, and fails one that has a path."""
    Proxy(program, *ports).end()  # it comes back when both are healthy
    asks = Proxy(program, *ports, check=kind.check, timeout="100ms", wait=False)
    try:
        asks.process.wait_until(
            lambda: [server["healthy"] for server in asks.servers()] == [False, True],
            "the busy one is not told from the idle one",
        )
    finally:
        asks.end()


def busy_worker(program):
    """One busy sync worker: the kernel answers a connect, a request waits behind it."""
    one = Gunicorn("gunicorn-one", workers=1)
    folder = Folder("pipe")
    pipe = folder.file("pipe")
    os.mkfifo(pipe)
    try:
        with Pool(program, one) as pool:
            answers = []
            held = threading.Thread(
                target=lambda: answers.append(
                    ask(pool.proxy.port, Request("GET", "/wait?pipe=" + pipe))
                )
            )
            held.start()
            with open(pipe, "wb") as end:  # the worker has opened its side: it is busy from here on
                ports = [[server.port] for server in pool.servers]
                try:
                    told_apart(program, one, ports)
                finally:
                    end.write(b"done")
            held.join()
            assert answers and answers[0].body == b"done"
    finally:
        folder.remove()


def another_secret(program):
    """An upload that moves to a registry with another `http.secret` ends there."""
    share = Folder("images")
    try:
        with Pool(program, Registry("registry-secrets", own_secret=True), share.path) as pool:
            begun = expect(
                ask(pool.proxy.port, Request("POST", "/v2/shop/blobs/uploads/", b"")), 202, "begin"
            )
            place = begun.field("location").split("site.test", 1)[1]
            pool.proxy.flip("green")
            piece = ask(
                pool.proxy.port,
                Request("PATCH", place, b"x" * 1000, Content_Type="application/octet-stream"),
            )
            assert piece.status >= 400, "status %d" % piece.status
    finally:
        share.remove()


def registry_location(program):
    """The registry says where an upload goes on, by Host and X-Forwarded-Proto."""
    share, keys = Folder("images"), Folder("certificate")
    try:
        certificate(keys)
        with Pool(program, Registry("registry-tls"), share.path, certificate=keys.path) as pool:
            client = secure(pool.proxy.secure_port)
            begun = expect(
                client.send(Request("POST", "/v2/shop/blobs/uploads/", b"")), 202, "begin"
            )
            client.close()
            assert begun.field("location").startswith("https://site.test/"), begun.field("location")
    finally:
        share.remove()
        keys.remove()


def polling_without_hash(program):
    """Two servers of socket.io, and nothing that keeps a session's requests on one of them."""
    kind = SocketIo("socket.io-two")
    with Pool(program, kind, each=2, more="    balance: round_robin\n") as two:
        polling = "/socket.io/?EIO=4&transport=polling"
        begun = expect(ask(two.proxy.port, Request("GET", polling)), 200, "handshake")
        session = json.loads(begun.body[1:])["sid"]
        went = [
            ask(two.proxy.port, Request("GET", polling + "&sid=" + session)).status
            for _ in range(4)
        ]
        assert 400 in went, "every request reached the session's server: %s" % went


def tunnel_over_its_drain(program):
    """A client of socket.io whose tunnel is ended by the drain goes on at the new color."""
    kind = SocketIo("socket.io-drain")
    with Pool(program, kind, more="    drain: { websocket: 100ms }\n") as pool:
        client = Script(kind, "socketio_client.js", pool.proxy.port, 60, "websocket")
        pool.proxy.flip("green", "drained")
        figures = client.figures()
        assert figures["messages"] == "60" and figures["colors"] == "blue,green", figures


def secure(port):
    client = Client(port)
    context = ssl._create_unverified_context()  # the certificate of this run, made a moment ago
    client.connection.connect()
    client.connection.sock = context.wrap_socket(
        client.connection.sock, server_hostname="site.test"
    )
    return client


def certificate(folder):
    made = run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=site.test",
            "-addext",
            "subjectAltName=DNS:site.test",
            "-keyout",
            folder.file("key.pem"),
            "-out",
            folder.file("cert.pem"),
        ]
    )
    assert made[0] == 0, made[1]


def scheme(program, kind, expected):
    """What the application takes for the scheme of a request that came by HTTPS."""
    folder = Folder("certificate")
    try:
        certificate(folder)
        known = "host: site.test, " if kind.name == "django" else ""
        with Pool(program, kind, certificate=folder.path, check_more=known) as pool:
            client = secure(pool.proxy.secure_port)
            said = client.send(Request("GET", "/fields", X_Forwarded_Proto="http")).body.decode()
            client.close()
            assert "scheme=%s" % expected in said.splitlines(), said
            lied = ask(
                pool.proxy.port, Request("GET", "/fields", X_Forwarded_Proto="https")
            ).body.decode()
            assert "scheme=http" in lied.splitlines(), lied
    finally:
        folder.remove()


SCHEMES = (
    (Gunicorn("gunicorn"), "https"),
    (Gunicorn("gunicorn-distrust", options=("--forwarded-allow-ips", "192.0.2.1")), "http"),
    (Uvicorn("uvicorn"), "https"),
    (Django("django"), "https"),
    (Puma("puma"), "https"),
    (Node("express", script="express.js"), "https"),
    (Tomcat("tomcat"), "http"),
    (
        Tomcat(
            "tomcat-valve",
            valve='<Valve className="org.apache.catalina.valves.RemoteIpValve" '
            'protocolHeader="X-Forwarded-Proto"/>',
        ),
        "https",
    ),
    (Uwsgi("uwsgi"), "https"),
)


def cases(program):
    yield "nginx: gzip_proxied and Via", lambda: gzip_and_via(program)
    yield "Host of checks: a virtual host", lambda: known_host(
        program, Strict("strict"), "/page.html", 421
    )
    yield "Host of checks: Django", lambda: known_host(program, Django("django"), "/fields", 400)
    yield "Apache: Destination behind TLS", lambda: destination(program)
    yield "uWSGI: chunked uploads", lambda: chunked_to_wsgi(program)
    yield "uWSGI: connections that end unsaid", lambda: ends_unsaid(program)
    yield "gunicorn: checks and a busy worker", lambda: busy_worker(program)
    yield "docker-registry: another secret", lambda: another_secret(program)
    yield "docker-registry: Location behind TLS", lambda: registry_location(program)
    yield "socket.io: polling on two servers", lambda: polling_without_hash(program)
    yield "socket.io: a tunnel over its drain", lambda: tunnel_over_its_drain(program)
    for kind, expected in SCHEMES:
        yield "scheme: " + kind.name, lambda kind=kind, expected=expected: scheme(
            program, kind, expected
        )
