"""The table's arithmetic: medians, paired ratios, verdicts. Pure functions."""
import math


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return math.nan
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def rotated(names, turn):
    """The order of a round: every second one runs backwards, each pair starts one on."""
    if not names:
        return []
    shift = turn // 2 % len(names)
    order = list(names[shift:]) + list(names[:shift])
    return order[::-1] if turn % 2 else order


def usable(values):
    return [v for v in values if v is not None and not math.isnan(v)]


def better_peer(by_proxy, peers, more_is_better=False):
    """The peer with the best median; None without any figure."""
    medians = {p: median(usable(by_proxy[p])) for p in peers if usable(by_proxy.get(p, []))}
    if not medians:
        return None
    return (max if more_is_better else min)(medians, key=medians.get)


def paired_ratios(ours, theirs):
    """Ours to theirs, round by round, without rounds where one is missing or theirs is 0."""
    there = [(a, b) for a, b in zip(ours, theirs) if len(usable([a, b])) == 2]
    return [a / b for a, b in there if b > 0]


def verdict(value, bar, goal, more_is_better=False):
    """'goal', 'bar' or 'MISSED' by limits that hold at equality; '' without a figure or a bar."""
    if value is None or math.isnan(value) or bar is None:
        return ""
    holds = (lambda limit: value >= limit) if more_is_better else (lambda limit: value <= limit)
    # A limit is written with two digits; 0.904 is shown as 0.90 and may not be called a miss of it.
    value = round(value, 2)
    if goal is not None and holds(goal):
        return "goal"
    return "bar" if holds(bar) else "MISSED"


def added(of_proxy, of_direct):
    """What a proxy adds to the direct way, round by round."""
    return [None if a is None or b is None else a - b for a, b in zip(of_proxy, of_direct)]


def number(value):
    """A figure with about three digits, as people read it."""
    if value is None or math.isnan(value):
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def short(value):
    """A part of a figure that stands beside it: two digits are enough."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"
