"""Servers as processes: each in a group of its own, with a folder, a free port and a log.

A process is started, waited for until its port takes connections, and ended by its group.
Nothing here waits for time: what is waited for is a connection that succeeds, or the process's end.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 90  # a servlet container on a busy machine
END_SECONDS = 10


class NotStarted(Exception):
    """A server did not come up; the text ends with its log."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Folder:
    """A folder that everybody may read: some servers give up root's rights by themselves."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix="real-%s-" % name)
        os.chmod(self.path, 0o755)

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, content):
        path = self.file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """One program in a process group of its own; its two outputs are one log file."""

    def __init__(self, words, log, env=None, cwd=None):
        self.log = log
        self.words = words
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                words,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env=dict(os.environ, **(env or {})),
                start_new_session=True,
            )

    def ended(self, seconds=0.0):
        """Waits for the end at most so long; True when it came."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def wait_until(self, met, what):
        """Until met() is true; NotStarted when the process ends first or the time is up."""
        limit = time.monotonic() + START_SECONDS
        while not met():
            if self.ended(0.05) or time.monotonic() > limit:
                raise NotStarted("%s: %s\n%s" % (self.words[0], what, self.last_lines()))

    def wait_for_port(self, port):
        self.wait_until(lambda: accepts(port), "port %d does not answer" % port)

    def text(self):
        with open(self.log, "rb") as text:
            return text.read().decode("utf-8", "replace")

    def last_lines(self, count=40):
        return "\n".join(self.text().splitlines()[-count:])

    def end(self):
        for way in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, way)
            except ProcessLookupError:
                break
            if self.ended(END_SECONDS) and way == signal.SIGTERM:
                continue  # the leader is gone; what is left of its group is killed
        self.ended(END_SECONDS)


def run(words, seconds=60, env=None, cwd=None, input=None):
    """A command to its end: (code, output and errors as text). Too slow is code 124."""
    try:
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=dict(os.environ, **(env or {})),
            cwd=cwd,
            input=input,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return 124, "not done after %d s: %s\n%s" % (
            seconds,
            " ".join(words),
            (late.stdout or b"").decode("utf-8", "replace"),
        )
