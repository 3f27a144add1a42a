"""switchback in front of a blue and a green server, and its command line."""
import json

from processes import Folder, Process, run

CONFIG = """listeners:
  - bind: 127.0.0.1:0
{secure}services:
  site:
    blue: {{ release: v1, servers: [{blue}] }}
    green: {{ release: v2, servers: [{green}] }}
    health_check: {{ {check}interval: 100ms, timeout: {timeout}, rise: 1, fall: 1 }}
{more}admin:
  socket: admin.sock
log: {{ path: access.log }}
state_dir: state
workers: 2
"""


SECURE = """  - bind: 127.0.0.1:0
    tls: {{ certificates: [ {{ cert: {0}/cert.pem, key: {0}/key.pem }} ] }}
"""


def addresses(ports):
    return ", ".join('"127.0.0.1:%d"' % port for port in ports)


class Proxy:
    """`more` is YAML at the service's level, indented by 4; `check` is the path of the health check
    and `check_more` its other keys, each with a comma behind it; `certificate` is a folder with
    cert.pem and key.pem, for a second listener with TLS. With `wait` all servers are
    healthy before it is returned.
    """

    def __init__(
        self,
        program,
        blue,
        green,
        more="",
        check="",
        check_more="",
        timeout="5s",
        certificate=None,
        wait=True,
    ):
        self.program = program
        self.folder = Folder("switchback")
        path = 'path: "%s", ' % check if check else ""
        config = self.folder.write(
            "switchback.yaml",
            CONFIG.format(
                secure=SECURE.format(certificate) if certificate else "",
                blue=addresses(blue),
                green=addresses(green),
                check=path + check_more,
                timeout=timeout,
                more=more,
            ),
        )
        self.process = Process(
            [program, "serve", "--config", config], self.folder.file("log"), cwd=self.folder.path
        )
        try:
            self.process.wait_until(
                lambda: "is active (epoch" in self.process.text(), "no listener"
            )
            self.port = self._port("http://")
            self.secure_port = self._port("https://") if certificate else None
            if wait:
                self.process.wait_until(self.healthy, "its servers do not become healthy")
        except Exception:
            self.end()
            raise

    def _port(self, scheme):
        return int(self.process.text().split("listening on %s127.0.0.1:" % scheme)[1].split()[0])

    def cli(self, *words, seconds=60):
        return run([self.program, *words, "--admin", self.folder.file("admin.sock")], seconds)

    def status(self):
        code, said = self.cli("status", "site", "--json")
        return json.loads(said) if code == 0 else None

    def servers(self):
        status = self.status()
        return (
            []
            if status is None
            else [server for pool in status["pools"].values() for server in pool["servers"]]
        )

    def healthy(self):
        servers = self.servers()
        return bool(servers) and all(server["healthy"] for server in servers)

    def active(self):
        return self.status()["active"]

    def flip(self, color, wait="switched"):
        """Returns when new requests go to `color`, or when the other has drained."""
        code, said = self.cli("flip", "site", "--to", color, "--wait", wait)
        if code != 0:
            raise AssertionError("flip to %s: exit %d: %s" % (color, code, said))

    def refused(self):
        """The last lines of the access log that have a reason."""
        try:
            with open(self.folder.file("access.log"), encoding="utf-8", errors="replace") as lines:
                bad = [line for line in lines if '"reason":"' in line and '"reason":""' not in line]
        except OSError:
            return ""
        return "".join(bad[-5:])

    def end(self):
        self.process.end()
        self.folder.remove()
