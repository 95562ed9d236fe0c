"""``python -m gluehouse_local start|stop|status|reset``: the laptop's AWS as a server that stays."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gluehouse.errors import GluehouseError
from gluehouse_local.server import DEFAULT_STATE, LocalAws

# Modules that bring a command of their own, as an attribute ``command``.
_MORE = ("demo", "deploy", "stage")


class Commands(click.Group):
    """Loads the further modules only when they are asked for; shows the text of our errors and nothing else of them."""

    def list_commands(self, context: click.Context) -> list[str]:
        more = [name for name in _MORE if importlib.util.find_spec(f"gluehouse_local.{name}")]
        return sorted([*super().list_commands(context), *more])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in self.list_commands(context) and name not in self.commands:
            self.add_command(importlib.import_module(f"gluehouse_local.{name}").command, name)
        return super().get_command(context, name)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except GluehouseError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """The laptop's AWS, on 127.0.0.1 only."""


def _state(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--state-dir", type=click.Path(path_type=Path), default=DEFAULT_STATE, help="where its logs and objects lie"
    )(command)


@main.command()
@click.option("--port", default=0, help="a port of 127.0.0.1; any free one when not given")
@_state
def start(state_dir: Path, port: int) -> None:
    """Start it in the background and say how to reach it."""
    aws = LocalAws(state_dir, port=port)
    endpoint = aws.start(detached=True)
    click.echo(f"export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION=us-east-1")
    click.echo("export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test")
    click.echo(f"# logs and objects are in {aws.state}", err=True)


@main.command()
@_state
def stop(state_dir: Path) -> None:
    """End it and everything it started."""
    LocalAws(state_dir).stop()


@main.command()
@_state
def status(state_dir: Path) -> None:
    """Show where it is and the Glue runs it had."""
    aws = LocalAws(state_dir)
    told = aws.status()
    click.echo(f"{told['endpoint']}  process {told['pid']}")
    for job_run in told["runs"]:
        log = aws.run_log(job_run["Id"])
        click.echo(f"{job_run['JobRunState']:<10} {job_run['ExecutionTime']:>4} s  {job_run['JobName']}  {log}")


@main.command()
@_state
def reset(state_dir: Path) -> None:
    """Forget buckets, tables, stacks, executions and runs."""
    LocalAws(state_dir).reset()


if __name__ == "__main__":
    main()
