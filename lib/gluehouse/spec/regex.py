"""Regular expressions of a configuration, in what Java (which runs them) and Python (which checks them) share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def compilable(pattern: str) -> str:
    """The pattern; raises ValueError for what is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    return pattern


Regex = Annotated[str, AfterValidator(compilable)]
