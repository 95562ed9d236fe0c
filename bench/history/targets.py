"""What the engine is to reach, and whether these results say that it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.history.figures import Figures, Measured

QUARTER, HALF, ONE, TWO, FOUR = 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000


@dataclass(frozen=True)
class Target:
    """``reached`` is None where the cells that it needs were not measured; ``found`` has the figures."""

    title: str
    wanted: str
    found: str
    reached: bool | None


def targets(measured: Measured) -> list[Target]:
    """Every target, in the order in which issue and report name them."""
    ours, plain = measured.of("ours_dv", "random", TWO), measured.of("ours", "random", TWO)
    mack = measured.of("mack", "random", TWO)
    vectors, without = "2M keys, deletion vectors, against mack", "2M keys, without, against mack"
    found = [
        _ratio(f"{vectors}: CPU of the first run", mack, ours, lambda one: one.cpu, 3, _seconds),
        _ratio(f"{vectors}: CPU warm", mack, ours, lambda one: one.warm_cpu, 3, _seconds),
        _ratio(f"{vectors}: bytes written", mack, ours, lambda one: one.written, 50, _megabytes),
        _ratio(f"{without}: CPU of the first run", mack, plain, lambda one: one.cpu, 1.5, _seconds),
        _ratio(f"{without}: CPU warm", mack, plain, lambda one: one.warm_cpu, 1.5, _seconds),
    ]
    for system, name in (("ours_dv", "deletion vectors"), ("ours", "without")):
        shallow, deep = (measured.of(system, "random", HALF, depth) for depth in ("1", "8"))
        small, large = (measured.of(system, "local", keys) for keys in (QUARTER, TWO))
        found += [
            _growth(f"depth 8 against depth 1, {name}: CPU of the first run", shallow, deep, lambda one: one.cpu, 1.1),
            _growth(f"depth 8 against depth 1, {name}: CPU warm", shallow, deep, lambda one: one.warm_cpu, 1.1),
            _growth(f"key-local, 2M against .25M, {name}: CPU of the first run", small, large, lambda o: o.cpu, 1.3),
            _growth(f"key-local, 2M against .25M, {name}: CPU warm", small, large, lambda one: one.warm_cpu, 1.3),
        ]
    found += [
        _none("a repeated batch: commits of table and memory", measured, "repeat",
              lambda one: one.commits + one.memory_commits),
        _none("a confirming batch: commits of the history table", measured, "confirm", lambda one: one.commits),
        _memory_growth(measured),
        _none_wrong(measured),
    ]  # fmt: skip
    return found


def _ratio(
    title: str, theirs: Figures | None, ours: Figures | None, of: Callable[[Figures], float | None], least: float,
    shown: Callable[[float], str],
) -> Target:  # fmt: skip
    wanted = f"at least {least:g} times less"
    high, low = of(theirs) if theirs else None, of(ours) if ours else None
    if high is None or low is None:
        return Target(title, wanted, "not measured", None)
    times = high / low if low else float("inf")
    return Target(title, wanted, f"{times:.2f} times ({shown(high)} to {shown(low)})", times >= least)


def _growth(
    title: str, small: Figures | None, large: Figures | None, of: Callable[[Figures], float | None], most: float
) -> Target:
    low, high = of(small) if small else None, of(large) if large else None
    wanted = f"at most {most:g} times"
    if low is None or high is None:
        return Target(title, wanted, "not measured", None)
    return Target(title, wanted, f"{high / low:.2f} times ({_seconds(low)} to {_seconds(high)})", high / low <= most)


def _none(title: str, measured: Measured, scenario: str, of: Callable[[Figures], int]) -> Target:
    ours = [one for one in measured.all() if one.scenario == scenario and one.system.startswith("ours")]
    if not ours:
        return Target(title, "none", "not measured", None)
    return Target(title, "none", str(max(map(of, ours))), not any(map(of, ours)))


def _memory_growth(measured: Measured) -> Target:
    title, wanted = "peak memory from 1M to 4M keys, deletion vectors", "grows less than delta-rs's"
    pairs = [[measured.of(system, "random", keys) for keys in (ONE, FOUR)] for system in ("ours_dv", "delta_rs")]
    (ours_small, ours_large), (theirs_small, theirs_large) = pairs
    if ours_small is None or ours_large is None or theirs_small is None or theirs_large is None:
        return Target(title, wanted, "not measured", None)
    ours, theirs = ours_large.peak - ours_small.peak, theirs_large.peak - theirs_small.peak
    told = f"{_grown(ours_small, ours_large)} against {_grown(theirs_small, theirs_large)}"
    return Target(title, wanted, told, ours < theirs)


def _grown(small: Figures, large: Figures) -> str:
    sizes = f"{_mebibytes(small.peak)} to {_mebibytes(large.peak)}"
    return f"{_mebibytes(large.peak - small.peak)} ({sizes}; {small.cpu:.1f} to {large.cpu:.1f} CPU s)"


def _none_wrong(measured: Measured) -> Target:
    ours = [one for one in measured.all() if one.system.startswith("ours")]
    failed = sum("error" in cell for cell in measured.cells.values() if str(cell["system"]).startswith("ours"))
    title = "wrong rows of ours, in any cell"
    if not ours and not failed:
        return Target(title, "none", "not measured", None)
    wrong = sum(one.wrong for one in ours)
    return Target(title, "none", f"{wrong} in {len(ours)} cells, {failed} failed", wrong + failed == 0)


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.2f} MB"


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:.0f} MiB"
