"""A blue and a green server of one kind behind a switchback."""
from kinds import Server
from proxy import Proxy


class Pool:
    def __init__(self, program, kind, share=None, each=1, more=None, check=None, **proxy):
        self.kind, self.servers, self.proxy = kind, [], None
        try:
            for color in ("blue", "green"):
                for _ in range(each):
                    self.servers.append(Server(kind, color, share))
            self.blue = self.servers[0].port
            self.proxy = Proxy(
                program,
                [s.port for s in self.servers[:each]],
                [s.port for s in self.servers[each:]],
                kind.more if more is None else more,
                kind.check if check is None else check,
                **proxy
            )
        except BaseException:
            self.end()
            raise

    def logs(self):
        """What the servers and switchback said, for a failure's report."""
        said = [
            "-- %s %s --\n%s" % (s.kind.name, s.color, s.process.last_lines(15))
            for s in self.servers
        ]
        if self.proxy is not None:
            said.append(
                "-- switchback --\n%s\n%s"
                % (self.proxy.process.last_lines(10), self.proxy.refused())
            )
        return "\n".join(said)

    def end(self):
        for one in [self.proxy, *self.servers]:
            if one is not None:
                one.end()
        self.proxy, self.servers = None, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
