"""Traffic on kept connections while it is moved: nothing may fail, nothing be stale."""
import itertools
import threading
import time

from compare import length_and_sum
from http_client import Client, Request, pattern

CLIENTS = 4
ANSWERS = 30  # of the new color, before the next flip
SECONDS = 60  # the longest wait for them


class Traffic:
    """CLIENTS threads; each sends `requests` in turn, and each answer has to name its color.

    A request is (Request, check), where check(answer) returns the color that answered or raises.
    """

    def __init__(self, port, requests):
        self.port, self.requests = port, requests
        self.changed = threading.Condition()
        self.stopping = False
        self.epochs = itertools.count(1)
        self.active = (
            0,
            "blue",
        )  # counted, so that a color that came back is told from one that stayed
        self.answered = {"blue": 0, "green": 0}
        self.failures = []
        self.threads = [threading.Thread(target=self._client, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def _client(self, turn):
        client = Client(self.port)
        while not self.stopping:
            request, check = self.requests[turn % len(self.requests)]
            turn += 1
            began, fault, color = self.active, None, None
            try:
                color = check(client.send(request))
            except Exception as wrong:  # any failure of any kind is what is counted here
                fault = "%s: %s: %s" % (request, type(wrong).__name__, wrong)
                client.close()
            with self.changed:
                # No flip since before the request was sent: only the active color may answer.
                if fault is None and began is not None and self.active is began:
                    if color != began[1]:
                        fault = "%s: answered by %s, active is %s" % (request, color, began[1])
                if fault is not None:
                    self.failures.append(fault)
                else:
                    self.answered[color] += 1
                self.changed.notify_all()
        client.close()

    def flip(self, proxy, color):
        self.active = None  # while it is under way, both may answer
        proxy.flip(color)
        with self.changed:
            self.active = (next(self.epochs), color)

    def wait_for(self, color, count):
        limit = time.monotonic() + SECONDS
        with self.changed:
            before = self.answered[color]
            while self.answered[color] < before + count and not self.failures:
                left = limit - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError("only %d answers of %s" % (self.answered[color], color))


def flip_under(pool, requests, flips, answers=ANSWERS):
    """Returns how many requests were answered; raises when one failed."""
    with Traffic(pool.proxy.port, requests) as traffic:
        traffic.wait_for("blue", answers)
        for number in range(flips):
            color = "green" if number % 2 == 0 else "blue"
            traffic.flip(pool.proxy, color)
            traffic.wait_for(color, answers)
        if flips % 2 == 1:
            traffic.flip(pool.proxy, "blue")
    if traffic.failures:
        raise AssertionError(
            "%d of %d failed, first: %s"
            % (
                len(traffic.failures),
                len(traffic.failures) + sum(traffic.answered.values()),
                traffic.failures[0],
            )
        )
    return sum(traffic.answered.values())


def color_of(answer, body=None):
    if answer.status != 200:
        raise AssertionError("status %d: %r" % (answer.status, answer.body[:200]))
    if body is not None and answer.body.strip() != body:
        raise AssertionError("another body: %r" % answer.body[:100])
    return answer.field("x-color")


def application_requests():
    small, large = pattern(2000), pattern(200000)
    return [
        (Request("GET", "/bytes?n=1000"), lambda a: color_of(a, pattern(1000))),
        (Request("POST", "/echo", small), lambda a: color_of(a, length_and_sum(small).encode())),
        (Request("GET", "/stream?n=50000"), lambda a: color_of(a, pattern(50000))),
        (Request("POST", "/echo", large), lambda a: color_of(a, length_and_sum(large).encode())),
    ]


def static_requests():
    return [
        (Request("GET", "/page.html"), color_of),
        (Request("GET", "/big.bin", Range="bytes=100-60099"), ranged),
        (Request("GET", "/page.html", Accept_Encoding="gzip"), color_of),
    ]


def ranged(answer):
    if answer.status != 206 or len(answer.body) != 60000:
        raise AssertionError("status %d, %d bytes" % (answer.status, len(answer.body)))
    return answer.field("x-color")
