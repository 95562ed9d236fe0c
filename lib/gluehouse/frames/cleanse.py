"""Cleaning of delivered texts: one Column in, one out. NULL stays NULL."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.spec.cleanse import TextSteps

# Unicode's property White_Space (PropList.txt, 15.0). Spark's own trim knows the blank alone.
WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_RUN = f"[{re.escape(WHITE_SPACE)}]+"
_BEYOND_ASCII = r"[^\x00-\x7F]"
_CASES: dict[str, Callable[[Column], Column]] = {"upper": F.upper, "lower": F.lower, "title": F.initcap}


def cleaned(text: Column, steps: TextSteps) -> Column:
    """The text after Unicode, trim, replace and case, in this order."""
    if steps.unicode:
        text = _normal(text, steps.unicode)
    if steps.trim == "all":
        text = F.regexp_replace(text, _RUN, " ")
    if steps.trim:
        text = F.btrim(text, F.lit(WHITE_SPACE))
    for one in steps.replace:
        text = F.regexp_replace(text, one.pattern, one.to)
    return _CASES[steps.case](text) if steps.case else text


def without_tokens(text: Column, tokens: Sequence[str]) -> Column:
    """NULL where the text is one of the tokens, as it stands."""
    return F.when(~text.isin(list(tokens)), text) if tokens else text


def _normal(text: Column, form: Form) -> Column:
    """Spark 3.5 has no function for it, and none of Java's takes texts alone. ASCII, which every form leaves as it is,
    is not sent to Python."""
    return F.coalesce(F.udf(_normalised(form), "string")(F.when(text.rlike(_BEYOND_ASCII), text)), text)


def _normalised(form: Form) -> Callable[[str | None], str | None]:
    # Sent to executors whole: it uses nothing of this package.
    def normalised(value: str | None) -> str | None:
        return None if value is None else unicodedata.normalize(form, value)

    return normalised
