"""The columns that a `where` names, as far as they can be told with certainty.

A `where` is Spark SQL. Only comparisons of columns with literals, joined by and, or and not, are taken apart here;
of a text with a function, a cast, an interval or anything else nothing is told.
"""

from __future__ import annotations

import re

_WORD = re.compile(
    r"""(?P<blank>\s+)|(?P<text>'[^'\\]*')|(?P<quoted>`[^`]+`)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]))|(?P<comment>--|/\*)
    |(?P<sign><=>|<>|!=|<=|>=|==|[=<>(),+*/%-])|(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "between", "like", "rlike", "true", "false", "unknown"}
# These are functions that need no parentheses.
_BARE_FUNCTIONS = re.compile(r"current_\w+|localtimestamp|user|session_user", re.IGNORECASE)


def columns_of(where: str) -> tuple[str, ...]:
    """Column names in the order of the text, or none where the text is not of the simple kind.

    >>> columns_of("country = 'DE' and not (`lat` is null or lon > 3)"), columns_of("upper(country) = 'DE'")
    (('country', 'lat', 'lon'), ())
    """
    words = [(str(found.lastgroup), found.group()) for found in _WORD.finditer(where) if found.lastgroup != "blank"]
    columns = []
    for (kind, word), (following, after) in zip(words, [*words, ("end", "")][1:], strict=True):
        if kind in ("other", "comment"):
            return ()
        if kind != "quoted" and (kind != "name" or word.lower() in _KEYWORDS):
            continue
        beside = following in ("text", "number", "quoted") or (following == "name" and after.lower() not in _KEYWORDS)
        if beside or after == "(" or _BARE_FUNCTIONS.fullmatch(word):
            return ()
        columns.append(word.strip("`"))
    return tuple(columns)
