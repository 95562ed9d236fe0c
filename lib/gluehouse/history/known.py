"""A history table as a batch finds it: its versions, each with the place where it lies, and what memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.history.events import payload_digest
from gluehouse.history.layout import Layout
from gluehouse.history.memory import in_types
from gluehouse.history.ranges import Range
from gluehouse.history.small import PLACE, PLACE_COLUMN, held
from gluehouse.history.surrogate import unknown_key
from gluehouse.history.value import literal, own, portable, taken, typed


class Known:
    """The table as it is: ``old`` versions (key, at, till, payload, sk, place, digest) and memory's rows.

    Each is None where there is none. Of a ``small`` table each is read once and held, also its ``visible`` rows.
    """

    def __init__(
        self,
        spark: SparkSession,
        layout: Layout,
        visible: DataFrame | None,
        memory: DataFrame | None,
        kinds: frozenset[str],
        small: bool,
        within: Callable[[Sequence[Range]], DataFrame] | None = None,
    ) -> None:
        self.spark, self.layout, self.kinds, self.small, self._within = spark, layout, kinds, small, within
        visible = None if visible is None else _placed(visible)
        if small and visible is not None:
            visible, _ = held(visible)
        if memory is not None:
            memory = in_types(memory, layout)
        if small and memory is not None:
            memory, _ = held(memory)
        self.visible, self.memory = visible, memory
        self.old = None if visible is None else self._versions(visible)

    def old_of(self, touched: DataFrame, few: bool, ranges: Sequence[Range], hold: bool) -> DataFrame | None:
        """The touched keys' versions that lie in the ``ranges``. ``few``: send the keys to every task; ``hold``: read
        them now, by as many tasks as the files are worth.

        Keys are matched column by column, not as a struct: Spark's join on plain columns is several times as fast.
        """
        if self.visible is None:
            return None
        if self._within is not None:
            rows = _placed(self._within(ranges))
        else:
            rows = reduce(DataFrame.where, [one.condition() for one in ranges], self.visible)
        names = self.layout.keys.fieldNames()
        mine = touched.select(*[F.col("key").getField(n).alias(f"__key_{n}") for n in names])
        same = [typed(own(n), self.layout.keys[n].dataType) == F.col(f"`__key_{n}`") for n in names]
        found = rows.join(F.broadcast(mine) if few else mine, on=same, how="left_semi")
        # Cut before anything is made of the rows: the less the scan does, the less code Spark compiles for it.
        return self._versions(found.localCheckpoint() if hold else found)

    def _versions(self, visible: DataFrame) -> DataFrame:
        layout = self.layout
        have = {f.name: f.dataType for f in visible.schema.fields}
        payload = F.struct(*[taken(f, have) for f in layout.payload.fields])
        sk = own(layout.surrogate) if layout.surrogate in have else F.lit(None)
        # The unknown member has no key; no version is without one.
        return (
            visible.where(own(layout.keys.fieldNames()[0]).isNotNull())
            .select(
                layout.key_struct().alias("key"),
                typed(F.col("effective_from"), layout.at).alias("at"),
                typed(F.col("effective_to"), layout.at).alias("till"),
                payload.alias("payload"),
                typed(sk, layout.sk_type).alias("sk"),
                F.col(PLACE_COLUMN).alias("place"),
            )
            .withColumn("digest", payload_digest(F.col("payload"), layout))
        )

    def remembered(self, *kinds: str) -> DataFrame | None:
        """Memory's rows of some kinds, None where memory's files have none."""
        there = [kind for kind in kinds if kind in self.kinds]
        if self.memory is None or not there:
            return None
        return self.memory.where(F.col("kind").isin(*there))

    def bounds(self, transaction: str | None) -> tuple[Column | None, Column | None]:
        """The newest accepted effective time, where the spec has a lateness, and the time before which memory was
        pruned. With ``transaction`` the newest time is that which this batch met, and the other does not count."""
        kind, at = F.col("kind"), portable(F.col("at"), self.layout.at)
        asked = self.layout.spec.lateness is not None
        times: list[DataFrame] = []
        if transaction is not None:
            horizon = self.remembered("horizon") if asked else None
            times += [] if horizon is None else [horizon.where(F.col("batch_id") == transaction)]
        else:
            memory = self.remembered(*(self.kinds - {"horizon"} if asked else {"pruned"}))
            times += [] if memory is None else [memory]
            if asked and self.old is not None:
                for end in ("at", "till"):
                    times.append(self.old.select(F.lit("version").alias("kind"), F.col(end).alias("at")))
        known = union([rows.select("kind", "at") for rows in times])
        if known is None:
            return None, None
        newest, pruned = F.max(F.when(kind != "pruned", at)), F.max(F.when(kind == "pruned", at))
        found = known.agg(newest, pruned).collect()[0]
        return (
            None if found[0] is None else literal(found[0], self.layout.at),
            None if found[1] is None else literal(found[1], self.layout.at),
        )

    def has_unknown_member(self) -> bool:
        """Whether the table has the row for facts without a version. Of a large table few files are looked at."""
        name = self.layout.surrogate
        if name is None or self.visible is None or name not in self.visible.columns:
            return False
        key = own(name)
        return not self.visible.where(key == unknown_key(self.visible.schema[name].dataType)).isEmpty()

    def high_water(self) -> int:
        """The highest BIGINT surrogate key ever given."""
        marks = self.remembered("high_water")
        given = None if marks is None else marks.agg(F.max("digest")).collect()[0][0]
        if given is None and self.old is not None:
            given = self.old.agg(F.max("sk")).collect()[0][0]
        return max(int(given or 0), 0)


def _placed(visible: DataFrame) -> DataFrame:
    """The table's rows, each with the place where it lies."""
    try:
        told = visible.select("_metadata.*").columns
    except AnalysisException:
        # Rows of no file: to be planned with, not to be written to.
        return visible.withColumn(PLACE_COLUMN, typed(F.lit(None), PLACE))
    # Delta numbers the rows of a file where the table may have deletion vectors.
    numbered = "row_index" in told
    row = F.col("_metadata.row_index") if numbered else F.lit(None).cast("bigint")
    place = F.struct(F.col("_metadata.file_path").alias("file"), row.alias("row"))
    return visible.select("*", place.alias(PLACE_COLUMN))


def union(frames: Sequence[DataFrame]) -> DataFrame | None:
    return reduce(DataFrame.unionByName, frames) if frames else None
