"""How each kind of row is measured: one sample of one proxy, as a dict of figures."""
import os
import re
import signal
import socket
import struct
import subprocess
import time

from . import kernel, loads, peers
from .rig import die

IDLE_WANTED = 10_000
BODY_BYTES = {"/0": 0, "/1k": 1024, "/64k": 65536, "/1m": 1048576, "/chunked64k": 65536}


def port_of(instance, row, name):
    return instance.ports["splice" if name == "haproxy_splice" else row.port]


def load(rig, instance, row, name, settings):
    """CPU per good request, throughput and latency in one window."""
    port, tls = port_of(instance, row, name), row.port != "plain"
    seen, before, after = loads.run(rig, port, tls, settings["load"], settings["seconds"],
                                    lambda: kernel.CpuTime(instance.pids))
    used_ns, user_share = kernel.split_cpu(before, after)
    good = seen["good"]
    sample = dict(seen, busy=used_ns / 1e9 / seen["seconds"], rps=good / seen["seconds"])
    if good > 0:
        sample["cpu_us"] = used_ns / 1000 / good
        body = BODY_BYTES[row.load["path"]] + row.load.get("body", 0)
        sample["gb_per_cpu_s"] = good * body / used_ns if used_ns else None
        if user_share is not None:
            sample["user_us"] = sample["cpu_us"] * user_share
            sample["system_us"] = sample["cpu_us"] - sample["user_us"]
    return sample


def direct(rig, settings):
    """The same load without a proxy, which latencies are compared to; always cleartext."""
    seen, _, _ = loads.run(rig, rig.backend_port, False, settings["load"], settings["seconds"],
                           lambda: None)
    return seen


def idle_connections(rig):
    """As many of 10,000 as the limit of open files leaves room for."""
    return min(IDLE_WANTED, (rig.files - 1000) // 2)


def idle(rig, instance, row, name, settings):
    """Own memory of the proxy for one more idle connection (the kernel's is not counted)."""
    port, tls = port_of(instance, row, name), row.port != "plain"
    warm = {"path": "/0", "connections": 64}
    with loads.own_process(rig, loads.own_command(rig, port, tls, warm, 0)):
        pass
    time.sleep(0.5)
    count = settings.get("idle") or idle_connections(rig)
    before = kernel.resident_bytes(instance.pids)
    many = dict(warm, connections=count)
    with loads.own_process(rig, loads.own_command(rig, port, tls, many, 0)) as (process, _):
        time.sleep(2)   # buffers that are given back when idle have been given back
        after = kernel.resident_bytes(instance.pids)
        loads.go(process)
        standing = loads.parse_own(process.stdout.readline())["standing"]
    return {"good": standing, "connections": count, "failures": count - standing,
            "bytes_per_connection": (after - before) / max(standing, 1)}


def read_head_and_stop(port, path):
    """A client that asks, reads the head of the answer, and then nothing more."""
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = client.recv(512)
    if not head.startswith(b"HTTP/1.1 200"):
        client.close()
        return None
    return client


def stalled(rig, instance, row, name, settings):
    """Own memory of the proxy for one more large answer whose client has stopped reading."""
    clients, count = [], 32
    with loads.own_process(rig, loads.own_command(rig, instance.ports["plain"], False,
                                                  {"path": "/1k"}, 0)):
        pass
    before = kernel.resident_bytes(instance.pids)
    try:
        for _ in range(count):
            clients.append(read_head_and_stop(instance.ports["plain"], row.load["path"]))
        time.sleep(2)   # whatever is going to be buffered has been
        after = kernel.resident_bytes(instance.pids)
    finally:
        good = [c for c in clients if c]
        for client in good:
            client.close()
    return {"good": len(good), "failures": count - len(good),
            "bytes_per_stream": (after - before) / max(len(good), 1)}


def scale(rig, _instance, row, name, settings):
    """One worker, then two, with as many cores as there are beside load and backend.

    With two cores all share both, so that throughput cannot double; see the note of the table."""
    cores = os.cpu_count() or 2
    seen = {}
    apart = cores >= 4
    for workers in (1, 2):
        proxy_cores = ("0" if workers == 1 else "0-1") if apart else "0-1"
        load_cores = f"2-{cores - 1}" if apart else "0-1"
        instance = peers.start(rig, name, "plain", workers, cores=proxy_cores)
        threads = kernel.thread_run_ns(instance.pids)
        found, before, after = loads.run_wrk(
            rig, instance.ports["plain"], dict(row.load, connections=64), settings["seconds"],
            lambda i=instance: kernel.CpuTime(i.pids), load_cores, 2)
        used = kernel.thread_run_ns(instance.pids)
        spent = sorted((used[t] - threads.get(t, 0) for t in used), reverse=True)[:workers]
        seen[workers] = {"rps": found["good"] / found["seconds"], "failures": found["failures"],
                         "cpu_us": (after.run_ns - before.run_ns) / 1000 / max(found["good"], 1),
                         "share": spent[0] / max(sum(spent), 1), "good": found["good"]}
        instance.stop()
    one, two = seen[1], seen[2]
    return {"gain": two["rps"] / one["rps"], "growth": two["cpu_us"] / one["cpu_us"],
            "share": two["share"], "rps_one": one["rps"], "rps_two": two["rps"],
            "good": one["good"] + two["good"], "failures": one["failures"] + two["failures"]}


def parse_strace(text):
    """strace -c: {call: (count, errors)}."""
    calls = {}
    for line in text.splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+)?\s*(\w+)\s*$", line)
        if found and found.group(3) != "total":
            calls[found.group(3)] = (int(found.group(1)), int(found.group(2) or 0))
    return calls


def background_load(rig, port, row, seconds):
    process = subprocess.Popen(loads.wrk_command(rig, port, row.load, seconds),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rig.processes.append(process)
    time.sleep(1)   # connections are made, buffers and pools are warm
    return process


def syscalls(rig, instance, row, name, settings):
    """System calls per request, counted by strace; the backend counts the requests. strace slows a
    proxy down, so that batches are smaller than in earnest."""
    out, seconds = rig.path("strace.txt"), 1.5
    running = background_load(rig, port_of(instance, row, name), row, seconds + 4)
    attach = [a for pid in instance.pids for a in ("-p", str(pid))]
    columns = "time,total-time,avg-time,calls,errors,name"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", columns, "-o", out, *attach],
                              stderr=subprocess.PIPE, text=True)
    rig.processes.append(tracer)
    if "attached" not in tracer.stderr.readline():
        die("strace may not attach here (kernel.yama.ptrace_scope, or no SYS_PTRACE)")
    before = rig.backend_requests()
    time.sleep(seconds)
    requests = max(rig.backend_requests() - before, 1)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate()
    rig.stop([running])
    rig.stop([tracer])
    with open(out) as file:
        calls = parse_strace(file.read())
    return {"good": requests, "failures": 0, "calls": sum(n for n, _ in calls.values()) / requests,
            "by_call": {call: round(n / requests, 3) for call, (n, _) in calls.items()},
            "failed_by_call": {call: round(e / requests, 3) for call, (_, e) in calls.items() if e}}


def allocation_counts(path):
    with open(path, "rb") as file:
        return struct.unpack("3Q", file.read(24))


def allocation_file(rig, name):
    return rig.path(name + ".allocations")


def allocations(rig, instance, row, name, settings):
    """Heap allocations per request, counted by a preloaded library; what the proxy allocates
    without any request (health checks, timers) is counted before and taken off."""
    path, seconds = allocation_file(rig, name), 2
    start = allocation_counts(path)
    time.sleep(seconds)
    idle_count = allocation_counts(path)[0] - start[0]
    running = background_load(rig, port_of(instance, row, name), row, seconds + 3)
    requests, start = rig.backend_requests(), allocation_counts(path)
    time.sleep(seconds)
    end = allocation_counts(path)
    requests = max(rig.backend_requests() - requests, 1)
    rig.stop([running])
    made, _, size = (b - a for a, b in zip(start, end))
    return {"good": requests, "failures": 0, "allocations": max(0, made - idle_count) / requests,
            "bytes": size / requests, "raw_allocations": made, "idle_allocations": idle_count}


BY_KIND = {"load": load, "idle": idle, "stalled": stalled, "scale": scale, "syscalls": syscalls,
           "allocations": allocations}
