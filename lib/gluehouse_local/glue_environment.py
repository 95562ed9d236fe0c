"""Everything a Glue run is started with: files fetched, modules installed, and the clean process environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluehouse_local import class_archive, glue_arguments, spark_settings
from gluehouse_local.artifacts import download
from gluehouse_local.environments import Environments
from gluehouse_local.python_modules import interpreter_with

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Launch:
    """A command, the whole environment of its process (nothing is inherited) and its working directory."""

    command: list[str]
    variables: dict[str, str]
    directory: Path


def container_variables(endpoint: str, region: str = "us-east-1") -> dict[str, str]:
    """What tells any AWS client where AWS is; on AWS the container's role and region do."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": spark_settings.DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": spark_settings.DUMMY_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _jars(arguments: dict[str, str], places: Environments, s3: Any, work: Path) -> tuple[list[Path], list[Path]]:
    """The jars ahead of Spark's own and those behind them.

    The runtime's jars, Delta's when asked for, are ahead; those of ``--extra-jars`` behind, or first of all.
    """
    runtime = sorted(places.base_jars.glob("*.jar"))
    if "delta" in glue_arguments.paths(arguments.get("--datalake-formats", "")):
        runtime += sorted(places.delta_jars.glob("*.jar"))
    extra = [download(s3, uri, work / "jars") for uri in glue_arguments.paths(arguments.get("--extra-jars", ""))]
    return (extra + runtime, []) if arguments.get("--user-jars-first") == "true" else (runtime, extra)


def _python_path(arguments: dict[str, str], places: Environments, s3: Any, work: Path) -> list[Path]:
    """Entries of PYTHONPATH: zips and wheels of ``--extra-py-files``, the folder of its modules, Delta's modules."""
    files = [download(s3, uri, work / "py") for uri in glue_arguments.paths(arguments.get("--extra-py-files", ""))]
    entries = [file for file in files if file.suffix != ".py"]
    entries += [work / "py"] if len(entries) < len(files) else []
    if "delta" in glue_arguments.paths(arguments.get("--datalake-formats", "")):
        entries.append(places.glue_delta)
    return entries


def prepare(
    job: dict[str, Any], arguments: dict[str, str], run_id: str, places: Environments, s3: Any, work: Path, log: Path
) -> Launch:
    """Fetch and install what ``arguments`` name, and answer how to start the script.

    ``job`` is the definition (Name, Command), ``arguments`` the effective ones, ``work`` this run's directory.
    Raises LaunchError when a script, jar, file or module is missing and SetupError when the runtime is.
    """
    endpoint = str(s3.meta.endpoint_url)
    script = download(s3, job["Command"]["ScriptLocation"], work / "script")
    for uri in glue_arguments.paths(arguments.get("--extra-files", "")):
        download(s3, uri, work)
    python = interpreter_with(
        s3,
        places.glue_python,
        places.modules,
        arguments.get("--additional-python-modules", ""),
        arguments.get("--python-modules-installer-option", ""),
        work / "modules",
        log,
    )
    (work / "tmp").mkdir(parents=True, exist_ok=True)
    ahead, behind = _jars(arguments, places, s3, work)
    options = " ".join(
        (spark_settings.SHORT_RUN, spark_settings.log_options(work / "conf"), *class_archive.options(places))
    )
    spark_settings.write(work / "conf", spark_settings.defaults(endpoint, ahead, work, options))
    properties = ["--properties-file", str(work / "conf" / "spark-defaults.conf")]
    conf = [text for pair in glue_arguments.spark_conf(arguments.get("--conf", "")) for text in ("--conf", pair)]
    python_path = _python_path(arguments, places, s3, work)
    search = [str(python.parent), *([f"{places.java_home}/bin"] if places.java_home else []), _SYSTEM_PATH]
    variables = {
        **glue_arguments.customer_variables(arguments.get("--customer-driver-env-vars", "")),
        **container_variables(endpoint),
        "PATH": ":".join(search),
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
        "AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT": "true",
        "SPARK_HOME": str(places.spark_home()),
        "SPARK_CONF_DIR": str(class_archive.empty_directory(places)),
        **({"SPARK_DIST_CLASSPATH": ":".join(str(jar) for jar in behind)} if behind else {}),
        "SPARK_LOCAL_DIRS": str(work / "tmp"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        **({"JAVA_HOME": str(places.java_home)} if places.java_home else {}),
        **({"PYTHONPATH": ":".join(str(entry) for entry in python_path)} if python_path else {}),
    }
    script_arguments = glue_arguments.script_arguments(arguments, job["Name"], run_id)
    return Launch([str(places.launcher()), *properties, *conf, str(script), *script_arguments], variables, work)
