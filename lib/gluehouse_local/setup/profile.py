"""Runtime profiles: which versions of Glue the code runs on here, and with what each is set up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """A version of AWS Glue on this machine: its Python, its Spark, and where its tools and tests live.

    ``name`` is the head of its files in ``requirements``; ``venv`` a folder of the checkout.
    """

    name: str
    glue: str
    python: str
    spark: str
    venv: str


GLUE_5_1 = Profile("glue-5.1", glue="5.1", python="3.11", spark="3.5", venv=".venv")
GLUE_6_0 = Profile("glue-6.0", glue="6.0", python="3.13", spark="4.1", venv=".cache/glue-6.0")
PROFILES = {one.name: one for one in (GLUE_5_1, GLUE_6_0)}


def profile_of_spark(version: str) -> Profile | None:
    """The profile that has this Spark; None where none has.

    >>> profile_of_spark("4.1.1").name
    'glue-6.0'
    >>> profile_of_spark("3.4.1") is None
    True
    """
    return next((one for one in PROFILES.values() if version.startswith(one.spark + ".")), None)
