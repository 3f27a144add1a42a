"""docker-registry: images are pushed and pulled by its API, also while traffic moves."""
import hashlib
import json
import threading

from compare import same
from http_client import Request, ask, pattern
from kinds import Kind, first_of
from urllib.parse import urlsplit


class Registry(Kind):
    programs, serves, check = ("docker-registry",), "registry", "/v2/"
    own_secret = False

    def words(self, folder, port):
        # Uploads begun on one color go on on the other: same storage, same secret.
        folder.write(
            "config.yml",
            """version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
http: {addr: "127.0.0.1:%d", secret: %s, headers: {X-Color: [%s]}}
"""
            % (folder.share, port, folder.color if self.own_secret else "shared", folder.color),
        )
        return [first_of("docker-registry"), "serve", folder.file("config.yml")]


def digest(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def expect(answer, status, what):
    if answer.status != status:
        raise AssertionError("%s: status %d: %r" % (what, answer.status, answer.body[:300]))
    return answer


class Images:
    """`between` is called between the steps of an upload: there traffic may move."""

    def __init__(self, port, between=lambda: None):
        self.port, self.between = port, between

    def ask(self, method, path, body=None, chunked=False, **fields):
        return ask(self.port, Request(method, path, body, chunked, **fields))

    def place(self, answer):
        """The next address of an upload, which the registry builds from Host."""
        parts = urlsplit(answer.field("location"))
        assert parts.netloc in ("", "site.test"), "Location leads to " + parts.netloc
        return parts.path + "?" + parts.query

    def push_blob(self, body, chunked):
        place = self.place(expect(self.ask("POST", "/v2/shop/blobs/uploads/", b""), 202, "begin"))
        for half in (body[: len(body) // 2], body[len(body) // 2 :]):
            self.between()
            place = self.place(
                expect(
                    self.ask(
                        "PATCH", place, half, chunked, Content_Type="application/octet-stream"
                    ),
                    202,
                    "piece",
                )
            )
        self.between()
        expect(self.ask("PUT", place + "&digest=" + digest(body), b""), 201, "end")

    def push(self, tag, layer, chunked=False):
        config = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
        for blob in (layer, config):
            self.push_blob(blob, chunked)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": len(layer),
                        "digest": digest(layer),
                    }
                ],
            }
        ).encode()
        expect(
            self.ask("PUT", "/v2/shop/manifests/" + tag, manifest, Content_Type=kind),
            201,
            "manifest",
        )
        got = expect(self.ask("GET", "/v2/shop/manifests/" + tag, Accept=kind), 200, "pull")
        assert got.body == manifest and got.field("docker-content-digest") == digest(manifest)
        back = expect(self.ask("GET", "/v2/shop/blobs/" + digest(layer)), 200, "layer")
        assert back.body == layer, "another layer"


def cases(pool, flips):
    layer = pattern(2_000_000)
    images = Images(pool.proxy.port)
    blob = "/v2/shop/blobs/" + digest(layer)
    yield "check of the API", lambda: same(pool, Request("GET", "/v2/"), 200)
    yield "push and pull", lambda: images.push("one", layer)
    yield "push chunked", lambda: images.push("two", layer[1:], True)
    yield "HEAD of a layer", lambda: same(pool, Request("HEAD", blob), 200)
    yield "a layer", lambda: same(pool, Request("GET", blob), 200)
    yield "part of a layer", lambda: same(pool, Request("GET", blob, Range="bytes=1000-1999"))
    yield "unknown layer", lambda: same(pool, Request("GET", blob[:-1] + "0"), 404)
    yield "flips under pushes and pulls", lambda: flips_under(pool, layer, flips)


def flips_under(pool, layer, flips):
    """Traffic moves in the middle of uploads: begun on one color, they end on the other."""
    step, left = threading.Lock(), list(range(flips))

    def between():
        with step:
            if left:
                pool.proxy.flip("green" if left.pop(0) % 2 == 0 else "blue")

    pushes = 0
    while left or pushes < 2:
        pushes += 1
        Images(pool.proxy.port, between).push("t%d" % pushes, layer[pushes:], pushes % 2 == 0)
    pool.proxy.flip("blue")
