"""How an object is packed. Spark's readers of text go by the end of the name, in lower case, and so do we.

The suffixes are those of Hadoop's codecs (``CompressionCodecFactory``). Its lz4 and snappy are blocks with a length
before each and no magic; the frames that the tools lz4 and snappy write are another format, which it cannot read.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from gluehouse.errors import InputError
from gluehouse.spec.signature import signature_of

HEAD_BYTES = 65536
# What is unpacked at most to see whether a small object is whole: some unpack to a thousand times their size.
_MOST_BYTES = 16 * 1024 * 1024
# Of bzip2, 256 bytes can unpack to some 5 MB.
_PIECE_BYTES = 256
_BZIP2_END = 0x1772_4538_5090
_DELIVER = "Deliver the object again, whole and packed as its name says."


class Stream(Protocol):
    """The unpacking of one stream, as zlib and bz2 have it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Opened(NamedTuple):
    """The first bytes of what is packed, at most HEAD_BYTES; ``whole`` if nothing comes after them."""

    content: bytes
    whole: bool


class Codec(NamedTuple):
    """``stream`` unpacks here, None if Python cannot; ``can_end(tail, size)`` judges the last bytes;
    ``signature`` is what packed bytes begin like, None if they have no magic; ``unread(head)`` is why a run
    cannot unpack what begins so."""

    name: str
    suffix: str
    signature: str | None
    stream: Callable[[], Stream] | None = None
    can_end: Callable[[bytes, int], bool] = lambda tail, size: True
    unread: Callable[[bytes], str | None] = lambda head: None


def _gzip_can_end(tail: bytes, size: int) -> bool:
    """The last four bytes count what the last member unpacks to, modulo 2^32 (RFC 1952), and deflate packs at most
    1032 bytes into one (zlib's technical notes). Of an object that was cut off they are any number."""
    return int.from_bytes(tail[-4:], "little") <= 1032 * size


def _bzip2_can_end(tail: bytes, size: int) -> bool:
    """A stream ends with a mark of 48 bits, a sum of 32, and up to 7 bits to fill a byte. Hadoop's reader takes the
    last whole stream for the end, and says nothing of what stands behind it."""
    bits = int.from_bytes(tail, "big")
    return any(bits >> (32 + filling) & 0xFFFF_FFFF_FFFF == _BZIP2_END for filling in range(8))


def _skippable(head: bytes) -> str | None:
    """A zstd may hold frames to skip (RFC 8878, 3.1.2). The reader of ours takes none; of one further on it says so."""
    return "begins with a frame to skip, as pzstd writes it" if head[1:4] == b"\x2a\x4d\x18" else None


CODECS = (
    Codec("gzip", ".gz", "gzip", lambda: zlib.decompressobj(wbits=31), _gzip_can_end),
    Codec("bzip2", ".bz2", "bzip2", bz2.BZ2Decompressor, _bzip2_can_end),
    Codec("zlib", ".deflate", None, zlib.decompressobj),
    Codec("zstd", ".zst", "zstd", unread=_skippable),
    Codec("Hadoop's lz4", ".lz4", None),
    Codec("Hadoop's snappy", ".snappy", None),
)


def codec_of(uri: str) -> Codec | None:
    """The codec that Spark unpacks the object with, by its name.

    >>> codec_of("s3://b/a.csv.gz").name, codec_of("s3://b/a.csv.GZ")
    ('gzip', None)
    """
    return next((codec for codec in CODECS if uri.endswith(codec.suffix)), None)


def opened(uri: str, head: bytes, tail: bytes, size: int) -> Opened | None:
    """The beginning of what the object holds; None where only Spark can unpack it. ``size`` in bytes, as packed.

    Raises InputError GH2005 (not packed as its name says), GH2020 (cut off or damaged, as far as that shows).
    """
    codec, entire = codec_of(uri), len(head) >= size
    if codec is None:
        return Opened(head[:HEAD_BYTES], entire and len(head) <= HEAD_BYTES)
    found = signature_of(head)
    if found != codec.signature and (codec.signature or codec.stream is None):
        begins = f"begins like {found} and not like {codec.name}" if found else f"does not begin like {codec.name}"
        raise InputError("GH2005", f"{uri} is named {codec.suffix} but {begins}.", _DELIVER)
    unread = codec.unread(head)
    if unread:
        raise InputError("GH2005", f"{uri} {unread}, which no run can read.", f"Pack it with {codec.name} itself.")
    if not codec.can_end(tail, size):
        why = "it was cut off, or more stands behind"
        raise InputError("GH2020", f"the last bytes of {uri} are not those of {codec.name}: {why}.", _DELIVER)
    return None if codec.stream is None else _unpacked(uri, codec, codec.stream, head, entire)


def _unpacked(uri: str, codec: Codec, stream: Callable[[], Stream], head: bytes, entire: bool) -> Opened:
    content, length, current, rest = bytearray(), 0, stream(), head
    most = _MOST_BYTES if entire else HEAD_BYTES
    while rest and length < most:
        piece, rest = rest[:_PIECE_BYTES], rest[_PIECE_BYTES:]
        unpacked = _next(uri, codec, current, piece, begun=bool(content or codec.signature))
        length += len(unpacked)
        content += unpacked[: HEAD_BYTES - len(content)]
        if current.eof:
            rest = current.unused_data + rest
            if not rest or signature_of(rest) != codec.signature:
                # What is no further stream is left to Spark's own codec.
                return Opened(bytes(content), entire and not rest and length <= HEAD_BYTES)
            current = stream()
    if entire and not rest:
        raise InputError("GH2020", f"{uri} ends before its {codec.name} does: it was cut off.", _DELIVER)
    return Opened(bytes(content), False)


def _next(uri: str, codec: Codec, stream: Stream, piece: bytes, begun: bool) -> bytes:
    try:
        return stream.decompress(piece)
    except (zlib.error, OSError) as error:
        if begun:
            raise InputError("GH2020", f"the {codec.name} of {uri} is damaged: {error}.", _DELIVER) from error
        raise InputError(
            "GH2005", f"{uri} is named {codec.suffix} but cannot be unpacked: {error}.", _DELIVER
        ) from error
