"""What is measured: the rows, and the lines of the table each of them gives, with bar and goal.

A bar on a ratio is against the better of nginx and HAProxy in the same rounds; a bar on a value is
absolute. The numbers are the project's own (docs/performance.md explains them).
"""
from dataclasses import dataclass, field

PEERS = ("nginx", "haproxy", "haproxy_splice")
COMMON = ("switchback", "nginx", "haproxy")
WITH_FLOOR = COMMON + ("floor",)
WITH_SPLICE = COMMON + ("haproxy_splice", "floor")
LOW_RATE = 4000


@dataclass(frozen=True)
class Line:
    """One line of the table: a metric of a row's samples."""
    metric: str
    unit: str
    bar: float = None
    goal: float = None
    more_is_better: bool = False
    absolute: bool = False   # bar and goal are for our value, not for the ratio


@dataclass(frozen=True)
class Row:
    name: str
    label: str
    section: str
    lines: tuple
    kind: str = "load"         # which measure of measures.py takes it
    variant: str = "plain"     # how the proxies are started
    port: str = "plain"        # or p256, rsa: TLS with that certificate
    proxies: tuple = WITH_FLOOR
    quick: bool = False        # also in --quick
    load: dict = field(default_factory=dict)

    def takes(self, proxy):
        """Whether this proxy is measured in this row; a second switchback is wherever the first is."""
        return proxy in self.proxies or (proxy == "against" and "switchback" in self.proxies)


def cpu(bar, goal):
    return Line("cpu_us", "CPU µs/req", bar, goal)


RPS = Line("rps", "req/s", more_is_better=True)
GB = Line("gb_per_cpu_s", "GB/CPU-s", more_is_better=True)
SATURATED = "at saturation (64 connections; 1 MiB: 32)"
TLS = "TLS 1.3 at saturation"
LOW = f"at {LOW_RATE:,} requests/s (open loop)"
MEMORY = "memory"
INSIDE = "inside"


def plain(name, label, bar, goal, *lines, proxies=WITH_FLOOR, quick=False, **load):
    return Row(name, label, SATURATED, (cpu(bar, goal), *lines), proxies=proxies, quick=quick,
               load=load)


def tls(name, label, bar, goal, *lines, port="p256", quick=False, **load):
    return Row(name, label, TLS, (cpu(bar, goal), *lines), port=port, proxies=COMMON + ("h2o",),
               quick=quick, load=load)


def low(name, label, port="plain", proxies=WITH_FLOOR, variant="plain", quick=False, **load):
    lines = (cpu(1.0, 0.8), Line("added_p50_us", "added p50 µs", 1.0, 0.7),
             Line("added_p99_us", "added p99 µs"))
    return Row(name, label, LOW, lines, port=port, proxies=proxies, variant=variant, quick=quick,
               load=dict(load, rate=LOW_RATE))


def allocations(name, label, path, quick=False):
    lines = (Line("allocations", "heap allocs/req", 0, 0, absolute=True),)
    return Row(name, label, INSIDE, lines, kind="allocations", variant="allocations",
               proxies=COMMON, quick=quick, load={"path": path})


def post(size):
    return {"method": "POST", "body": size, "path": "/0"}


ROWS = (
    plain("0", "0 B", 0.9, 0.7, RPS, path="/0", quick=True),
    plain("1k", "1 KiB", 0.9, 0.7, RPS, path="/1k", proxies=WITH_FLOOR + ("h2o",), quick=True),
    plain("64k", "64 KiB", 0.9, 0.65, GB, path="/64k", proxies=WITH_SPLICE, quick=True),
    plain("1m", "1 MiB", 1.0, 0.85, GB, path="/1m", connections=32, proxies=WITH_SPLICE,
          quick=True),
    plain("chunked64k", "64 KiB chunked", 0.9, 0.65, path="/chunked64k"),
    plain("post1k", "POST 1 KiB", 0.9, 0.7, **post(1024)),
    plain("post64k", "POST 64 KiB", 0.9, 0.65, proxies=WITH_SPLICE, **post(65536)),
    plain("post1m", "POST 1 MiB", 1.0, 0.85, GB, proxies=WITH_SPLICE, connections=32,
          **post(1048576)),
    plain("close", "1 KiB, new connection each", 1.0, 0.8, RPS, path="/1k", close=True,
          proxies=COMMON, quick=True),
    Row("log1k", "1 KiB, JSON access log", SATURATED, (cpu(0.9, 0.7),), variant="log",
        proxies=COMMON, quick=True, load={"path": "/1k"}),
    tls("tls1k", "1 KiB, keep-alive", 1.0, 0.8, RPS, path="/1k", quick=True),
    tls("tls64k", "64 KiB, keep-alive", 1.0, 0.8, GB, path="/64k", quick=True),
    tls("hs-p256", "full handshake P-256", 1.0, 0.9, RPS, path="/0", close=True, quick=True),
    tls("hs-rsa", "full handshake RSA-2048", 1.0, 0.9, RPS, port="rsa", path="/0", close=True,
        quick=True),
    tls("hs-resumed", "resumed handshake (P-256)", 1.0, 0.9, RPS, path="/0", close=True,
        resume=True, quick=True),
    tls("hs-resumed-rsa", "resumed handshake (RSA)", 1.0, 0.9, RPS, port="rsa", path="/0",
        close=True, resume=True),
    low("low-0", "0 B", path="/0"),
    low("low-1k", "1 KiB", path="/1k", quick=True),
    low("low-64k", "64 KiB", path="/64k"),
    low("low-post1k", "POST 1 KiB", **post(1024)),
    low("low-log1k", "1 KiB, JSON access log", variant="log", proxies=COMMON, path="/1k"),
    low("low-close", "1 KiB, new connection each", proxies=COMMON, path="/1k", close=True),
    low("low-tls1k", "1 KiB, TLS keep-alive", port="p256", proxies=COMMON + ("h2o",), path="/1k"),
    Row("half-1k", "1 KiB", "at half load (half of what the better peer carries; open loop)",
        (cpu(None, None), Line("added_p50_us", "added p50 µs", 1.0, 0.7),
         Line("added_p99_us", "added p99 µs")), quick=True, load={"path": "/1k", "rate": "half"}),
    Row("idle", "idle connection", MEMORY,
        (Line("bytes_per_connection", "B/conn", 4096, 614, absolute=True),), kind="idle",
        variant="fresh", quick=True),
    Row("idle-tls", "idle TLS connection", MEMORY,
        (Line("bytes_per_connection", "B/conn", 16384, 8192, absolute=True),), kind="idle",
        variant="fresh", port="p256", proxies=COMMON + ("h2o",)),
    Row("stalled", "1 GiB, reader stopped", MEMORY,
        (Line("bytes_per_stream", "B/stream", 1048576, 262144, absolute=True),), kind="stalled",
        variant="fresh", proxies=COMMON, load={"path": "/1g"}),
    Row("scale", "two workers for one, 1 KiB", "scaling (see the note below)",
        (Line("gain", "req/s ratio", more_is_better=True), Line("growth", "CPU ratio"),
         Line("share", "busier worker")), kind="scale", variant="none", proxies=COMMON,
        load={"path": "/1k"}),
    Row("syscalls-1", "1 connection", INSIDE, (Line("calls", "syscalls/req"),), kind="syscalls",
        load={"path": "/1k", "connections": 1}),
    Row("syscalls-64", "64 connections", INSIDE, (Line("calls", "syscalls/req"),), kind="syscalls",
        load={"path": "/1k"}, quick=True),
    allocations("allocations", "1 KiB", "/1k", quick=True),
    allocations("allocations-64k", "64 KiB", "/64k"),
)
BY_NAME = {row.name: row for row in ROWS}


def chosen(only, quick):
    """The rows to run, in the table's order; raises KeyError with the name that is not there."""
    if only:
        for name in only:
            if name not in BY_NAME:
                raise KeyError(name)
        return [row for row in ROWS if row.name in only]
    return [row for row in ROWS if row.quick or not quick]
