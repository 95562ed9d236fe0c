"""Protection of a column's texts, so that who reads the tables cannot read them.

The salt goes to Python in a function's closure. A literal would stand in Spark's plans, and so in event logs and the
web interface; of a Python function they show the name.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from functools import singledispatch
from typing import Any

from pydantic import SecretBytes
from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.frames.mask import MASK
from gluehouse.spec import protect as spec

_TOKEN_BYTES = 16
Protect = Callable[[str | None], str | None]


@singledispatch
def protected(how: Any, text: Column, column: str, salt: SecretBytes | None) -> Column:
    """What stands for ``text`` of ``column``; NULL for NULL. Raises ValueError for a hash or token without a salt."""
    raise TypeError(f"no protection is known for {type(how).__name__}")


@protected.register
def _(how: spec.Hash, text: Column, column: str, salt: SecretBytes | None) -> Column:
    return F.udf(hash_with(_key(salt)), "string")(text)


@protected.register
def _(how: spec.Token, text: Column, column: str, salt: SecretBytes | None) -> Column:
    return F.udf(token_with(_key(salt), how.domain or column), "string")(text)


@protected.register
def _(how: spec.Mask, text: Column, column: str, salt: SecretBytes | None) -> Column:
    hidden = F.when(text.isNotNull(), F.lit(MASK))
    if not how.keep_last:
        return hidden
    last = text.substr(F.length(text) - how.keep_last + 1, F.lit(how.keep_last))
    return F.when(F.length(text) >= 2 * how.keep_last, F.concat(F.lit(MASK), last)).otherwise(hidden)


# The functions below are sent to executors whole, so they use nothing of this package.
def hash_with(key: bytes) -> Protect:
    """HMAC-SHA256 (RFC 2104) of the UTF-8 text, 64 hex digits.

    >>> hash_with(b"Jefe")("what do ya want for nothing?")[:16]  # RFC 4231, test case 2
    '5bdcc146bf60754e'
    """

    def hash_of(text: str | None) -> str | None:
        return None if text is None else hmac.digest(key, text.encode(), "sha256").hex()

    return hash_of


def token_with(key: bytes, domain: str) -> Protect:
    """The first 128 bits of the HMAC of domain, NUL and text, in Base32 (RFC 4648) without padding, in lower case.

    >>> token = token_with(b"Jefe", "buyer")("Ada")
    >>> len(token), token == token_with(b"Jefe", "seller")("Ada")
    (26, False)
    """
    size, before = _TOKEN_BYTES, f"{domain}\0"

    def token_of(text: str | None) -> str | None:
        if text is None:
            return None
        digest = hmac.digest(key, (before + text).encode(), "sha256")[:size]
        return base64.b32encode(digest).decode().rstrip("=").lower()

    return token_of


def _key(salt: SecretBytes | None) -> bytes:
    if salt is None:
        raise ValueError("a hash or a token needs a salt")
    return salt.get_secret_value()
