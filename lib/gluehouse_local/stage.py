"""One stage of one pipeline by ``spark-submit`` on local paths, with no AWS at all: for debugging.

The script, the plan and the arguments are those that a Glue run gets; only the zones are folders.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from gluehouse.aws import transform
from gluehouse.cli.compile import compile_all, write_artifacts
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import ObjectRef, RunPlan, batch_id_of
from gluehouse_local.debug_spark import SETTINGS, jars, java_home
from gluehouse_local.environments import CHECKOUT

SCRIPTS = {
    "ingest": "ingest_validate.py",
    "process": "transform_spark.py",
    "validate": "dq_check.py",
    "publish": "publish.py",
    "fused": "run_pipeline.py",
}


@click.command("stage")
@click.argument("pipeline")
@click.argument("stage", type=click.Choice(list(SCRIPTS)))
@click.option(
    "--input", "inputs", multiple=True, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A delivered file; the same one for every stage of a batch.",
)  # fmt: skip
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=CHECKOUT / ".cache/debug",
    help="Where the zones lie.",
)
@click.option("--dry-run", is_flag=True, help="Print the command, for a debugger, and do not run it.")
def command(pipeline: str, stage: str, inputs: tuple[Path, ...], folder: Path, dry_run: bool) -> None:
    """Run STAGE of PIPELINE by spark-submit on local files and print its manifest."""
    place = folder.resolve()
    environment = local_environment(place)
    compiled = compile_all(CHECKOUT)
    if pipeline not in compiled:
        raise ConfigError("GH1002", f"there is no pipeline {pipeline}.", f"config/pipelines has {sorted(compiled)}.")
    write_artifacts(place / "config", environment.config, compiled)
    plan = plan_of(compiled[pipeline], environment, inputs)
    plan_file = Path(environment.plan_uri(plan.pipeline, plan.run_id))
    plan = _as_first_planned(plan, plan_file)
    plan_file.parent.mkdir(parents=True, exist_ok=True)
    plan_file.write_text(plan.to_json())
    manifest = Path(environment.manifest_uri(plan.pipeline, plan.run_id, stage))
    manifest.unlink(missing_ok=True)
    if stage == "fused" and plan.engine == "lambda":
        raise ConfigError(
            "GH1004", f"{pipeline} has a Lambda, which no Glue run can hold.", "Run its stages one by one."
        )
    if stage == "process" and plan.engine == "lambda":
        transform.run(str(plan_file), environment)
    else:
        submit = spark_submit(_script(stage, plan), plan_file, environment)
        click.echo(shlex.join(submit), err=True)
        if dry_run:
            return
        subprocess.run(submit, env=_variables(), check=False)
    if not manifest.is_file():
        sys.exit(1)
    click.echo(manifest.read_text())


def local_environment(folder: Path) -> Environment:
    """All zones as folders; no ledger, lock table, catalog or topics; the salt is a variable, GLUEHOUSE_SALT."""
    zones = ("landing", "staging", "processed", "quarantine", "curated", "runs", "metrics", "config")
    return Environment.model_validate(
        {"name": "debug", "salt_secret": "env:GLUEHOUSE_SALT", **{zone: str(folder / zone) for zone in zones}}
    )


def plan_of(pipeline: CompiledPipeline, environment: Environment, inputs: tuple[Path, ...]) -> RunPlan:
    """The plan that ValidateInput would write: the same files give the same batch and run."""
    objects = tuple(_object(path.resolve()) for path in inputs)
    batch_id = batch_id_of(pipeline.name, objects)
    home = f"{environment.config}/{pipeline.name}/{pipeline.hash}"
    return RunPlan(
        pipeline=pipeline.name,
        run_id=f"debug-{batch_id[:12]}",
        batch_id=batch_id,
        config_uri=f"{home}/pipeline.json",
        config_hash=pipeline.hash,
        engine=pipeline.spec.process.engine,
        execution=pipeline.spec.execution,
        objects=objects,
        tables=pipeline.spec.tables,
        sql_uri=f"{home}/{pipeline.spec.process.sql}" if pipeline.spec.process.sql else None,
        triggered_at=datetime.now(UTC),
    )


def _as_first_planned(plan: RunPlan, plan_file: Path) -> RunPlan:
    """Its time is that of the run's first stage: the metrics of a run are found by it."""
    if not plan_file.is_file():
        return plan
    first = RunPlan.model_validate_json(plan_file.read_text())
    return plan.model_copy(update={"triggered_at": first.triggered_at})


def spark_submit(script: Path, plan_file: Path, environment: Environment) -> list[str]:
    """The command line: this checkout's modules, its jars, and the arguments of a Glue job."""
    options = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
    given = ["--plan_uri", str(plan_file), "--environment", environment.model_dump_json()]
    return [
        str(_spark_home() / "bin/spark-submit"),
        "--jars",
        ",".join(map(str, jars())),
        *options,
        str(script),
        *given,
    ]


def _variables() -> dict[str, str]:
    return {
        **os.environ,
        "JAVA_HOME": java_home(),
        "SPARK_HOME": str(_spark_home()),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": str(CHECKOUT / "lib"),
    }


def _spark_home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


def _script(stage: str, plan: RunPlan) -> Path:
    name = "transform_sql.py" if (stage, plan.engine) == ("process", "glue_sql") else SCRIPTS[stage]
    return CHECKOUT / "jobs/glue" / name


def _object(path: Path) -> ObjectRef:
    content = path.read_bytes()
    return ObjectRef(uri=str(path), size=len(content), etag=hashlib.md5(content, usedforsecurity=False).hexdigest())
