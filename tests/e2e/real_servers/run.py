#!/usr/bin/env python3
"""Real servers behind switchback: run.py --switchback PROGRAM [--all] [--work FOLDER] [NAME]...

Without --all (or SWITCHBACK_REAL_SERVERS=all) only the servers that install small are run. A line
for each case; the last line counts. Exit 1 when one failed.
"""
import argparse
import os
import sys
import time

import advice
import compare
import flips
import git_pool
import node_modules
import registry_pool
import sockets_pool
import webdav
from app_servers import Gunicorn, Node, Php, PhpFpm, Puma, Tomcat, Uvicorn, Uwsgi
from file_servers import Apache, Lighttpd, Nginx
from pool import Pool
from processes import Folder

KINDS = (
    Nginx("nginx", fast=True, dav=True),
    Apache("apache", fast=True, dav=True),
    Lighttpd("lighttpd", fast=True),
    Gunicorn("gunicorn-sync", fast=True),
    Gunicorn("gunicorn-threads", options=("--threads", "4")),
    Uvicorn("uvicorn", fast=True),
    Uwsgi("uwsgi", fast=True),
    git_pool.GitOverLighttpd("git-lighttpd", fast=True),
    Node("node-http"),
    Node("express", script="express.js", npm=True),
    sockets_pool.Ws("ws", npm=True),
    sockets_pool.SocketIo("socket.io", npm=True),
    Tomcat("tomcat"),
    Puma("puma"),
    Php("php"),
    PhpFpm("php-fpm"),
    git_pool.GitOverFcgiwrap("git-fcgiwrap"),
    registry_pool.Registry("docker-registry"),
)
FLIPS = {False: 3, True: 8}  # of each server: in the fast part, and with --all


class Report:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def case(self, group, name, action, logs=lambda: ""):
        began = time.monotonic()
        try:
            action()
        except Exception as wrong:  # whatever it was, it is this case's failure
            self.failed += 1
            print("%s: %s: FAILED: %s: %s" % (group, name, type(wrong).__name__, wrong))
            print(logs())
            return
        self.passed += 1
        print("%s: %s: ok (%d ms)" % (group, name, (time.monotonic() - began) * 1000))
        sys.stdout.flush()


def all_cases(pool, options, share):
    count, kind = FLIPS[options.all], pool.kind
    if kind.serves == "files":
        yield from compare.static_cases(pool)
        yield "flips", lambda: flips.flip_under(pool, flips.static_requests(), count)
    elif kind.serves in ("application", "websocket", "socketio"):
        yield from compare.application_cases(pool)
        yield "flips", lambda: flips.flip_under(pool, flips.application_requests(), count)
    if getattr(kind, "dav", False):
        yield from webdav.cases(pool)
    if kind.serves == "git":
        clones = git_pool.Clones(pool.proxy.port, pool.blue)
        yield from git_pool.cases(pool, clones, count)
        clones.folder.remove()
    elif kind.serves == "registry":
        yield from registry_pool.cases(pool, count)
    elif kind.serves == "socketio":
        yield from sockets_pool.socketio_cases(pool, options.switchback, count)
    if kind.serves == "websocket" or (kind.name == "uvicorn" and options.all):
        yield from sockets_pool.websocket_cases(pool, count)


def shared(kind):
    """What both colors serve together: repositories, images."""
    if kind.serves == "git":
        return git_pool.repositories()
    return Folder("shared") if kind.serves == "registry" else None


def try_kind(kind, options, report):
    share, pool = None, None
    logs = lambda: pool.logs() if pool else ""
    try:
        missing = kind.missing()
        if missing:
            raise FileNotFoundError("%s not there: ./dev deps test servers" % ", ".join(missing))
        share = shared(kind)
        pool = Pool(options.switchback, kind, share.path if share else None)
        for name, action in all_cases(pool, options, share):
            report.case(kind.name, name, action, logs)
    except Exception as wrong:

        def again():
            raise wrong

        report.case(kind.name, "start", again, logs)
    finally:
        for one in (pool,):
            if one:
                one.end()
        if share:
            share.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--switchback", required=True)
    parser.add_argument(
        "--work",
        default=os.path.join(os.path.expanduser("~"), ".cache", "real_servers"),
        help="where npm's packages are installed",
    )
    parser.add_argument(
        "--all", action="store_true", default=os.environ.get("SWITCHBACK_REAL_SERVERS") == "all"
    )
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.switchback = os.path.abspath(options.switchback)
    report = Report()
    chosen = [
        kind
        for kind in KINDS
        if kind.name in options.names or (not options.names and (options.all or kind.fast))
    ]
    if (
        options.all
        or "advice" in options.names
        or any(getattr(kind, "npm", False) for kind in chosen)
    ):
        fault = node_modules.prepare(os.path.abspath(options.work))
        if fault:
            print("npm: FAILED: " + fault)
            report.failed += 1
    for kind in chosen:
        try_kind(kind, options, report)
    if options.all and not options.names or "advice" in options.names:
        for name, action in advice.cases(options.switchback):
            report.case("advice", name, action)
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
