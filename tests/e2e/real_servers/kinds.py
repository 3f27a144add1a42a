"""The kinds of servers: how each is started for one color, on loopback, in a folder of its own.

A kind's `words(folder, port)` writes what the server needs and returns the command. `programs` are
looked for first; ./dev needs() names the package of each.
"""
import os
import shutil

from processes import Folder, NotStarted, Process, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
APPS = os.path.join(HERE, "apps")
NODE = os.path.join(HERE, "node")
NODE_MODULES = {"path": ""}  # filled in by node_modules.prepare()


def first_of(*names):
    """The first of these programs that is there; a server's folder is often not in PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/git-core"
    return next(
        (found for found in (shutil.which(name, path=path) for name in names) if found), None
    )


class Kind:
    """`fast` kinds run in ./dev test, all others with --long only."""

    fast = False
    programs = ()
    serves = "application"
    reads_chunked = True  # requests whose body has no length reach the application
    check = "/bytes?n=1"
    more = ""  # YAML of the service

    def __init__(self, name, **changes):
        self.name = name
        for key, value in changes.items():
            setattr(self, key, value)

    def words(self, folder, port):
        raise NotImplementedError

    def environment(self, color):
        return {"COLOR": color, "PYTHONPATH": APPS, "NODE_PATH": NODE_MODULES["path"]}

    def missing(self):
        return [name for name in self.programs if first_of(name) is None]


class Server:
    """A kind's server of one color, started; tried again when its port was taken meanwhile."""

    def __init__(self, kind, color, share=None):
        self.kind, self.color = kind, color
        for attempt in range(3):
            self.folder = Folder(kind.name)
            self.folder.color, self.folder.share = color, share
            self.port = free_port()
            self.process = Process(
                kind.words(self.folder, self.port),
                self.folder.file("log"),
                env=kind.environment(color),
                cwd=self.folder.path,
            )
            try:
                self.process.wait_for_port(self.port)
                return
            except NotStarted:
                self.end()
                if attempt == 2:
                    raise

    def end(self):
        self.process.end()
        self.log = self.process.last_lines()
        self.folder.remove()
