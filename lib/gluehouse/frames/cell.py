"""A delivered value as its column's contract takes it: without null tokens, in the agreed type."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.frames.nested import in_type, is_kept, parsed_type, same_shape
from gluehouse.spec.contract import Column as ContractColumn
from gluehouse.spec.time_format import names_an_offset

# What Spark reads as a value of some type, though there is no digit in it.
_WORDS = (
    *("t", "true", "y", "yes", "f", "false", "n", "no", "inf", "infinity", "nan"),
    *("epoch", "now", "today", "tomorrow", "yesterday"),
)
# A day at least, and of a second no more than Spark keeps: microseconds.
_TIMESTAMP = r"^\s*\d{4,}-\d{1,2}-\d{1,2}([ T]([^.]*|[^.]*\.\d{0,6}0*(\D.*)?))?\s*$"
# A pattern that reads the zone behind all else, and such a zone.
_ENDS_IN_ZONE = re.compile(r"(?P<clock>.*?)\[?(VV|X{1,5}|x{1,5}|Z{1,5}|O{1,4}|z{1,3})\]?")
_ZONE = "((GMT|UTC|UT)?[+-][0-9]{1,2}(:?[0-9]{2}){0,2}|Z|[A-Za-z]{2}[A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)$"
# Of these nobody knows which unit a number of a time is in.
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_FLOATING = ("float", "double")


@dataclass(frozen=True)
class Cell:
    """The values of one column, delivered in the type ``delivered_type`` (as DDL says it), of which the ``tokens`` mean
    NULL; ``default`` stands for what is NULL then. ``cleaned``: the texts are changed before they are looked at here.

    Its methods take the ``place`` of the value as SQL: Spark 3.5 has ``try_cast`` there alone.
    """

    column: ContractColumn
    delivered_type: str
    tokens: tuple[str, ...] = ()
    default: str | None = None
    cleaned: bool = False

    def given(self, place: str) -> Column:
        """The value, or NULL where it is a null token."""
        return F.expr(_without(place, self.tokens))

    def typed(self, place: str) -> Column:
        """The value in the contract's type, NULL where it cannot be had without loss: that is a violation, for which no
        default stands."""
        value = self._cast(place)
        if self.default is None:
            return value
        return F.when(self.given(place).isNull(), F.lit(self.default).cast(self.column.type)).otherwise(value)

    def _cast(self, place: str) -> Column:
        """``try_cast`` has ANSI semantics whatever the session says ('1.9' is no INT), but it lets 3.7 become 3:
        a typed value must therefore be the same after casting back."""
        column, given = self.column, self.given(place)
        if column.formats and self.delivered_type == "string":
            read = F.coalesce(*(_by_format(given, pattern, column.type) for pattern in column.formats))
            return _in_zone(read, column.zone).cast(column.type)
        if column.zone and self.delivered_type == "timestamp_ntz":
            return _in_zone(given.cast("timestamp"), column.zone)
        if self.delivered_type == column.type:
            return given
        if column.type.endswith(">") and self.delivered_type.endswith(">"):
            return _of_nested(place, self.delivered_type, column.type)
        if self.delivered_type == "string":
            tokens = [token for token in self.tokens if _may_be_a_value(token, column.type)]
            return _of_text(_without(place, tokens), column.type)
        same, typed = _is_same(place, self.delivered_type, column.type), _tried(place, self.delivered_type, column.type)
        return F.when(F.expr(same), F.expr(typed))


def _of_nested(place: str, of: str, to: str) -> Column:
    """The whole value, or NULL where anything within is lost, or its structs have other fields."""
    wanted = parsed_type(to)
    if wanted.simpleString() == of:
        return F.expr(place)
    delivered = parsed_type(of)
    if not same_shape(delivered, wanted):
        return F.lit(None).cast(to)
    kept = F.expr(is_kept(place, delivered, wanted, _is_same))
    return F.when(kept, F.expr(in_type(place, delivered, wanted, _tried)))


def _tried(place: str, of: str, to: str) -> str:
    return f"try_cast({place} AS {to})"


def _is_same(place: str, of: str, to: str) -> str:
    """Whether a cast back gives the value again."""
    if to == "timestamp" and of.startswith(_NUMBERS):
        return f"{place} IS NULL"
    same = f"{_tried(_tried(place, of, to), to, of)} <=> {place}"
    if of == "string" and to.startswith("decimal"):
        # The text of a decimal has no large exponent, and Spark would stop at one.
        same = f"(coalesce({place} NOT RLIKE '[eE][+-]?[0-9]{{3}}', true) AND {same})"
    if (of in _FLOATING and to == "bigint") or (to in _FLOATING and of == "bigint"):
        # Spark takes 2^63 for the largest BIGINT, which is one less, and that for 2^63.
        same = f"({same} AND NOT {place} <=> CAST('9223372036854775807' AS {of}))"
    return same


def _without(place: str, tokens: list[str] | tuple[str, ...]) -> str:
    if not tokens:
        return place
    listed = ", ".join(f"cast(X'{token.encode().hex()}' AS string)" for token in tokens)
    return f"CASE WHEN NOT {place} IN ({listed}) THEN {place} END"


def _may_be_a_value(token: str, to: str) -> bool:
    """Whether a cast of the text could give a value; of others it is NULL anyway, and need not be asked for."""
    return to == "binary" or bool(re.search(r"\d", token)) or token.strip().lower().lstrip("+-") in _WORDS


def _of_text(text: str, to: str) -> Column:
    """The cast, where it uses all of the text: one to DATE stops at a T, one to DECIMAL rounds, one to DOUBLE makes an
    infinity of a number that is too large, 0 of one that is too small, and takes Java's suffixes, and one to TIMESTAMP
    takes a time of day for one of today, and an hour that a zone's clocks skipped for the next."""
    value = F.expr(f"try_cast({text} AS {to})")
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", to)
    if decimal:
        return _decimal(text, int(decimal[1]), int(decimal[2]))
    if to in ("float", "double"):
        digits, other = F.expr(text).rlike("[0-9]"), F.expr(text).rlike("[dDfFxX]")
        in_range = (F.abs(value) < F.lit(float("inf"))) & ((value != 0) | ~F.expr(text).rlike("^[^eE]*[1-9]"))
        return F.when((in_range & ~other) | ~digits, value)
    if to == "date":
        return F.when(F.expr(text).rlike(r"^\s*\d{4}-\d{2}-\d{2}\s*$"), value)
    if to == "timestamp":
        clock = F.expr(f"try_cast(regexp_replace({text}, '[A-Za-z]{{2}}.*$', '') AS timestamp)")
        shown = F.from_utc_timestamp(value, F.regexp_extract(F.expr(text), r"[A-Za-z]{2}\S*", 0))
        # No zone whose name ends in a digit skips an hour, and most texts end in one.
        fixed = F.expr(f"substring({text}, -1, 1) BETWEEN '0' AND '9'") | ~F.expr(text).rlike("[A-Za-z]{2}")
        return F.when(F.expr(text).rlike(_TIMESTAMP) & (fixed | (shown == clock)), value)
    return value


def _decimal(text: str, precision: int, scale: int) -> Column:
    most = 38 - (precision - scale)
    # Of a larger exponent Spark would write out all zeros, or stop at it. With a NULL in the place of the empty text it
    # would read the text three times.
    large = f"(contains({text}, 'e') OR contains({text}, 'E')) AND {text} RLIKE '[eE][+-]?0*[1-9][0-9]{{2}}'"
    plain = f"CASE WHEN {large} THEN substring({text}, 1, 0) ELSE {text} END"
    # The text is read once.
    exact = F.expr(f"try_cast({plain} AS decimal(38,{most}))")
    fitting = F.expr(f"try_cast(try_cast({plain} AS decimal(38,{most})) AS decimal({precision},{scale}))")
    # What has more decimals than that loses them without a word: it is long, or has an exponent with a minus.
    short = (F.length(F.expr(text)) <= most) & (F.expr(f"locate('-', {text}, 2)") == 0)
    kept = rf"^\s*[+-]?\d*(\.\d{{0,{scale}}}0*|\.\d{{0,{most}}}[eE]\+?\d+|[eE]\+?\d+)?\s*$"
    if most > 9:
        kept += rf"|^.{{1,{most - 9}}}[eE]-\d\s*$"
    return F.when((fitting == exact) & (short | F.expr(text).rlike(kept)), fitting)


def _by_format(text: Column, pattern: str, to: str) -> Column:
    """What clocks showed, of a text that says no zone; of one that does the instant, but for a DATE the day that is
    written there. NULL for an hour that the clocks of the zone which is named skipped."""
    read, found = F.try_to_timestamp(text, F.lit(pattern)), _ENDS_IN_ZONE.fullmatch(pattern)
    if found is None or names_an_offset(found["clock"]) or not (to == "date" or pattern.endswith("VV")):
        return read
    of_clock = F.lit(found["clock"])
    clock = F.try_to_timestamp(F.regexp_replace(text, _ZONE, ""), of_clock)
    if to == "date":
        return F.when(read.isNotNull(), F.coalesce(F.try_to_timestamp(text, of_clock), clock))
    shown = F.from_utc_timestamp(read, F.regexp_extract(text, _ZONE, 0))
    return F.when(clock.isNotNull() & (shown == clock), read)


def _in_zone(clock: Column, zone: str | None) -> Column:
    """The instant at which clocks of ``zone`` showed what ``clock`` shows in UTC, the zone of every session of ours.

    NULL for an hour that the zone's clocks skipped. Of an hour that they showed twice it is the first.
    """
    if zone is None:
        return clock
    instant = F.to_utc_timestamp(clock, zone)
    return F.when(F.from_utc_timestamp(instant, zone) == clock, instant)
