"""./dev bench: runs the rows, prints the table, writes the JSON."""
import argparse
import os
import time

from . import figures, loads, measures, peers, report, rows
from .rig import BENCH, Rig, die, find_switchback, host_facts, need, note, stop_on_signals

GROUPS = ("plain", "log", "fresh", "none", "allocations")   # variants, in the order they are run


def read_options():
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="switchback beside nginx and HAProxy, row by row, in one interleaved run",
        epilog="example: ./dev bench --only 1k,tls1k,hs-p256 --rounds 5")
    add = parser.add_argument
    add("--only", metavar="ROW,…", help="only these rows (--list names them)")
    add("--quick", action="store_true", help="fewer rows and rounds: 4 minutes instead of 16")
    add("--rounds", type=int, help="windows of each row and proxy (default 5; quick: 2)")
    add("--seconds", type=float, default=1, help="of a window (default 1; wrk takes whole ones)")
    add("--proxies", metavar="NAME,…", help="only these: " + ", ".join(report.COLUMNS))
    add("--wrk", action="store_true", help="wrk is the load wherever it can be, as a check of ours")
    add("--json", metavar="FILE", help="where the figures go (default: bench/results/)")
    add("--list", action="store_true", help="name the rows and end")
    add("--show", nargs="+", metavar="FILE", help="print the table of saved runs and end")
    add("--switchback", metavar="PATH", help="the program (default: build/release/switchback)")
    add("--against", metavar="PATH",
        help="a second switchback beside it: another build, or the one before a change")
    add("--tools", metavar="DIR",
        help="where the helpers are built (default: build/release/bench, else compiled here)")
    return parser.parse_args()


def list_rows():
    for row in rows.ROWS:
        units = ", ".join(line.unit for line in row.lines)
        quick = "  (quick)" if row.quick else ""
        print(f"{row.name:18}{row.section}: {row.label} [{units}]{quick}")


def half_rate(rig, instances, row, seconds):
    """Half of what the better peer carries, so that all proxies get the same."""
    most = 0
    for name in rows.PEERS:
        if name in instances and name != "haproxy_splice":
            load = {k: v for k, v in row.load.items() if k != "rate"}
            port, tls = instances[name].ports[row.port], row.port != "plain"
            seen = loads.run(rig, port, tls, load, seconds, lambda: None)[0]
            most = max(most, seen["good"] / seen["seconds"])
    if not most:
        die(f"row {row.name} needs nginx or HAProxy, whose half load it measures at")
    return round(most / 2)


def settings_for(rig, row, instances, options):
    settings = {"seconds": options.seconds, "load": dict(row.load)}
    if row.load.get("rate") == "half":
        settings["load"]["rate"] = half_rate(rig, instances, row, options.seconds)
        note(f"{row.name}: {settings['load']['rate']:,} requests a second")
    if options.wrk:
        settings["load"]["generator"] = "wrk"
    if options.quick:
        settings["idle"] = 2000
    return settings


def start_group(rig, variant, names):
    """Instances by name; HAProxy with splicing is the same process."""
    instances = {}
    for name in names:
        program = peers.process_name(name)
        if program not in instances:
            env = None
            if variant == "allocations":
                env = {"LD_PRELOAD": rig.tool("libbench_alloc_count.so"),
                       "BENCH_ALLOC_FILE": measures.allocation_file(rig, program)}
            instances[program] = peers.start(rig, program, variant, env=env)
        instances[name] = instances[program]
    return instances


def sample(rig, row, name, instances, settings):
    measure = measures.BY_KIND[row.kind]
    if row.variant != "fresh":
        return measure(rig, instances.get(name), row, name, settings)
    instance = peers.start(rig, name)
    try:
        return measure(rig, instance, row, name, settings)
    finally:
        instance.stop()


def run_row(rig, row, names, instances, options, turn, settings, results):
    needs_direct = any(line.metric.startswith("added_") for line in row.lines)
    for name in figures.rotated(names + (["direct"] if needs_direct else []), turn):
        if name == "direct":
            seen = measures.direct(rig, settings)
        else:
            seen = sample(rig, row, name, instances, settings)
        results.setdefault(row.name, {}).setdefault(name, []).append(seen)


def run_group(rig, variant, group, names, options, results):
    wanted = [n for n in names if any(row.takes(n) for row in group)]
    long_lived = variant in ("plain", "log", "allocations")
    instances = start_group(rig, variant, wanted) if long_lived else {}
    settings = {row.name: settings_for(rig, row, instances, options) for row in group}
    for row in group:
        if row.kind == "load":   # pools and buffers warm
            for name in [n for n in names if row.takes(n)]:
                sample(rig, row, name, instances, dict(settings[row.name], seconds=0.3))
    for turn in range(options.rounds):
        for row in group:
            # What hardly scatters, or takes long, is measured less often.
            most = {"load": options.rounds, "scale": min(3, options.rounds)}.get(row.kind, 1)
            if turn < most:
                of_row = [n for n in names if row.takes(n)]
                run_row(rig, row, of_row, instances, options, turn, settings[row.name], results)
        note(f"{variant}: round {turn + 1} of {options.rounds} done")
    for name in {peers.process_name(n) for n in instances}:
        instances[name].stop()


def chosen_proxies(rig, options):
    names = options.proxies.split(",") if options.proxies else list(report.COLUMNS)
    for name in names:
        if name not in report.COLUMNS:
            die(f"no proxy is called {name}; there are {', '.join(report.COLUMNS)}")
    if options.quick and not options.proxies:
        names = [n for n in names if n not in ("floor", "h2o")]
    reasons = peers.lacking(rig, names)
    for name, reason in reasons.items():
        if reason:
            print(f"left out: {name} ({reason})")
    return [n for n in names if n not in reasons]


def run(rig, options, chosen, results):
    """Fills `results`; what is in it when a run is broken off is good as far as it goes."""
    names = chosen_proxies(rig, options)
    for variant in GROUPS:
        group = [row for row in chosen if row.variant == variant]
        if group:
            run_group(rig, variant, group, names, options, results)


def show(results, facts):
    print(f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}; " +
          "; ".join(v for v in facts["versions"].values() if v))
    print(report.table(results))
    print()
    print(report.notes(results, facts))


def measure(options):
    try:
        chosen = rows.chosen(options.only.split(",") if options.only else None, options.quick)
    except KeyError as unknown:
        die(f"no row is called {unknown}; ./dev bench --list names them")
    tracer = ["strace"] if any(row.kind == "syscalls" for row in chosen) else []
    need("wrk", "taskset", "openssl", *tracer)
    stop_on_signals()
    rig = Rig(options.tools)
    rig.switchback = find_switchback(options.switchback)
    rig.against = find_switchback(options.against) if options.against else None
    facts, results, began = host_facts(rig.switchback), {}, time.monotonic()
    if facts["load_average"][0] > 0.5:
        note(f"load average {facts['load_average'][0]:.1f}: other things run here as well; "
             "figures will scatter")
    try:
        run(rig, options, chosen, results)
    finally:
        if results:
            settings = {"rounds": options.rounds, "seconds": options.seconds,
                        "quick": options.quick, "wrk": options.wrk}
            own_name = time.strftime("local-%Y%m%d-%H%M%S.json")
            path = options.json or os.path.join(BENCH, "results", own_name)
            report.save(path, report.as_data(results, facts, settings))
            print(f"{options.rounds} rounds of {options.seconds:g} s, "
                  f"{time.monotonic() - began:.0f} s in all; figures: {os.path.relpath(path)}")
            show(results, facts)


def main():
    options = read_options()
    options.rounds = options.rounds or (2 if options.quick else 5)
    if options.list:
        list_rows()
    elif options.show:
        results, facts, _ = report.merged(options.show)
        show(results, facts)
    else:
        measure(options)


if __name__ == "__main__":
    main()
