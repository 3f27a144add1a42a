"""What the kernel says about processes: run time, its user and system parts, memory, children."""
import contextlib
import os


def children_of(parent):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = stat_fields(file.read())
        except OSError:
            continue
        if int(fields[1]) == parent:
            found += [int(entry)] + children_of(int(entry))
    return found


def stat_fields(text):
    """The fields of /proc/PID/stat after the name, which may hold spaces and brackets itself."""
    return text.rsplit(")", 1)[1].split()


def thread_run_ns(pids):
    """Run time of each thread, by its id. Helpers that a proxy runs at its start may have ended."""
    times = {}
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                    times[thread] = int(file.read().split()[0])
    return times


class CpuTime:
    """Run time in ns of all threads, exact; user and system ticks, sampled by the kernel."""

    def __init__(self, pids):
        self.run_ns = sum(thread_run_ns(pids).values())
        self.user_ticks = self.system_ticks = 0
        for pid in pids:
            with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as file:
                fields = stat_fields(file.read())
                self.user_ticks += int(fields[11])
                self.system_ticks += int(fields[12])


def split_cpu(before, after):
    """(ns in all, the user share from 0 to 1 or None when no tick fell) between two CpuTimes."""
    user = after.user_ticks - before.user_ticks
    system = after.system_ticks - before.system_ticks
    share = user / (user + system) if user + system > 0 else None
    return after.run_ns - before.run_ns, share


def resident_bytes(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
    return total
