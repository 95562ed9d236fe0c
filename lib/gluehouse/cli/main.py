"""The command ``gluehouse``. Exit codes: 0 done, 2 an error of usage, configuration or this machine, else 1."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gluehouse import __version__
from gluehouse.aws.rerun import rerun
from gluehouse.cli import schemas
from gluehouse.cli.compile import compile_all, write_artifacts
from gluehouse.cli.contract import contract
from gluehouse.cli.history import history
from gluehouse.cli.options import STACK
from gluehouse.cli.options import root as root_option
from gluehouse.cli.quality import quality
from gluehouse.cli.quarantine import quarantine
from gluehouse.errors import ConfigError, GluehouseError, SetupError
from gluehouse.spec.plan import FromStage


@click.group()
@click.version_option(__version__)
def commands() -> None:
    """Pipelines for AWS Glue from one YAML file each."""


@commands.command()
@root_option()
def check(root: Path) -> None:
    """Check every pipeline and contract; list all problems with file and line."""
    for name, pipeline in compile_all(root).items():
        click.echo(f"{name}: ok, {pipeline.spec.process.engine}, {pipeline.spec.execution}, hash {pipeline.hash}")


@commands.command("compile")
@root_option()
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the artifacts.")
@click.option("--config-uri", default=None, help="Where that folder will be read from. Default: the folder itself.")
def compile_command(root: Path, to: Path, config_uri: str | None) -> None:
    """Compile the configuration to the JSON artifacts that Glue and Step Functions read."""
    click.echo(write_artifacts(to, config_uri or str(to.resolve()), compile_all(root)))


@commands.command()
@root_option()
def schema(root: Path) -> None:
    """Write the JSON Schemas of pipeline, contract and environment files to config/schema."""
    for file in schemas.write(root / "config/schema"):
        click.echo(file)


@commands.command("rerun")
@click.argument("run_id")
@click.option("--from", "stage", type=click.Choice(["ingest", "process", "validate", "publish"]), default="ingest")
@STACK
@click.option(
    "--allow-mass-delete",
    is_flag=True,
    help="Let this one batch past the breaker (GH4001); its plan keeps that on record.",
)
def rerun_command(run_id: str, stage: FromStage, stack: str, allow_mass_delete: bool) -> None:
    """Start a new execution for the batch of an earlier run (one that ended in Fail cannot be redriven)."""
    click.echo(rerun(run_id, stage, stack, allow_mass_delete))


commands.add_command(contract)
commands.add_command(history)
commands.add_command(quality)
commands.add_command(quarantine)


def main() -> None:
    """Entry point: a coded error is told in one line, without a traceback."""
    try:
        commands(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except GluehouseError as problem:
        click.echo(str(problem), err=True)
        sys.exit(2 if isinstance(problem, ConfigError | SetupError) else 1)
