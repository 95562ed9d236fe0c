"""Bytes as text in the agreed encoding, and what they are in instead.

Without a byte order mark Java, and so Spark, takes UTF-16 to be big-endian (RFC 2781 says the same).
"""

from __future__ import annotations

import codecs

from gluehouse.errors import InputError

# UTF-32's little-endian mark begins with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xef\xbb\xbf", "UTF-8"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_SAMPLE_BYTES = 512
_DELIVER = "Deliver the object again in the agreed encoding, or correct `source` in the pipeline's YAML."


def decoded(uri: str, content: bytes, agreed: str, whole: bool) -> str:
    """``content`` as text, without its byte order mark; unless it is ``whole`` it may end inside of a character.

    Raises InputError GH2005 where it is no text in the ``agreed`` encoding, or holds NUL characters.
    """
    marked = _mark_of(content)
    if marked not in (None, agreed):
        raise InputError(
            "GH2005", f"{uri} begins with the byte order mark of {marked}, where {agreed} is agreed.", _DELIVER
        )
    encoding = "utf-16-be" if agreed == "UTF-16" and marked is None else agreed
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content, final=whole)
    except UnicodeDecodeError as error:
        raise InputError("GH2005", f"{uri} is not text in {agreed} (byte {error.start}).", _DELIVER) from error
    if "\x00" in text:
        raise InputError("GH2005", f"{uri} holds NUL characters, so it is no text in {agreed}.", _DELIVER)
    # The decoder of UTF-16 has eaten its mark.
    return text.removeprefix("\ufeff") if agreed == "UTF-8" else text


def misread(content: bytes, agreed: str) -> str | None:
    """What bytes without a mark look like instead of ``agreed``, by where their NULs stand; None where that is open.

    It holds for text that is mostly ASCII, as a header with a contract's names is.
    """
    if _mark_of(content) is not None:
        return None
    sample = content[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if agreed != "UTF-16":
        return "UTF-16 without a byte order mark" if 3 * (even + odd) > len(sample) else None
    if odd > even:
        return "little-endian UTF-16 without a byte order mark (without one, big-endian is read)"
    return None if even else "an encoding other than UTF-16"


def _mark_of(content: bytes) -> str | None:
    return next((name for mark, name in _MARKS if content.startswith(mark)), None)
