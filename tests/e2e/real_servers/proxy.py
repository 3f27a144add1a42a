"""switchback in front of a blue and a green server, and its command line."""
import json

from processes import Folder, Process, run

CONFIG = """listeners:
  - bind: 127.0.0.1:0
services:
  site:
    blue: {{ release: v1, servers: [{blue}] }}
    green: {{ release: v2, servers: [{green}] }}
    health_check: {{ {check}interval: 100ms, timeout: 5s, rise: 1 }}
{more}admin:
  socket: admin.sock
log: {{ path: access.log }}
state_dir: state
workers: 2
"""


def addresses(ports):
    return ", ".join('"127.0.0.1:%d"' % port for port in ports)


class Proxy:
    """`more` is YAML at the service's level, indented by 4; `check` is the path of the health check."""

    def __init__(self, program, blue, green, more="", check=""):
        self.program = program
        self.folder = Folder("switchback")
        path = 'path: "%s", ' % check if check else ""
        config = self.folder.write("switchback.yaml", CONFIG.format(
            blue=addresses(blue), green=addresses(green), check=path, more=more))
        self.process = Process([program, "serve", "--config", config], self.folder.file("log"),
                               cwd=self.folder.path)
        try:
            self.process.wait_until(lambda: "listening on" in self.process.last_lines(), "no listener")
            first = self.process.last_lines().split("listening on http://127.0.0.1:")[1]
            self.port = int(first.split()[0])
            self.process.wait_until(self.healthy, "its servers do not become healthy")
        except Exception:
            self.end()
            raise

    def cli(self, *words, seconds=60):
        return run([self.program, *words, "--admin", self.folder.file("admin.sock")], seconds)

    def status(self):
        code, said = self.cli("status", "site", "--json")
        return json.loads(said) if code == 0 else None

    def healthy(self):
        status = self.status()
        return status is not None and all(
            server["healthy"] for pool in status["pools"].values() for server in pool["servers"])

    def active(self):
        return self.status()["active"]

    def flip(self, color):
        """Moves the traffic; returns when new requests go to `color`."""
        code, said = self.cli("flip", "site", "--to", color, "--wait", "switched")
        if code != 0:
            raise AssertionError("flip to %s: exit %d: %s" % (color, code, said))

    def refused(self):
        """The last lines of the access log that are no success: what a failure is looked into with."""
        try:
            with open(self.folder.file("access.log"), encoding="utf-8", errors="replace") as lines:
                bad = [line for line in lines if '"reason":"' in line and '"reason":""' not in line]
        except OSError:
            return ""
        return "".join(bad[-5:])

    def end(self):
        self.process.end()
        self.folder.remove()
