"""Avro before a run: the header of an object container file, and the sync marker that must stand at its end again.

Source: https://avro.apache.org/docs/1.12.0/specification/#object-container-files
"""

from __future__ import annotations

from gluehouse.errors import InputError
from gluehouse.spec.look import DELIVER, Format, Look
from gluehouse.spec.signature import signature_of

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16


def _avro(look: Look) -> None:
    if not look.head.startswith(_MAGIC):
        kind = signature_of(look.head)
        begins = f"; it begins like {kind}" if kind else ""
        raise InputError("GH2005", f"{look.uri} does not begin like an Avro container file{begins}.", DELIVER)
    refuse_cut_off(look.uri, look.found.size, look.head, look.tail)


def refuse_cut_off(uri: str, size: int, head: bytes, tail: bytes) -> None:
    """Raise InputError GH2020 where a container file does not end with the sync marker of its header.

    Of one that was cut off within a block Avro's own reader says nothing: it takes the block before for the last. A
    header that is longer than ``head`` is let through.
    """
    try:
        end = _end_of_metadata(head)
    except IndexError:
        sync = b""
    else:
        sync = head[end : end + _SYNC_BYTES]
    seen = len(sync) == _SYNC_BYTES
    if (seen and not sync.endswith(tail)) or (not seen and size <= len(head)):
        raise InputError(
            "GH2020",
            f"{uri} does not end with the sync marker of its header: it was cut off or is damaged.",
            "Deliver it again, whole.",
        )


def _end_of_metadata(head: bytes) -> int:
    """Where the map of the header ends: blocks of entries, each a text and bytes; raises IndexError behind the end."""
    at = len(_MAGIC)
    while True:
        count, at = _number(head, at)
        if count == 0:
            return at
        if count < 0:
            # Then the block's size in bytes follows.
            count, (_, at) = -count, _number(head, at)
        for _ in range(2 * count):
            length, at = _number(head, at)
            at += length
            if length < 0 or at > len(head):
                raise IndexError


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A whole number in zigzag form, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = head[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


AVRO = Format("Avro", "typed", _avro)
