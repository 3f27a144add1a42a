"""The table and the JSON of a run, or of several runs' JSON put together."""
import json
import math
import os
import time

from . import figures, rows

COLUMNS = {"switchback": "switchback", "against": "against", "nginx": "nginx", "haproxy": "HAProxy",
           "haproxy_splice": "HAP. splice", "h2o": "h2o", "floor": "floor"}
LABEL, UNIT, CELL = 30, 17, 18


def values_of(line, samples, proxy):
    """A line's figures of one proxy, one per round; None where a round has none."""
    of_proxy = samples.get(proxy, [])
    if line.metric.startswith("added_"):
        name = line.metric[len("added_"):]
        return figures.added([s.get(name) for s in of_proxy],
                             [s.get(name) for s in samples.get("direct", [])])
    return [s.get(line.metric) for s in of_proxy]


def evaluate(row, line, samples):
    """Everything a line of the table says, as data."""
    values = {p: values_of(line, samples, p) for p in samples if p != "direct"}
    medians = {p: figures.median(figures.usable(v)) for p, v in values.items()}
    peers = [p for p in rows.PEERS if p in values]
    better = figures.better_peer(values, peers, line.more_is_better)
    ratios = figures.paired_ratios(values.get("switchback", []), values[better]) if better else []
    ratio = figures.median(ratios)
    judged = medians.get("switchback", math.nan) if line.absolute else ratio
    return {"row": row.name, "label": row.label, "section": row.section, "metric": line.metric,
            "unit": line.unit, "medians": medians, "values": values, "better_peer": better,
            "ratio": ratio, "ratio_min": min(ratios, default=math.nan),
            "ratio_max": max(ratios, default=math.nan), "bar": line.bar, "goal": line.goal,
            "verdict": figures.verdict(judged, line.bar, line.goal, line.more_is_better)}


def failures(samples):
    """{proxy: (failed, all)} of those with failures."""
    found = {}
    for proxy, of_proxy in samples.items():
        failed = sum(s.get("failures", 0) for s in of_proxy)
        if failed:
            found[proxy] = (failed, failed + sum(s.get("good", 0) for s in of_proxy))
    return found


def cell(line, evaluated, samples, proxy):
    value = evaluated["medians"].get(proxy, math.nan)
    text = figures.number(value)
    if line.metric == "cpu_us" and text != "-":
        user = figures.median([s["user_us"] for s in samples[proxy] if "user_us" in s])
        system = figures.median([s["system_us"] for s in samples[proxy] if "system_us" in s])
        text += f" ({figures.short(user)}+{figures.short(system)})"
    if line.metric == "rps" and text != "-":
        text += f" @{figures.median([s['busy'] for s in samples[proxy]]):.0%}"
    return text


def ratio_text(evaluated):
    if math.isnan(evaluated["ratio"]):
        return ""
    spread = f"({evaluated['ratio_min']:.2f}..{evaluated['ratio_max']:.2f})"
    return f"{evaluated['ratio']:.2f} {spread} {COLUMNS[evaluated['better_peer']]}"


def against_text(ours, theirs):
    """The paired ratio to the second switchback, where one was measured."""
    ratios = figures.paired_ratios(ours, theirs)
    if not ratios:
        return []
    return [f"    to against: {figures.median(ratios):.3f} ({min(ratios):.2f}..{max(ratios):.2f})"]


def limit_text(line):
    if line.bar is None:
        return ""
    return f"{line.bar:,g} / {line.goal:,g}" if line.bar < 1e6 else f"{line.bar:,} / {line.goal:,}"


def table(results):
    """The text of the table. `results`: {row name: {proxy: [samples]}}."""
    there = [row for row in rows.ROWS if row.name in results]
    columns = [p for p in COLUMNS if any(results[r.name].get(p) for r in there)]
    out, section, missed = [], None, []
    names = "".join(f"{COLUMNS[c]:>{CELL}}" for c in columns)
    out.append(f"{'':{LABEL + UNIT}}{names}  {'ours / better peer':36}{'bar / goal':22}")
    for row in there:
        samples = results[row.name]
        if row.section != section:
            section = row.section
            out += ["", f"{section}"]
        for line in row.lines:
            evaluated = evaluate(row, line, samples)
            text = f"  {row.label:{LABEL - 2}}{line.unit:{UNIT}}"
            for column in columns:
                shown = cell(line, evaluated, samples, column) if samples.get(column) else ""
                text += f"{shown:>{CELL}}"
            text += f"  {ratio_text(evaluated):36}{limit_text(line):22}{evaluated['verdict']}"
            out.append(text.rstrip())
            out += against_text(values_of(line, samples, "switchback"),
                                values_of(line, samples, "against"))
            if evaluated["verdict"] == "MISSED":
                missed.append(f"{row.name} {line.unit}")
        for proxy, (failed, every) in failures(samples).items():
            name = COLUMNS.get(proxy, proxy)
            out.append(f"  ! {name}: {failed:,} of {every:,} failed{why(samples[proxy])}")
    out += ["", "missed: " + (", ".join(missed) if missed else "nothing that was measured")]
    return "\n".join(out)


def why(samples):
    kinds = ("bad_status", "failed", "unanswered", "unsent", "not_resumed")
    counts = {k: sum(s.get(k, 0) for s in samples) for k in kinds}
    text = ", ".join(f"{n:,} {k.replace('_', ' ')}" for k, n in counts.items() if n)
    return f" ({text})" if text else ""


NOTES = """
CPU µs: run time of all threads of a proxy per good request (user+system; the split is sampled).
@: how busy its core was. Ratios are paired, round by round; (least..most). Single windows scatter
by 15 % on a shared machine: differences below 10 % are no findings. h2o and the floor are no peers
here; the floor only carries bytes. Added latencies are against the same load straight at the backend,
in cleartext.
"""
SCALE_NOTE = """Scaling: {cores} cores. {text}
"""


def notes(results, facts):
    text = NOTES.strip()
    if "scale" in results:
        cores = facts["cores"]
        said = ("Load and backend have cores of their own." if cores >= 4 else
                "Proxy, load and backend share them, so two workers cannot carry twice as much; what "
                "can be seen is whether a request costs more CPU with two workers, and how they "
                "share the work.")
        text += "\n" + SCALE_NOTE.format(cores=cores, text=said).strip()
    for name in ("idle", "idle-tls"):
        counts = {s["connections"] for v in results.get(name, {}).values() for s in v}
        if counts:
            text += (f"\n{rows.BY_NAME[name].label}: {max(counts):,} of 10,000 connections "
                     "(what the limit of open files allows; fewer with --quick).")
    return text


def as_data(results, facts, settings):
    lines = [evaluate(row, line, results[row.name]) for row in rows.ROWS if row.name in results
             for line in row.lines]
    return {"format": 1, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "host": facts,
            "settings": settings, "lines": without_nan(lines),
            "failures": {name: failures(v) for name, v in results.items() if failures(v)},
            "samples": without_nan(results)}


def without_nan(data):
    if isinstance(data, dict):
        return {k: without_nan(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [without_nan(v) for v in data]
    return None if isinstance(data, float) and math.isnan(data) else data


def save(path, data):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")


def merged(paths):
    """The samples of several runs as of one; a row in two of them is taken from the later one."""
    results, facts, settings = {}, None, None
    for path in paths:
        with open(path) as file:
            data = json.load(file)
        results.update(data["samples"])
        facts, settings = facts or data["host"], settings or data["settings"]
    return results, facts, settings
