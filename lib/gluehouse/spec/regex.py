"""Regular expressions of a configuration, in what Java (which runs them) and Python (which checks them) share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

# An escape, a class as Python reads it, the begin of a special group or a repetition, or any one character.
_PIECE = re.compile(
    r"\\N\{[^}]*\}|\\0[0-7]|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P[<=]|\(|#|[A-Za-z]+)|\{\d+(?:,\d*)?\}|.", re.S
)
_FOR_JAVA = {
    "(?P<": "write a plain group, ( )",
    "(?P=": "write the group's number, such as \\1",
    "(?(": "write it without a condition",
    "(?#": "write it without a comment",
    "{": "write \\{ for a brace, and {0,3} for {,3}",
    "\\U": "write \\u and four digits, or the character itself",
    "\\0": "write \\x00",
}


def compilable(pattern: str) -> str:
    """The pattern; raises ValueError for what is no regular expression, or none of Java's.

    >>> compilable(r"[A-Z]{3}(?:\\d|\\{)(?i:x)")
    '[A-Z]{3}(?:\\\\d|\\\\{)(?i:x)'
    """
    try:
        flags = re.compile(pattern).flags
    except (re.error, RecursionError, OverflowError) as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    for piece in _PIECE.findall(pattern):
        advice = _FOR_JAVA.get(piece) or _advice(piece)
        if advice:
            raise ValueError(f"'{pattern}' has `{piece}`, which Java does not read as Python does; {advice}")
    bare = re.sub(r"\\.", "x", pattern, flags=re.S)
    if not _closed(bare):
        raise ValueError(f"'{pattern}' has a bracket within a class, where Java begins another; write \\[")
    if flags & re.VERBOSE and "#" in bare:
        raise ValueError(f"'{pattern}' has a comment, behind which Java would miss what is put there; write it without")
    return pattern


def _advice(piece: str) -> str | None:
    if piece.startswith("(?") and re.search("[aL]", piece):
        return "write it without the flags a and L"
    if piece.startswith("[") and len(piece) > 1 and re.search(r"(?<!\\)(?:\\\\)*\\(?:b|0(?![0-7]))", piece):
        return "write \\x08 or \\x00 within a class"
    return None


def _closed(bare: str) -> bool:
    """Whether each class ends, as Java has classes within classes. A bracket that is first in one closes none."""
    depth = 0
    for bracket in re.findall(r"\[\^?\]?|\]", bare):
        depth = depth + 1 if bracket[0] == "[" else max(depth - 1, 0)
    return depth == 0


Regex = Annotated[str, AfterValidator(compilable)]
