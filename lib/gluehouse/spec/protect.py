"""How a column's text is protected: what stands in staging and in every table instead of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gluehouse.spec.model import Spec


class Hash(Spec):
    """HMAC-SHA256 of the text under the environment's salt, as 64 hex digits: the same in every column."""

    how: Literal["hash"]


class Token(Spec):
    """A shorter HMAC, as 26 letters and digits: the same for one text within a ``domain``, another in each other."""

    how: Literal["token"]
    domain: str | None = Field(
        default=None, min_length=1, description="Columns of one domain can be joined; default: the column's name"
    )


class Mask(Spec):
    """``***`` and the last characters, where these are at most half of the text, else ``***`` alone. Needs no salt."""

    how: Literal["mask"]
    keep_last: int = Field(default=0, ge=0, le=64)


Protection = Annotated[Hash | Token | Mask, Field(discriminator="how")]


def is_salted(protection: Protection | None) -> bool:
    """
    >>> is_salted(Hash(how="hash")), is_salted(Mask(how="mask")), is_salted(None)
    (True, False, False)
    """
    return isinstance(protection, Hash | Token)
