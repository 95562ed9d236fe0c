"""The results as one picture: cost over keys and over depth as lines, the other scenarios as bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import fill

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.history.figures import Figures, Measured
from bench.history.scenarios import SCENARIOS
from bench.history.systems import SYSTEMS

COLOURS = {
    "ours_dv": "#0b4f8a", "ours": "#5aa0d8", "mack": "#b3261e", "docs_merge": "#e07b39", "dbt_like": "#c9a227",
    "delta_rs": "#3f7d4e", "floor": "#8a8a8a",
}  # fmt: skip
Value = Callable[[Figures], float | None]


def draw(measured: Measured, file: Path) -> None:
    """Write the picture as SVG, the same bytes for the same results."""
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 8, "axes.titlesize": 9})
    figure = plt.figure(figsize=(11, 9.5), layout="constrained")
    grid = figure.add_gridspec(3, 3)
    found = measured.all()
    random = [one for one in found if one.scenario == "random" and one.depth == "half"]
    local = [one for one in found if one.scenario == "local"]
    deep = [one for one in found if one.scenario == "random" and one.depth != "half" and one.keys == 500_000]
    lines: list[tuple[str, list[Figures], Value, Value, str, bool]] = [
        ("random changes: CPU s, first run", random, _millions, lambda one: one.cpu, "million keys", False),
        ("random changes: CPU s, warm", random, _millions, lambda one: one.warm_cpu, "million keys", False),
        ("random changes: MB written", random, _millions, lambda one: one.written / 1e6, "million keys", True),
        ("narrow range of keys: CPU s, first run", local, _millions, lambda one: one.cpu, "million keys", False),
        ("0.5M keys: CPU s, first run", deep, lambda one: int(one.depth), lambda one: one.cpu, "versions a key", False),
        ("random changes: peak memory, MiB", random, _millions, lambda one: one.peak / 2**20, "million keys", False),
    ]
    for number, (title, shown, across, up, label, logarithmic) in enumerate(lines):
        axes = figure.add_subplot(grid[number // 3, number % 3])
        _lines(axes, shown, across, up)
        axes.set_title(title, loc="left")
        axes.set_xlabel(label)
        axes.set_yscale("log" if logarithmic else "linear")
        if not logarithmic:
            axes.set_ylim(bottom=0)
    others = [one for one in found if one.keys == 500_000 and one.depth == "half"]
    _bars(figure.add_subplot(grid[2, :]), others)
    handles = [plt.Line2D([], [], color=colour, marker="o", markersize=3) for colour in COLOURS.values()]
    wrong = plt.Line2D([], [], color="black", marker="x", linestyle="none")
    names = [SYSTEMS[system].title for system in COLOURS]
    figure.legend([*handles, wrong], [*names, "with wrong rows"], loc="outside lower center", ncols=4, frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _millions(one: Figures) -> float:
    return one.keys / 1e6


def _lines(axes: Axes, shown: list[Figures], across: Value, up: Value) -> None:
    for system, colour in COLOURS.items():
        points = [(across(one), up(one), one.wrong) for one in shown if one.system == system]
        known = sorted((x, y, wrong) for x, y, wrong in points if x is not None and y is not None)
        width = 2.0 if system.startswith("ours") else 1.0
        axes.plot([x for x, _, _ in known], [y for _, y, _ in known], color=colour, linewidth=width)
        for x, y, wrong in known:
            axes.plot(x, y, color=colour, marker="x" if wrong else "o", markersize=6 if wrong else 3)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, shown: list[Figures]) -> None:
    """CPU seconds of the first run at half a million keys, a group for each scenario; a gap is a system that failed."""
    scenarios = [name for name in SCENARIOS if any(one.scenario == name for one in shown)]
    width = 0.8 / len(COLOURS)
    for one in shown:
        at = scenarios.index(one.scenario) + (list(COLOURS).index(one.system) - (len(COLOURS) - 1) / 2) * width
        axes.bar(at, one.cpu, width * 0.9, color=COLOURS[one.system])
        if one.wrong:
            axes.plot(at, one.cpu, marker="x", color="black", markersize=5)
    axes.set_xticks(range(len(scenarios)), [fill(SCENARIOS[name].title.split(":")[0], 20) for name in scenarios])
    axes.set_title("0.5M keys, by what is in the batch: CPU s, first run", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
