"""The systems that are compared, one module each; by the name under which the command line knows them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from bench.history.systems.system import System


@dataclass(frozen=True)
class Known:
    """A system's module, its title, its names for a version's start and end, whether it runs on Spark, its format.

    ``seed``: the system whose table it begins with, where that is not its own; ``upgrades`` it before it begins.
    """

    module: str
    title: str
    columns: tuple[str, str] = ("effective_time", "end_time")
    spark: bool = True
    table_format: str = "delta"
    seed: str | None = None
    upgrades: bool = False


_OURS = ("effective_from", "effective_to")
SYSTEMS = {
    "ours_dv": Known("ours", "ours, with deletion vectors", _OURS, seed="ours", upgrades=True),
    "ours": Known("ours", "ours, without", _OURS),
    "mack": Known("mack", "mack 0.5.0"),
    "docs_merge": Known("docs_merge", "Delta's documented MERGE", seed="mack"),
    "dbt_like": Known("dbt_like", "like a dbt snapshot", ("dbt_valid_from", "dbt_valid_to")),
    "delta_rs": Known("delta_rs", "delta-rs 1.6.6", spark=False, seed="mack"),
    "floor": Known("floor", "DuckDB, the floor", spark=False, table_format="duckdb"),
}


def named(name: str) -> System:
    """Import a system and nothing of the others. Raises KeyError for a name that there is not."""
    module = import_module(f"bench.history.systems.{SYSTEMS[name].module}")
    made: System = module.system(name)
    return made
