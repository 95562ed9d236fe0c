"""Who evaluates a pipeline's data set rules. The one place that chooses; all behind it see reports alone."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame

from gluehouse.quality import dqdl, service
from gluehouse.quality.service import Service
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.pipeline import Quality


def evaluate(quality: Quality, frame: DataFrame, name: str, glue: Service | None = None) -> tuple[RuleReport, ...]:
    """The reports of ``rules`` and then of ``warn``, by PyDeequ or by ``glue``, which publishes under ``name``.

    Raises what gluehouse.quality.dqdl and gluehouse.quality.service do; never falls back to the other engine.
    """
    by_engine = {"deequ": partial(dqdl.evaluate, frame.sparkSession), "glue": partial(service.evaluate, glue, name)}
    judge = by_engine[quality.engine]
    return (
        *(judge(frame, quality.rules, "stop") if quality.rules else ()),
        *(judge(frame, quality.warn, "warn") if quality.warn else ()),
    )
