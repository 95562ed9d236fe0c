"""The systems that are compared. Each reads the same CSV and writes Parquet; what they look at differs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from bench.history.systems.spark import ROOT, SETTINGS, SparkSystem, StageMetrics
from bench.quality.data import CONTRACT, DQDL
from gluehouse.frames.parse import DEDUPLICATED, GIVES_WAY, WARNED, parse
from gluehouse.frames.rules import check
from gluehouse.sources import file
from gluehouse.spec.contract import Contract
from gluehouse.spec.environment import REJECTED
from gluehouse.spec.row_rule import Unique
from gluehouse.spec.source import FileSource
from gluehouse.stages.zones import with_verdict

JARS = ROOT / ".cache/jars/glue-5.1"


class System(SparkSystem):
    """One way from a CSV to Parquet; ``apply`` answers how many rows it set aside, or None where it sets none aside."""

    def start(self) -> None:
        java = ROOT / ".cache/java.json"
        if java.exists():
            os.environ["JAVA_HOME"] = json.loads(java.read_text("utf-8"))["home"]
        os.environ.setdefault("SPARK_VERSION", "3.5")
        jars = [*(JARS / "delta").glob("*.jar"), *(JARS / "extra").glob("*.jar")]
        builder = SparkSession.builder.appName(f"bench {self.name}").config("spark.jars", ",".join(map(str, jars)))
        for key, value in SETTINGS.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()
        self.spark.sparkContext.setLogLevel("ERROR")
        self.metrics = StageMetrics(self.spark)
        self.contract = Contract.model_validate(CONTRACT)

    def typed(self, delivered: Path) -> DataFrame:
        """As most jobs read a CSV: by a schema, with NULL for what does not fit."""
        ddl = ", ".join(f"{column.name} {column.type}" for column in self.contract.columns)
        return self.spark.read.schema(ddl).csv(str(delivered), header=True)


class Plain(System):
    """Read and write: no rule at all."""

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        self.typed(batch).write.parquet(str(table))
        return {"aside": None}


class Ours(System):
    """What the stage Ingest & Validate does with rows: parse, judge, part good from bad in one write."""

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        source = FileSource(kind="file", format="csv", prefix="orders/", mode="changes")
        delivered = file.read(self.spark, [str(batch)], source, self._contract())
        judged = parse(delivered, self._contract(), source.null_tokens)
        with_verdict(judged.drop(DEDUPLICATED, GIVES_WAY, WARNED)).write.partitionBy(REJECTED).parquet(str(table))
        return {"aside": self.spark.read.parquet(str(table / f"{REJECTED}=true")).count()}

    def _contract(self) -> Contract:
        return self.contract


class OursWithoutUnique(Ours):
    """The ten rules of one row alone: nothing is compared with other rows, so nothing is shuffled."""

    def _contract(self) -> Contract:
        own = tuple(rule for rule in self.contract.row_rules if not isinstance(rule, Unique))
        return self.contract.model_copy(update={"row_rules": own})


class Deequ(System):
    """PyDeequ alone: the same rules over the data set, then a plain write. It tells shares, and sets no row aside."""

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        from pydeequ.dqdl import EvaluateDataQuality

        rows = self.typed(batch)
        failed = EvaluateDataQuality.process(self.spark, rows, DQDL).where("Outcome = 'Failed'").count()
        rows.write.parquet(str(table))
        return {"aside": None, "failed": failed}


class Naive(System):
    """One pass a rule: each writes what breaks it, the last one what is good."""

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        rows, good = self.typed(batch), F.lit(True)
        unique = [rule for rule in self.contract.row_rules if isinstance(rule, Unique)]
        for place, rule in enumerate(unique):
            rows = rows.withColumn(f"n{place}", F.count(F.lit(1)).over(Window.partitionBy(*rule.columns)))
        alone = [rule for rule in self.contract.row_rules if not isinstance(rule, Unique)]
        own = [check(rule, self.contract.types).isNotNull() for rule in alone]
        bad = [*own, *(F.col(f"n{place}") > 1 for place in range(len(unique)))]
        for place, broken in enumerate(bad):
            one = F.coalesce(broken, F.lit(False))
            rows.where(one).drop("n0", "n1").write.parquet(str(table / f"broken{place}"))
            good = good & ~one
        rows.where(good).drop("n0", "n1").write.parquet(str(table / "good"))
        aside = self.spark.read.parquet(*(str(table / f"broken{place}") for place in range(len(bad))))
        return {"aside": aside.distinct().count()}


SYSTEMS: dict[str, type[System]] = {
    "plain": Plain, "ours": Ours, "ours_rows": OursWithoutUnique, "deequ": Deequ, "naive": Naive,
}  # fmt: skip
TITLES = {
    "plain": "a plain write",
    "ours": "ours: 10 row rules, 2 of uniqueness, quarantine",
    "ours_rows": "ours: the 10 row rules and quarantine",
    "deequ": "PyDeequ alone, then a plain write",
    "naive": "one pass a rule",
}
