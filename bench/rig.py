"""The rig the bench scripts share: one backend, several proxies in front of it, one load generator.

Each proxy has one worker on core 0; backend and wrk are on core 1. CPU time is the run time of all
threads of a proxy (schedstat, nanoseconds), so control and health threads are not forgotten.
Nothing but Python 3 and Debian packages (nginx, haproxy, wrk, util-linux; strace for syscalls).
"""
import atexit
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
PROXY_CORE, LOAD_CORE = 0, 1
PACKAGES = {"wrk": "wrk", "taskset": "util-linux", "nginx": "nginx", "haproxy": "haproxy",
            "strace": "strace"}

# name: (path, connections, wrk options, label)
SCENARIOS = {
    "0": ("/0", 64, [], "0 B"),
    "1k": ("/1k", 64, [], "1 KiB"),
    "64k": ("/64k", 64, [], "64 KiB"),
    "chunked64k": ("/chunked64k", 64, [], "64 KiB chunked"),
    "1m": ("/1m", 32, [], "1 MiB"),
    "close": ("/1k", 64, ["-H", "Connection: close"], "1 KiB, new connection"),
    "1k-8": ("/1k", 8, [], "1 KiB, 8 connections"),
}
DEFAULT_SCENARIOS = ["0", "1k", "64k", "1m", "close"]

REPORT_LUA = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect, e.read, e.write, e.timeout, e.status, latency:percentile(50)))
end
"""


def die(text):
    print(f"bench: {text}", file=sys.stderr)
    sys.exit(2)


def which(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def need(*programs):
    missing = [p for p in programs if not which(p)]
    if missing:
        packages = " ".join(sorted({PACKAGES.get(p, p) for p in missing}))
        die(f"missing: {', '.join(missing)} (apt-get install {packages})")
    if (os.cpu_count() or 1) < 2:
        die("two cores are needed: one for the proxy, one for load and backend")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return float("nan")
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


class Rig:
    """Owns a scratch folder, the backend and every process started; ends them with itself."""

    def __init__(self, tools=None):
        self.folder = tempfile.mkdtemp(prefix="switchback-bench-")
        self.processes = []
        self.tools = tools
        atexit.register(self.close)
        self.report = self.write("report.lua", REPORT_LUA)
        self.backend_port = self._start_backend()

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, arguments, core, env=None, name="process", stdout=None):
        log = open(os.path.join(self.folder, name + ".log"), "w")
        process = subprocess.Popen(["taskset", "-c", str(core)] + arguments,
                                   stdout=stdout or log, stderr=log, stdin=subprocess.DEVNULL,
                                   env=dict(os.environ, **(env or {})))
        self.processes.append(process)
        return process

    def tool(self, name, source, options):
        """A built helper: from --tools, from a build folder, or compiled here and now."""
        places = [self.tools] if self.tools else []
        build = os.path.join(TOP, "build")
        places += [os.path.join(build, d, "bench") for d in ("release",)]
        for place in places:
            path = os.path.join(place, name)
            if os.path.exists(path):
                return path
        compiler = which("c++") or die(f"{name} is not built and there is no c++ to build it")
        path = os.path.join(self.folder, name)
        subprocess.run([compiler, "-std=c++20", "-O2", *options, os.path.join(HERE, source), "-o",
                        path], check=True)
        return path

    def _start_backend(self):
        binary = self.tool("bench_backend", "backend.cpp", [])
        process = self.start([binary, "0"], LOAD_CORE, name="backend", stdout=subprocess.PIPE)
        line = process.stdout.readline()
        if not line:
            die("the backend did not start")
        return int(line)

    def backend_requests(self):
        url = f"http://127.0.0.1:{self.backend_port}/requests"
        return int(urllib.request.urlopen(url, timeout=5).read())

    def wait_for(self, process, port, name, deadline_s=10):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                url = f"http://127.0.0.1:{port}/0"
                if urllib.request.urlopen(url, timeout=1).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(self.folder, name + ".log")) as log:
            die(f"{name} does not answer:\n{log.read()[-2000:]}")

    def wrk_command(self, port, scenario, seconds, connections=None):
        path, default_connections, options, _ = SCENARIOS[scenario]
        return ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1",
                f"-c{connections or default_connections}", f"-d{max(1, round(seconds))}s", "--timeout", "5s",
                *options, "-s", self.report, f"http://127.0.0.1:{port}{path}"]

    def load(self, port, scenario, seconds, connections=None):
        """Runs wrk; a dict of what it saw."""
        out = subprocess.run(self.wrk_command(port, scenario, seconds, connections), check=True,
                             capture_output=True, text=True).stdout
        found = re.search(r"RESULT " + r"(\d+) " * 7 + r"(\d+)", out)
        if not found:
            die(f"wrk said nothing usable:\n{out}")
        total, us, connect, read, write, timeout, status, p50 = map(int, found.groups())
        return {"good": total - status, "seconds": us / 1e6, "p50_us": p50,
                "errors": connect + read + write + timeout + status}


class Proxy:
    """One proxy under test. `pids` are all its processes."""

    def __init__(self, rig, name, process, port):
        self.rig, self.name, self.process, self.port = rig, name, process, port
        rig.wait_for(process, port, name)
        self.pids = [process.pid] + children_of(process.pid)

    def cpu_ns(self):
        total = 0
        for pid in self.pids:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total


def children_of(parent):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found += [int(entry)] + children_of(int(entry))
    return found


def nginx(rig, logging=False, env=None):
    port, folder = free_port(), rig.folder
    log = "access_log off;"
    if logging:
        log = ("log_format j escape=json '{\"time\":\"$time_iso8601\",\"client\":\"$remote_addr\","
               "\"method\":\"$request_method\",\"path\":\"$request_uri\",\"status\":$status,"
               "\"bytes\":$body_bytes_sent,\"time_s\":$request_time,\"server\":\"$upstream_addr\"}';"
               f"access_log {folder}/nginx-access.log j;")
    temp = "".join(f"{kind}_temp_path {folder}/nginx-{kind};" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = rig.write("nginx.conf", f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  {log} {temp}
  keepalive_timeout 300s; keepalive_requests 1000000000;
  upstream backend {{
    server 127.0.0.1:{rig.backend_port}; keepalive 256; keepalive_requests 1000000000;
    keepalive_timeout 300s;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_max_temp_file_size 0;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
""")
    process = rig.start([which("nginx"), "-p", folder, "-e", "stderr", "-c", conf], PROXY_CORE, env,
                        "nginx")
    return Proxy(rig, "nginx", process, port)


def haproxy(rig, logging=False, env=None, splice=False):
    port, name = free_port(), "haproxy_splice" if splice else "haproxy"
    log_global, log_format = "", ""
    if logging:
        log_global = "log stdout format raw local0 info"
        log_format = ("log global\n  log-format '{\"time\":\"%tr\",\"client\":\"%ci\",\"method\":\"%HM\","
                      "\"path\":\"%HP\",\"status\":%ST,\"bytes\":%B,\"time_ms\":%Ta,\"server\":\"%s\"}'")
    conf = rig.write(name + ".cfg", f"""
global
  nbthread 1
  maxconn 4000
  {log_global}
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  option forwardfor
  http-reuse always
  {"option splice-response" if splice else ""}
frontend f
  {log_format}
  bind 127.0.0.1:{port} backlog 4096
  default_backend b
backend b
  server s 127.0.0.1:{rig.backend_port} pool-purge-delay 60s
""")
    process = rig.start([which("haproxy"), "-db", "-f", conf], PROXY_CORE, env, name)
    return Proxy(rig, name, process, port)


def switchback(rig, binary, logging=False, env=None):
    port, folder = free_port(), os.path.join(rig.folder, "switchback")
    os.makedirs(folder, exist_ok=True)
    access = f"{{ access: json, path: {folder}/access.log }}" if logging else "{ access: off }"
    conf = rig.write("switchback.yaml", f"""
listeners:
  - bind: 127.0.0.1:{port}
services:
  bench:
    blue: {{ servers: ["127.0.0.1:{rig.backend_port}"] }}
    green: {{ servers: ["127.0.0.1:{rig.backend_port}"] }}
admin:
  socket: {folder}/admin.sock
state_dir: {folder}/state
run_dir: {folder}
workers: 1
log: {access}
""")
    os.makedirs(os.path.join(folder, "state"), exist_ok=True)
    process = rig.start([binary, "serve", "--config", conf], PROXY_CORE, env, "switchback")
    return Proxy(rig, "switchback", process, port)


def find_switchback(given):
    path = given or os.path.join(TOP, "build", "release", "switchback")
    if not os.path.exists(path):
        if given:
            die(f"no such program: {given}")
        return None
    return os.path.abspath(path)


def start_proxies(rig, names, binary, logging=False, env_for=None):
    """The named proxies, and what is left out with the reason."""
    made, left_out = [], []
    env_for = env_for or (lambda name: None)
    for name in names:
        program = "haproxy" if name == "haproxy_splice" else name
        if program != "switchback" and not which(program):
            left_out.append(f"{name} (apt-get install {PACKAGES[program]})")
        elif program == "switchback" and binary is None:
            left_out.append("switchback (build it, or say where: --switchback PATH)")
        elif program == "switchback":
            made.append(switchback(rig, binary, logging, env_for(name)))
        elif program == "nginx":
            made.append(nginx(rig, logging, env_for(name)))
        else:
            made.append(haproxy(rig, logging, env_for(name), name == "haproxy_splice"))
    if left_out:
        print("left out: " + ", ".join(left_out))
    if not made:
        die("nothing to measure")
    return made


def host_facts(binary):
    def first_line(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
            return (done.stdout + done.stderr).strip().splitlines()[0]
        except (OSError, IndexError):
            return None
    cpu = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    versions = {"wrk": first_line(which("wrk"), "-v")}
    if which("nginx"):
        versions["nginx"] = first_line(which("nginx"), "-v")
    if which("haproxy"):
        versions["haproxy"] = first_line(which("haproxy"), "-v")
    if binary:
        versions["switchback"] = first_line(binary, "--version")
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_average": os.getloadavg(), "versions": versions}


def save(name, data, out):
    path = out
    if path is None:
        results = os.path.join(HERE, "results")
        os.makedirs(results, exist_ok=True)
        path = os.path.join(results, f"local-{name}-{time.strftime('%Y%m%d-%H%M%S')}.json")
    with open(path, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
    print(f"written: {os.path.relpath(path)}")


def stop_on_signals():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def arguments(parser):
    parser.add_argument("--switchback", metavar="PATH",
                        help="the program (default: build/release/switchback)")
    parser.add_argument("--tools", metavar="DIR", help="where bench_backend is built "
                        "(default: build/release/bench, else it is compiled on the spot)")
    parser.add_argument("--out", metavar="FILE", help="where the JSON goes (default: bench/results/)")
    return parser
