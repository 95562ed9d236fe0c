"""Regular expressions written for Python as Java, and so Spark, reads them.

Java's group names have no underscores, so named groups become plain ones that are known by their place. Sources:
https://docs.python.org/3.11/library/re.html and java.util.regex.Pattern of Java 17.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<\w+>|\(\?P=\w+\)|\(\?[(aLu]|.", re.S)
_ESCAPED_OR_SPECIAL = re.compile(r"\\.|[\[\]&]", re.S)
_NOT_IN_JAVA = {"(?(": "a condition on a group", "(?a": "the flag a", "(?L": "the flag L", "(?u": "the flag u"}


def named_groups(pattern: str) -> tuple[str, ...]:
    """The names of the groups, in the order of their places; raises ValueError where it is no regular expression of
    Python's and of Java's, or names no group."""
    try:
        names = tuple(re.compile(pattern).groupindex)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    if not names:
        raise ValueError(f"'{pattern}' names no column; write a group such as (?P<city>\\S+)")
    in_java(pattern)
    return names


def in_java(pattern: str) -> str:
    """The same expression in Java's syntax, to match a whole line as Python's ``fullmatch`` does.

    Raises ValueError for what Java does not have.

    >>> print(in_java(r"(?P<a_b>[x&]+) (?P=a_b)"))
    (?d)\\A(?:([x\\&]+) (?:\\1))\\z
    """
    places = re.compile(pattern).groupindex
    return f"(?d)\\A(?:{''.join(_piece(found[0], dict(places)) for found in _PIECE.finditer(pattern))})\\z"


def replacement(pattern: str, between: str) -> str:
    """What Java's ``replaceAll`` makes of a line: the named groups in order, each behind ``between``.

    >>> replacement("(?P<a>x)(y)(?P<b>z)", "|")
    '|$1|$3'
    """
    return "".join(f"{between}${place}" for place in re.compile(pattern).groupindex.values())


def _piece(text: str, places: dict[str, int]) -> str:
    if text in _NOT_IN_JAVA:
        raise ValueError(f"a regular expression has {_NOT_IN_JAVA[text]}, which Java does not know; write it without")
    if text.startswith("(?P<"):
        return "("
    if text.startswith("(?P="):
        # In a group of its own, so that a digit behind it does not become part of the number.
        return f"(?:\\{places[text[4:-1]]})"
    if text == r"\Z":
        return r"\z"
    if text.startswith("[") and len(text) > 1:
        return _character_class(text)
    return text


def _character_class(text: str) -> str:
    """Within a class Java takes [ for a class within, && for an intersection, and ] first for its end."""
    head = "[^" if text.startswith("[^") else "["
    inner = re.sub(
        r"\\.|[\[\]&]", lambda found: found[0] if found[0][0] == "\\" else "\\" + found[0], text[len(head) : -1]
    )
    return f"{head}{inner}]"
