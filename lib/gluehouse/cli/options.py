"""The options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Any], Any]

STACK = click.option(
    "--stack", default="gluehouse-local", show_default=True, help="The CloudFormation stack of the environment."
)
FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="In place of a stack: the folder with the zones of `python -m gluehouse_local stage`.",
)


def root(what_for: str = "") -> Option:
    """``--root``: the checkout; ``what_for`` goes on after those words."""
    return click.option(
        "--root",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default=".",
        help=f"The checkout{what_for}. Default: here.",
    )
