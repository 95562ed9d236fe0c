"""The arguments of a Glue run, as pure functions: which value wins, what the launcher keeps, what the script gets."""

from __future__ import annotations

import re

CONSUMED = frozenset(
    {
        "--conf",
        "--extra-jars",
        "--extra-py-files",
        "--extra-files",
        "--user-jars-first",
        "--additional-python-modules",
        "--python-modules-installer-option",
        "--datalake-formats",
        "--customer-driver-env-vars",
        "--customer-executor-env-vars",
        "--scriptLocation",
    }
)
RESERVED = frozenset({"--debug", "--mode", "--JOB_NAME", "--endpoint"})
_CHAINED = re.compile(r"\s+--conf\s+")
_NEXT_VARIABLE = re.compile(r",(?=CUSTOMER_\w*=)")


def effective(default: dict[str, str], run: dict[str, str], fixed: dict[str, str]) -> dict[str, str]:
    """Glue's precedence: NonOverridableArguments over the run's Arguments over DefaultArguments."""
    return {**default, **run, **fixed}


def spark_conf(value: str) -> list[str]:
    """The settings of ``--conf``, whose further ones are chained inside the value.

    >>> spark_conf("a.b=1 --conf c.d=x y --conf e=f=g")
    ['a.b=1', 'c.d=x y', 'e=f=g']
    """
    return [setting.strip() for setting in _CHAINED.split(value.strip()) if setting.strip()]


def paths(value: str) -> list[str]:
    """A comma-separated list of paths.

    >>> paths("s3://a/b.jar, s3://a/c.jar,")
    ['s3://a/b.jar', 's3://a/c.jar']
    """
    return [path.strip() for path in value.split(",") if path.strip()]


def customer_variables(value: str) -> dict[str, str]:
    """The variables of ``--customer-driver-env-vars``; keys without the prefix are ignored, values may hold commas.

    >>> customer_variables("CUSTOMER_A=1,CUSTOMER_B=x,y,PATH=/bin")
    {'CUSTOMER_A': '1', 'CUSTOMER_B': 'x,y,PATH=/bin'}
    >>> customer_variables("PATH=/bin")
    {}
    """
    pairs = (part.partition("=") for part in _NEXT_VARIABLE.split(value))
    return {name: text for name, _, text in pairs if name.startswith("CUSTOMER_")}


def script_arguments(arguments: dict[str, str], job_name: str, run_id: str) -> list[str]:
    """``--key value`` pairs as the script finds them in ``sys.argv``."""
    own = {"--JOB_ID": f"j_{run_id.removeprefix('jr_')}", "--JOB_RUN_ID": run_id, "--JOB_NAME": job_name}
    given = {key: value for key, value in arguments.items() if key not in CONSUMED}
    return [text for pair in {**given, **own}.items() for text in pair]
