"""The change set of a batch, planned by pure functions over DataFrames.

For the keys that a batch touches, everything known of them is laid side by side, one row a position (key, at, seq):
the version that starts there, what memory holds there, the remembered snapshots and truncates, and the batch's
own events. From that each position's event is decided, the events are folded to versions once more, and the
versions are compared with the old ones, row by row. Because the fold sees every event ever accepted, the result
cannot depend on the order in which they came.

What a visible row already says is not remembered a second time. A position needs no memory row where its event
follows from the visible table: the upsert that opened a version and is shown as it came, the delete that left
a gap after a version, and what a remembered snapshot says by the version that does, or does not, cover its time.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from gluehouse.history.digest import struct_digest
from gluehouse.history.events import payload_digest
from gluehouse.history.layout import Layout
from gluehouse.history.positions import POSITION, Evidence, events_by_position
from gluehouse.history.value import typed

WRITE_POSITION, WRITE_PAYLOAD = 1, 2


def plan_changes(layout: Layout, evidence: Evidence) -> DataFrame:
    """What is known of the touched keys, the batch's events among it -> the rows that change something.

    Answer: key, at, seq, ``action`` (insert, update, delete or NULL) with ``row`` (payload, till, sk), ``closes``,
    ``remember`` (0, 1 position, 2 position and payload) with is_delete, tie, payload, digest,
    ``rejected`` and ``arrived`` (upserts of the batch there).
    """
    return _compare(layout, _fold(layout, _states(layout, evidence), evidence.has_inferred))


def boundaries(layout: Layout, evidence: Evidence) -> DataFrame:
    """What the given rows of each key have come to, without a batch.

    Answer: ``key``; ``state`` (at, seq, payload, digest): what the last upsert left, where the version that covers it
    shows otherwise; ``member`` (at, seq): the inferred member that no event has followed yet. Grain: one row a key.
    """
    rows = _states(layout, evidence).withColumn("counts", _counts(layout))
    found = F.struct(
        "at",
        "seq",
        F.col("state").alias("payload"),
        payload_digest(F.col("state"), layout).alias("digest"),
        F.when(F.col("covers"), F.col("cover.digest")).alias("shown"),
    )
    upsert = F.col("counts") & F.col("real") & F.col("state").isNotNull()
    last = rows.groupBy("key").agg(
        F.max_by(found, F.when(upsert, F.struct("at", "seq"))).alias("last"),
        F.min(F.when(F.col("bare"), F.struct("at", "seq"))).alias("member"),
    )
    return last.select(
        "key", F.when(F.col("last.digest") != F.col("last.shown"), F.col("last")).alias("state"), "member"
    )


def _states(layout: Layout, evidence: Evidence) -> DataFrame:
    """One row a position: its event, and the ``state`` that it leaves."""
    return _infer(layout, _fill(layout, events_by_position(layout, evidence)), evidence.has_inferred)


def _fill(layout: Layout, rows: DataFrame) -> DataFrame:
    """``state``: the payload an event leaves. With ignored NULLs these take the value before, since the last delete."""
    payload = F.col("event.payload")
    if not layout.spec.ignore_nulls:
        return rows.withColumn("state", payload)
    order = Window.partitionBy("key", "is_event").orderBy("at", "seq")
    life = Window.partitionBy("key", "is_event", "life").orderBy("at", "seq").rowsBetween(Window.unboundedPreceding, 0)
    # What memory holds as a whole state has been filled before: a NULL in it is one.
    starts = F.col("is_delete") | F.col("whole")
    rows = rows.withColumn("life", F.sum(starts.cast("int")).over(order.rowsBetween(Window.unboundedPreceding, 0)))
    filled = F.struct(
        *[F.last(payload.getField(f.name), ignorenulls=True).over(life).alias(f.name) for f in layout.payload.fields]
    )
    return rows.withColumn("state", F.when(F.col("event").isNotNull(), filled))


def _infer(layout: Layout, rows: DataFrame, inferred: bool) -> DataFrame:
    """Inferred members become events, beside the ``real`` ones.

    Where nothing holds one leaves the state of the next real event, or NULL in every column (``bare``: there is none);
    elsewhere the state that is there, so that it says nothing.
    """
    if not inferred:
        return rows.withColumns({"real": F.col("is_event"), "bare": F.lit(False)})
    rows = rows.withColumn("real", F.col("is_event"))
    order = Window.partitionBy("key").orderBy("at", "seq")
    rest = order.rowsBetween(Window.currentRow, Window.unboundedFollowing)
    told = F.when(F.col("real"), F.struct("is_delete", "state"))
    rows = rows.withColumns(
        {
            "told_of": (F.col("inferred") | F.col("inferred_new")) & ~F.col("real"),
            "preceding": F.last(told, ignorenulls=True).over(order),
            "following": F.first(told, ignorenulls=True).over(rest),
        }
    )
    # A delete leaves no state, so what follows it, or nothing, is taken next.
    nothing = F.struct(*[typed(F.lit(None), f.dataType).alias(f.name) for f in layout.payload.fields])
    state = F.coalesce("preceding.state", "following.state", nothing)
    return rows.withColumns(
        {
            "state": F.when(F.col("told_of"), state).otherwise(F.col("state")),
            "is_event": F.col("is_event") | F.col("told_of"),
            "bare": F.col("told_of") & F.col("preceding.state").isNull() & F.col("following").isNull(),
        }
    )


def _fold(layout: Layout, rows: DataFrame, inferred: bool) -> DataFrame:
    """Versions: ``opens`` where one starts, ``row`` (payload, till) as its interval shows it."""
    tracked = F.when(~F.col("is_delete"), _tracked_digest(layout, inferred))
    rows = rows.withColumns({"counts": _counts(layout), "tracked": tracked})
    order = Window.partitionBy("key", "counts").orderBy("at", "seq")
    rows = rows.withColumns({"before": F.lag("tracked").over(order), "next_at": F.lead("at").over(order)})
    turns = F.col("counts") & ~F.col("tracked").eqNullSafe(F.col("before"))
    so_far = order.rowsBetween(Window.unboundedPreceding, 0)
    rows = rows.withColumns({"turns": turns, "run": F.sum(turns.cast("int")).over(so_far)})
    run = _whole(Window.partitionBy("key", "counts", "run").orderBy("at", "seq"))
    of_run = {"till": F.last("next_at").over(run)}
    if not layout.all_tracked:
        of_run |= {"first_state": F.first("state").over(run), "last_state": F.last("state").over(run)}
    if layout.surrogate:
        # The version that a run showed before, if it did: moving its start earlier does not make it another.
        of_run["run_at"] = F.first("at").over(run)
        of_run["run_sk"] = F.first("old_here.sk", ignorenulls=True).over(run)
    if layout.spec.untracked.mode == "all_versions" and layout.spec.type == 2 and layout.untracked:
        told = F.when(F.col("real"), F.col("state"))
        of_run["last_state"] = F.last(told, ignorenulls=True).over(_whole(order))
    if layout.spec.type != 2:
        deletes = F.sum(F.col("is_delete").cast("int"))
        of_run["deletes_later"] = deletes.over(_whole(order)) > deletes.over(so_far)
    rows = rows.withColumns(of_run)
    visible = F.col("counts") & F.col("tracked").isNotNull()
    if layout.spec.type != 2:
        visible = visible & F.col("till").isNull()
    return rows.withColumns({"row": F.when(visible, _row(layout)), "opens": F.col("turns") & visible})


def _tracked_digest(layout: Layout, inferred: bool) -> Column:
    """The digest of what a state tracks. ``inferred``: some states are of members that facts told of."""
    if layout.all_tracked:
        own = F.col("event.digest")
        return F.when(F.col("told_of"), payload_digest(F.col("state"), layout)).otherwise(own) if inferred else own
    return struct_digest(F.col("state"), layout.payload, layout.tracked)


def _counts(layout: Layout) -> Column:
    """Whether a position's event is the last of its instant."""
    if layout.positions_show:
        return F.col("is_event")
    following = F.lead("at").over(Window.partitionBy("key", "is_event").orderBy("at", "seq"))
    return F.col("is_event") & (following.isNull() | (following != F.col("at")))


def _whole(window: WindowSpec) -> WindowSpec:
    return window.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)


def _row(layout: Layout) -> Column:
    first, last = F.col("first_state"), F.col("last_state")
    if layout.all_tracked:
        payload = F.col("state")
    elif layout.spec.type == 0:
        payload = first
    else:
        payload = F.struct(
            *[
                (first if f.name in layout.tracked else last).getField(f.name).alias(f.name)
                for f in layout.payload.fields
            ]
        )
    return F.struct(payload.alias("payload"), F.col("till").alias("till"))


def _compare(layout: Layout, rows: DataFrame) -> DataFrame:
    old = F.col("old_here")
    # Where everything is tracked, a run of equal states shows just these.
    shows = F.col("tracked") if layout.all_tracked else payload_digest(F.col("row.payload"), layout)
    rows = rows.withColumn("shows", F.when(F.col("row").isNotNull(), shows))
    same = (old.getField("digest") == F.col("shows")) & old.getField("till").eqNullSafe(F.col("row.till"))
    action = (
        F.when(F.col("opens") & old.isNull(), "insert")
        .when(F.col("opens") & ~same, "update")
        .when(~F.col("opens") & old.isNotNull(), "delete")
    )
    # With effective_at several positions share an instant: its last event speaks for the row.
    rows = rows.withColumns({"action": F.when(F.col("counts"), action), "remember": _remember(layout)})
    closes = (F.col("action") == "update") & old.getField("till").isNull() & F.col("row.till").isNotNull()
    old_sk = old.getField("sk")
    lives_on = F.col("row").isNotNull() if layout.surrogate else F.lit(False)
    return rows.select(
        *POSITION,
        "action",
        F.coalesce(closes, F.lit(False)).alias("closes"),
        F.struct(
            "row.payload",
            "row.till",
            old.getField("till").alias("old_till"),
            old.getField("place").alias("place"),
            (F.coalesce(old_sk, F.when(F.col("opens"), F.col("run_sk"))) if layout.surrogate else old_sk).alias("sk"),
            F.when(lives_on, F.col("run_at") if layout.surrogate else F.col("at")).alias("now_at"),
            F.when(lives_on, F.col("run_sk") if layout.surrogate else old_sk).alias("now_sk"),
        ).alias("row"),
        "remember",
        "is_delete",
        F.col("event.tie").alias("tie"),
        F.when(F.col("remember") == WRITE_PAYLOAD, F.col("event.payload")).alias("payload"),
        F.col("event.digest").alias("digest"),
        "rejected",
        "arrived",
        "from_batch",
    )


def _remember(layout: Layout) -> Column:
    """How much of the position's event the visible table, as it will be, does not say."""
    spec = layout.spec
    mem = F.col("mem")
    spoken = (F.col("snapshot") | F.col("snapshot_new")) & ~F.col("silent") & ~F.col("silent_new") & ~F.col("rejected")
    exact = F.col("row").isNotNull() & (F.col("event.digest") == F.col("shows"))
    # With effective_at a version's dates do not tell its event's sequence, unless only they are left of the event.
    by_dates = F.lit(layout.positions_show) | F.col("implied")
    opened = F.col("opens") & by_dates
    ends = F.col("turns") & by_dates & F.lit(spec.type == 2)
    # What memory was pruned of the version tells as well as it can: its tie-breaker is gone, and never asked for.
    tied = F.lit(layout.tie_shows) | (F.col("implied") & ~F.col("from_batch"))
    plain = ~F.col("remembered") & tied & ~F.col("inferred") & ~F.col("inferred_new")
    upsert = F.when(exact & plain & (opened | spoken), 0).when(exact, WRITE_POSITION).otherwise(WRITE_PAYLOAD)
    if spec.type == 1 and not spec.ignore_nulls:
        # Only its position can matter again: the row shows the last event, and that one is exact.
        upsert = F.least(upsert, F.lit(WRITE_POSITION))
    delete = F.when(F.col("truncate") | spoken | (ends & mem.isNull()), 0).otherwise(WRITE_PAYLOAD)
    has_it = (
        F.when(mem.isNull(), 0)
        .when(F.col("is_delete"), F.when(mem.getField("is_delete"), WRITE_PAYLOAD).otherwise(0))
        .when(mem.getField("is_delete") | F.col("from_batch"), 0)
        .when(mem.getField("payload").isNull(), WRITE_POSITION)
        .otherwise(WRITE_PAYLOAD)
    )
    need = F.when(F.col("is_delete"), delete).otherwise(upsert)
    if spec.type != 2:
        # Before a key's last delete nothing can ever show again.
        need = F.when(F.col("deletes_later"), 0).otherwise(need)
    return F.when(F.col("real") & (need > has_it), need).otherwise(0)
