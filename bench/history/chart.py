"""The results as one picture: a row a scenario, CPU seconds on the left, megabytes written on the right."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.history.figures import Figures, Measured
from bench.history.report import size_of
from bench.history.scenarios import SCENARIOS
from bench.history.systems import SYSTEMS

FIRST, WARM, BYTES, WRONG = "#1f5a85", "#8fbcd9", "#5b7f3b", "#b3261e"


def draw(measured: Measured, file: Path) -> None:
    """Write the picture as SVG, the same bytes for the same results."""
    groups: dict[tuple[str, int, str], list[Figures]] = {}
    for one in measured.all():
        groups.setdefault((one.scenario, one.keys, one.depth), []).append(one)
    order = list(SCENARIOS)
    places = sorted(groups, key=lambda place: (order.index(place[0]), place[2], place[1]))
    heights = [len(groups[place]) + 1.4 for place in places]
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 8, "svg.fonttype": "none"})
    figure, axes = plt.subplots(
        len(places), 2, figsize=(11, 0.28 * sum(heights) + 0.6), squeeze=False,
        gridspec_kw={"height_ratios": heights}, layout="constrained",
    )  # fmt: skip
    for (left, right), place in zip(axes, places, strict=True):
        shown = sorted(groups[place], key=lambda one: list(SYSTEMS).index(one.system), reverse=True)
        _cpu(left, shown)
        _bytes(right, shown)
        scenario, keys, depth = place
        left.set_title(f"{SCENARIOS[scenario].title}, {size_of(keys, depth)}", loc="left", fontweight="bold")
    axes[0][0].legend(loc="lower right", frameon=False)
    axes[-1][0].set_xlabel("CPU seconds of the process tree")
    axes[-1][1].set_xlabel("MB written (logarithmic)")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _cpu(axes: Axes, shown: list[Figures]) -> None:
    rows = range(len(shown))
    axes.barh([row + 0.2 for row in rows], [one.cpu for one in shown], 0.38, color=FIRST, label="first run")
    axes.barh([row - 0.2 for row in rows], [one.warm_cpu or 0 for one in shown], 0.38, color=WARM, label="warm")
    axes.set_yticks(list(rows), [SYSTEMS[one.system].title for one in shown])
    for row, one in enumerate(shown):
        said = f"{one.wrong:,} wrong rows" if one.wrong else ""
        axes.annotate(said, (one.cpu, row + 0.2), (4, 0), textcoords="offset points", va="center", color=WRONG)
    axes.margins(x=0.25)
    _plain(axes)


def _bytes(axes: Axes, shown: list[Figures]) -> None:
    sizes = [max(one.written / 1e6, 0.001) for one in shown]
    axes.barh(range(len(shown)), sizes, 0.6, color=BYTES)
    for row, (size, one) in enumerate(zip(sizes, shown, strict=True)):
        axes.annotate(f"{one.written / 1e6:.2f}", (size, row), (4, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_xlim(0.001, 2000)
    axes.set_yticks([])
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
