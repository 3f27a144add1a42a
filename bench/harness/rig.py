"""The rig: a scratch folder, the processes in it, the programs they need, and what machine this is.

Proxies run on the first core, backend and load on the second; loopback. Whatever was started is
ended by its own process id, also after Ctrl-C.
"""
import atexit
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(BENCH)
PROXY_CORES, LOAD_CORES = "0", "1"
PACKAGES = {"taskset": "util-linux", "h2load": "nghttp2-client"}
# The helpers, and how each is compiled where no build folder has it.
TOOLS = {
    "bench_backend": (["backend.cpp"], []),
    "bench_floor": (["floor.cpp"], []),
    "bench_load": (["load/main.cpp", "load/run.cpp", "load/connection.cpp"], ["-lssl", "-lcrypto"]),
    "libbench_alloc_count.so": (["alloc_count.cpp"], ["-shared", "-fPIC", "-fno-builtin"]),
}


def die(text):
    print(f"bench: {text}", file=sys.stderr)
    sys.exit(2)


def note(text):
    print(text, file=sys.stderr, flush=True)


def which(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def need(*programs):
    missing = [p for p in programs if not which(p)]
    if missing:
        packages = " ".join(sorted({PACKAGES.get(p, p) for p in missing}))
        die(f"missing: {', '.join(missing)} (apt-get install {packages})")
    if (os.cpu_count() or 1) < 2:
        die("two cores are needed: one for the proxy, one for load and backend")


def allow_many_files():
    """The hard limit of open files for everything started here; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Rig:
    """Owns the scratch folder, the backend and every process started; ends them with itself."""

    def __init__(self, tools=None):
        self.folder = tempfile.mkdtemp(prefix="switchback-bench-")
        self.processes = []
        self.tools = tools
        atexit.register(self.close)
        self.files = allow_many_files()
        self.backend_port = self.start_with_port("bench_backend", ["0"], LOAD_CORES)[1]

    def close(self):
        self.stop(list(self.processes))
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, processes):
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process in self.processes:
                self.processes.remove(process)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, arguments, cores, env=None, name="process", **pipes):
        """Starts a program on these cores; what it says goes to NAME.log, or where `pipes` say."""
        with open(self.path(name + ".log"), "w") as log:
            pipes = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL, **pipes}
            process = subprocess.Popen(["taskset", "-c", cores, *arguments],
                                       env=dict(os.environ, **(env or {})), **pipes)
        self.processes.append(process)
        return process

    def start_with_port(self, tool, arguments, cores):
        """A helper that prints the port it listens on."""
        process = self.start([self.tool(tool), *arguments], cores, name=tool,
                             stdout=subprocess.PIPE)
        line = process.stdout.readline()
        if not line:
            die(f"{tool} did not start: {self.last_words(tool)}")
        return process, int(line)

    def last_words(self, name):
        with open(self.path(name + ".log"), errors="replace") as log:
            return log.read()[-2000:]

    def tool(self, name):
        """A helper program: from --tools, from the release build, or compiled here and now."""
        for place in [self.tools, os.path.join(TOP, "build", "release", "bench"), self.folder]:
            if place and os.path.exists(os.path.join(place, name)):
                return os.path.join(place, name)
        compiler = which("c++") or die(f"{name} is not built and there is no c++ to build it")
        sources, options = TOOLS[name]
        subprocess.run([compiler, "-std=c++20", "-O2", *[os.path.join(BENCH, s) for s in sources],
                        "-o", self.path(name), *options], check=True)
        return self.path(name)

    def certificate(self, kind):
        """Paths of a self-signed certificate and its key; kind is p256 or rsa."""
        cert, key = self.path(kind + ".crt"), self.path(kind + ".key")
        if not os.path.exists(cert):
            new = {"p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
                   "rsa": ["-newkey", "rsa:2048"]}[kind]
            subprocess.run(["openssl", "req", "-x509", *new, "-nodes", "-days", "30", "-subj",
                            "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                            key, "-out", cert], check=True, capture_output=True)
            with open(self.path(kind + ".pem"), "w") as both:   # HAProxy reads one file
                for part in (cert, key):
                    with open(part) as file:
                        both.write(file.read())
        return cert, key

    def backend_requests(self):
        url = f"http://127.0.0.1:{self.backend_port}/requests"
        return int(urllib.request.urlopen(url, timeout=5).read())

    def wait_for(self, process, port, name, deadline_s=10):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and process.poll() is None:
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{port}/0", timeout=1).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        die(f"{name} does not answer:\n{self.last_words(name)}")


def stop_on_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))


def find_switchback(given):
    path = given or os.path.join(TOP, "build", "release", "switchback")
    if not os.path.exists(path):
        if given:
            die(f"no such program: {given}")
        return None
    return os.path.abspath(path)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return None


def host_facts(binary):
    cpu = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    versions = {}
    for program, option in (("nginx", "-v"), ("haproxy", "-v"), ("h2o", "-v"), ("wrk", "-v"),
                            ("openssl", "version")):
        if which(program):
            versions[program] = first_line(which(program), option)
    if binary:
        versions["switchback"] = first_line(binary, "--version")
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_average": os.getloadavg(), "versions": versions}
