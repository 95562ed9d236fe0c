"""What a JSON record says that Spark's reader alters, or passes over, without a word.

Each function answers a boolean column over ``value``, the text of a record. Each asks first what costs little and
holds of few records, because most have none of this.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.sources.opened import LINE

# No control character stands in a string as such (RFC 8259), so they can stand for what would be in the way there.
_BACKSLASH, _QUOTE, _BEGIN, _END, _OPENING, _CLOSING, _TWICE = "\x03", "\x04", "\x01", "\x02", "\x05", "\x06", "\x07"
_NAME = f"{_BEGIN}[^{_END}]*+{_END}"
# Jackson, which Spark reads JSON with, takes no deeper text.
_DEEPEST = 1000
# Not what stands between two texts. Java has digits of other scripts, too.
_OF_NUMBERS = r"-+.0-9a-fA-Fu\x80-\uffff"
_NUMBER_WITH_COMMAS = rf'"[{_OF_NUMBERS}]*+[,\\][{_OF_NUMBERS},\\]*+"(?<!",")'


def goes_on() -> Column:
    """Whether anything follows the object: Spark reads the first of a line's values, and leaves the rest unsaid.

    Where no brace but the last one closes anything, nothing can; else the line is read once more without that brace:
    if an object ends even so, it ended before.
    """
    text = F.btrim(F.col(LINE), F.lit(" \t\r\n"))
    closes_before = F.instr(text, "}") < F.length(text)
    ended = F.json_object_keys(F.substr(text, F.lit(1), F.length(text) - 1)).isNotNull()
    return ~text.endswith("}") | (closes_before & ended)


def repeats_within() -> Column:
    """Whether an object within the record names a field twice; names are compared as they are written there."""
    # A second brace is that of an object within. Of the names without their objects few records repeat any.
    names = F.array(_names())

    def repeats(text: Column) -> Column:
        listed = F.array(F.regexp_extract_all(text, F.lit('"[^"]*+"'), F.lit(0)))
        return F.exists(listed, lambda each: F.size(each) > F.size(F.array_distinct(each))) & _one_repeats(text)

    return F.when(F.locate("{", F.col(LINE), 2) > 0, F.exists(names, repeats))


def half_a_character() -> Column:
    """Whether an escape names one half of a character that has two in UTF-16: no text can hold it, and Spark puts a
    question mark there."""
    line = F.col(LINE)
    escapes = F.replace(line, F.lit("\\\\"), F.lit(""))
    pair = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    halves = F.regexp_replace(escapes, pair, "").rlike(r"\\u[dD][89a-fA-F]")
    return F.when(line.contains("\\ud") | line.contains("\\uD"), halves)


def rounds_a_number(texts: Sequence[Column]) -> Column:
    """Whether a number that stands in one of ``texts``, alone or within an object, is another one there: Spark hands
    numbers over as text by way of a double."""
    numbers = F.regexp_extract_all(
        F.col(LINE), F.lit(r"(?<=[:\[,\s])-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"), F.lit(0)
    )
    # A text that was delivered as such seldom begins so, and then it would have to hold the number's digits.
    shown = F.filter(F.array(*texts), lambda text: text.rlike(r'^(-?[0-9]|[\[{"])'))

    def altered(number: Column) -> Column:
        double = number.cast("double").cast("string")
        same = number.cast("decimal(38,18)") == double.cast("decimal(38,18)")
        return number.rlike("[.eE]") & ~F.coalesce(same, F.lit(False)) & F.exists(shown, lambda t: t.contains(double))

    # A double has 15 digits and more, and an exponent of two at least.
    return F.when(F.col(LINE).rlike("[0-9.]{17}|[0-9][eE][+-]?[0-9]{3}"), F.exists(numbers, altered))


def drops_commas(again: Column, decimals: Sequence[str]) -> Column:
    """Whether a decimal is given as a text with commas: Spark leaves them out, and 1,50 becomes 150.

    ``again``: the record, read with its ``decimals`` as texts, by their names. It is read so only where a text of the
    record could be such a number; any character of it may be an escape.
    """
    # Within a filter, so that the record is read once.
    given = F.filter(
        F.array(again),
        lambda record: F.concat(*(F.coalesce(record[name], F.lit("")) for name in decimals)).contains(","),
    )
    return F.when(F.col(LINE).rlike(_NUMBER_WITH_COMMAS), F.size(given) > 0)


def _names() -> Column:
    """The braces of the record and the names of its fields, in quotes and with their colon; nothing else."""
    plain = F.replace(F.col(LINE), F.lit("\\\\"), F.lit(_BACKSLASH))
    plain = F.replace(plain, F.lit('\\"'), F.lit(_QUOTE))
    return F.regexp_replace(plain, r'("[^"]*+"[ \t\r\n]*+:)|"[^"]*+"|[^{}"]++', "$1")


def _one_repeats(names: Column) -> Column:
    """Whether one object of ``names`` has a name twice: innermost ones are looked at and taken out, time and again."""
    marked = F.regexp_replace(names, r'"([^"]*+)"[ \t\r\n]*+:', f"{_BEGIN}$1{_END}")
    for brace, other in (("{", _OPENING), ("}", _CLOSING)):
        marked = F.regexp_replace(marked, rf"\{brace}(?=[^{_BEGIN}{_END}]*+{_END})", other)
    turns = F.least(F.length(names) - F.length(F.replace(names, F.lit("{"), F.lit(""))), F.lit(_DEEPEST))

    def without_innermost(text: Column, _turn: Column) -> Column:
        found = F.regexp_replace(text, rf"\{{[^{{}}]*?({_NAME})[^{{}}]*?\1[^{{}}]*+\}}", _TWICE)
        return F.regexp_replace(found, rf"\{{[^{{}}{_TWICE}]*+\}}", "")

    return F.aggregate(F.sequence(F.lit(1), F.greatest(turns, F.lit(1))), marked, without_innermost).contains(_TWICE)
