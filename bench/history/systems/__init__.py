"""The systems that are compared, one module each; by the name under which the command line knows them."""

from __future__ import annotations

from importlib import import_module

from bench.history.systems.system import System

MODULES = {"ours": "ours", "ours_dv": "ours", "mack": "mack"}
# Their names for a version's start and end.
COLUMNS = {"ours": ("effective_from", "effective_to"), "mack": ("effective_time", "end_time")}


def named(name: str) -> System:
    """Import a system and nothing of the others. Raises KeyError for a name that there is not."""
    module = import_module(f"bench.history.systems.{MODULES[name]}")
    made: System = module.system(name)
    return made


def columns_of(name: str) -> tuple[str, str]:
    return COLUMNS[MODULES[name]]
