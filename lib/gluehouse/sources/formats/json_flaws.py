"""What a JSON record says that Spark's reader alters, or passes over, without a word.

Each function answers a boolean column over ``value``, the text of a record. Each asks first what costs little and
holds of few records, because most have none of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.sources.opened import LINE

# No control character stands in a string as such (RFC 8259), so they can stand for what would be in the way there.
_BACKSLASH, _QUOTE, _BEGIN = "\x03", "\x04", "\x01"
_NAME = r'"[^"]*+"'
# Without a possessive group Java would need stack for each name.
_PIECE = rf"[{{}}](?:{_NAME}[ \t\r\n]*+:)*+"
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
        return _repeats_a_name(text) & _one_repeats(text)

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


def alters_a_decimal(record: Column, again: Column, kept: Mapping[str, int]) -> Column:
    """Whether a decimal is another one than was delivered: of a text Spark leaves commas out, so that 1,50 becomes 150,
    and it rounds where its type has no room for all decimals.

    ``kept``: how many it has room for, by the fields of ``record``; ``again``: the same fields, read as texts. That is
    done only where the line has a text that may be a number with commas (any character of it may be an escape), or a
    number with more decimals. What a double cannot tell apart is not found.
    """
    smallest = rf'[-+".0-9](?:\.[0-9]{{{min(kept.values()) + 1}}}|[eE]-)'

    def altered(texts: Column) -> Column:
        same = (texts[name].cast("double").eqNullSafe(record[name].cast("double")) for name in kept)
        return ~reduce(and_, same)

    # Within a list, so that the record is read once.
    found = F.exists(F.array(again), altered)
    return F.when(F.col(LINE).rlike(_NUMBER_WITH_COMMAS) | F.col(LINE).rlike(smallest), found)


def _names() -> Column:
    """The braces of the record and the names of its fields, in quotes and with their colon; nothing else."""
    plain = F.replace(F.col(LINE), F.lit("\\\\"), F.lit(_BACKSLASH))
    plain = F.replace(plain, F.lit('\\"'), F.lit(_QUOTE))
    return F.regexp_replace(plain, r'("[^"]*+"[ \t\r\n]*+:)|"[^"]*+"|[^{}"]++', "$1")


def _one_repeats(names: Column) -> Column:
    """Whether one object of ``names`` has a name twice.

    A brace and the names up to the next one belong to one object: the one that it opens, or the one that it goes back
    to. By their depths and places those of an object stand together, the brace that opens it first.
    """

    def of_pieces(pieces: Column) -> Column:
        depths = _sums(F.transform(pieces, lambda piece: F.when(piece.startswith("{"), 1).otherwise(-1)))
        placed = F.transform(pieces, lambda piece, at: F.struct(at.alias("at"), piece.alias("text")))
        sorted_ = F.sort_array(
            F.zip_with(depths, placed, lambda depth, piece: F.struct(depth.alias("depth"), piece.alias("piece")))
        )
        texts = F.transform(sorted_, lambda one: one["piece"]["text"])
        opened = F.transform(texts, lambda text: F.concat(F.when(text.startswith("{"), _BEGIN).otherwise(""), text))
        return F.exists(F.split(F.array_join(opened, ""), _BEGIN), _repeats_a_name)

    return F.exists(F.array(F.regexp_extract_all(names, F.lit(_PIECE), F.lit(0))), of_pieces)


def _repeats_a_name(names: Column) -> Column:
    listed = F.array(F.regexp_extract_all(names, F.lit(_NAME), F.lit(0)))
    return F.exists(listed, lambda each: F.size(each) > F.size(F.array_distinct(each)))


def _sums(numbers: Column) -> Column:
    """The sum up to each of the numbers. Each turn adds the sum of twice as many: to append them one by one would copy
    all of them each time."""
    turns = F.sequence(F.lit(0), F.ceil(F.log2(F.size(numbers))).cast("int"))
    spans = F.transform(turns, lambda turn: F.pow(F.lit(2), turn).cast("int"))

    def further(sums: Column, span: Column) -> Column:
        return F.transform(sums, lambda up_to, at: up_to + F.coalesce(F.get(sums, at - span), F.lit(0)))

    return F.aggregate(spans, numbers, further)
