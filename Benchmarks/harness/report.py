"""The table: a goal, what was measured on both sides in the same round, and whether the goal is met."""

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass
class Row:
    what: str
    goal: str
    yardstick: str = "–"
    ours: str = "–"
    ratio: str = "–"
    met: str = "–"


def _verdict(met):
    return "met" if met else "**missed**"


def compared(what, yardsticks, ours, show, at_least=None, at_most=None, yardstick_name="bare"):
    """A row of ratios, one a round; the median decides. `show` writes a figure with its unit."""
    ratios = [mine / theirs for mine, theirs in zip(ours, yardsticks) if theirs > 0]
    goal, met = "–", "–"
    ratio = statistics.median(ratios) if ratios else None
    if at_least is not None:
        goal = f"≥ {at_least} × {yardstick_name}"
        met = _verdict(ratio is not None and ratio >= at_least)
    if at_most is not None:
        goal = f"≤ {at_most} × {yardstick_name}"
        met = _verdict(ratio is not None and ratio <= at_most)
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
    return Row(
        what, goal, f"{yardstick_name} {show(statistics.median(yardsticks))}", show(statistics.median(ours)),
        f"{ratio:.2f}{spread}" if ratios else "–", met)


def limited(what, yardstick, ours, show, at_most=None, yardstick_name="bare"):
    """A row with an absolute goal; the largest figure of all rounds decides."""
    worst = max(ours)
    return Row(
        what,
        f"≤ {show(at_most)}" if at_most is not None else "–",
        f"{yardstick_name} {show(max(yardstick))}" if yardstick else "–",
        show(worst),
        met=_verdict(worst <= at_most) if at_most is not None else "–")


def reached(what, ours, show, at_least=None):
    """A row with an absolute goal that is to be reached; the median of the rounds decides."""
    middle = statistics.median(ours)
    return Row(
        what,
        f"≥ {show(at_least)}" if at_least is not None else "–",
        ours=show(middle),
        met=_verdict(middle >= at_least) if at_least is not None else "–")


def without_yardstick(what, reason, ours, show):
    """A row whose goal can't be judged in this run."""
    return Row(what, "–", "**no yardstick**", show(statistics.median(ours)), met=f"**not compared**: {reason}")


def yardstick_only(what, name, figures, show):
    return Row(what, "–", f"{name} {show(statistics.median(figures))}")


def failed(what, reason):
    """The reason's first line, and the last of the log lines below it."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()] or ["no reason given"]
    return Row(what, "–", met="**not measured**: " + " ".join(dict.fromkeys((lines[0], lines[-1]))))


def per_second(value, unit="msg"):
    return f"{value / 1e6:.2f} M {unit}/s" if value >= 1e6 else f"{value / 1e3:.0f} k {unit}/s"


def rows_per_second(value):
    return per_second(value, "rows")


def updates_per_second(value):
    return per_second(value, "updates")


def microseconds(value):
    return f"{value:.2f} µs"


def milliseconds(value):
    return f"{value:.2f} ms"


def megabytes(value):
    return f"{value:.0f} MB"


def percent(value):
    return f"{value:.2f} % of a core"


def times_a_second(value):
    return f"{value:.1f} a second"


def machine():
    model, cores = "unknown processor", os.cpu_count()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as file:
        kilobytes = int(file.readline().split()[1])
    return f"{model}, {cores} cores, {kilobytes * 1024 / 1e9:.0f} GB of memory, Linux {platform.release()}"


def table(rows):
    lines = ["| what | goal | yardstick | klinecast | ratio | |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = (row.what, row.goal, row.yardstick, row.ours, row.ratio, row.met)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def document(rows, facts, notes):
    """Everything that is needed to judge the figures, and to take them again."""
    lines = [table(rows), ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines.append(f"- Date: {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC")
    if notes:
        lines += ["", "Noted during the run:", ""]
        lines += [f"- {note}" for note in dict.fromkeys(notes)]
    return "\n".join(lines) + "\n"
