"""The load generators: bench_load, and wrk for chunked answers and where it is asked for. Both give
the same facts.

bench_load opens its connections before the measured window; `around` is called right before and
right after the window, so that connecting is in nobody's figure. With wrk it is, and is small: 64
connections in a second.
"""
import contextlib
import json
import re
import subprocess

from .rig import LOAD_CORES, die

REPORT_LUA = """
%s
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d %%d %%d %%d\\n",
    summary.requests, summary.duration, e.connect, e.read, e.write, e.timeout, e.status,
    latency:percentile(50), latency:percentile(99)))
end
"""


def lua_for(load):
    if load.get("method", "GET") == "GET":
        return REPORT_LUA % ""
    body = f'wrk.body = string.rep("x", {load["body"]})'
    return REPORT_LUA % f'wrk.method = "{load["method"]}"\n{body}'


def wrk_command(rig, port, load, seconds, cores=LOAD_CORES, threads=1):
    script = rig.write("wrk.lua", lua_for(load))
    close = ["-H", "Connection: close"] if load.get("close") else []
    return ["taskset", "-c", cores, "wrk", f"-t{threads}", f"-c{load.get('connections', 64)}",
            f"-d{max(1, round(seconds))}s", "--timeout", "5s", *close, "-s", script,
            f"http://127.0.0.1:{port}{load['path']}"]


def parse_wrk(text):
    found = re.search(r"RESULT " + r"(\d+) " * 8 + r"(\d+)", text)
    if not found:
        return None
    total, us, connect, read, write, timeout, status, p50, p99 = map(int, found.groups())
    return {"good": total - status, "seconds": us / 1e6, "p50_us": p50, "p99_us": p99,
            "failures": connect + read + write + timeout + status}


def run_wrk(rig, port, load, seconds, around, cores=LOAD_CORES, threads=1):
    command = wrk_command(rig, port, load, seconds, cores, threads)
    before = around()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = around()
    seen = parse_wrk(done.stdout)
    if done.returncode != 0 or seen is None:
        die(f"wrk said nothing usable:\n{done.stdout}{done.stderr}")
    return seen, before, after


def own_command(rig, port, tls, load, seconds):
    command = [rig.tool("bench_load"), "--port", str(port), "--path", load["path"], "--seconds",
               str(seconds), "--connections", str(load.get("connections", 64))]
    if load.get("method", "GET") != "GET":
        command += ["--method", load["method"], "--body", str(load["body"])]
    if load.get("rate"):
        command += ["--rate", str(load["rate"])]
    return command + [f"--{flag}" for flag, on in
                      (("tls", tls), ("close", load.get("close")), ("resume", load.get("resume")))
                      if on]


def parse_own(line, resume=False):
    seen = json.loads(line)
    names = ("bad_status", "failed", "unanswered", "unsent")
    seen["failures"] = sum(seen[name] for name in names)
    if resume:   # a handshake that was full is not what the row is about
        seen["not_resumed"] = seen["good"] - seen["resumed"]
        seen["failures"] += seen["not_resumed"]
    return seen


@contextlib.contextmanager
def own_process(rig, command, cores=LOAD_CORES):
    """bench_load, with its first line read: its connections stand."""
    process = rig.start(command, cores, name="load", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        first = process.stdout.readline()
        if not first:
            die(f"bench_load did not start: {rig.last_words('load')}")
        yield process, json.loads(first)
    finally:
        process.stdin.close()
        rig.stop([process])
        process.stdout.close()


def go(process):
    process.stdin.write(b"\n")
    process.stdin.flush()


def run_own(rig, port, tls, load, seconds, around):
    with own_process(rig, own_command(rig, port, tls, load, seconds)) as (process, _):
        before = around()
        go(process)
        line = process.stdout.readline()
        after = around()
    if not line:
        die(f"bench_load ended early: {rig.last_words('load')}")
    return parse_own(line, load.get("resume")), before, after


def run(rig, port, tls, load, seconds, around):
    """(what was seen, around() before, around() after) of one window of load."""
    # wrk costs its core about twice as much a request, so that many proxies are never busy in front
    # of it; but bench_load reads no chunks.
    asked = load.get("generator") == "wrk" and not tls and not load.get("rate")
    if asked or "chunked" in load["path"]:
        return run_wrk(rig, port, load, seconds, around)
    return run_own(rig, port, tls, load, seconds, around)
