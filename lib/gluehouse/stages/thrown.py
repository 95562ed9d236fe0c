"""Telling a row rule that throws on a row from a broken machine, by the place at which Spark threw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from gluehouse.errors import ConfigError
from gluehouse.spec.contract import Contract
from gluehouse.spec.row_rule import Expression

# An exception of the chain, in which an Error such as one of memory is none.
_EXCEPTION = re.compile(r"^(?:Caused by: |.*?: )?(?:[a-z]\w*\.)+(\w+Exception)\b")
_FRAME = re.compile(r"^\s+at (?:[\w.]+/)?([\w.$]+)\(", re.M)
# What expressions call, and others too, so that the frame below them counts.
_CALLED = ("java.", "jdk.", "scala.", "org.apache.spark.errors.", "org.apache.spark.sql.errors.",
           "org.apache.spark.sql.catalyst.util.", "org.apache.spark.unsafe.")  # fmt: skip
_EXPRESSIONS = "org.apache.spark.sql.catalyst.expressions."


@contextmanager
def naming_rules_that_throw(contract: Contract) -> Iterator[None]:
    """Turn what Spark throws while it evaluates an expression over a row into ConfigError GH1093, where the contract
    has row rules of SQL; let every other error pass."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        names = [rule.name for rule in contract.row_rules if isinstance(rule, Expression)]
        thrown = thrown_by_an_expression(str(error))
        if not names or thrown is None:
            raise
        which = f"the row rule {names[0]}" if len(names) == 1 else f"one of the row rules {', '.join(names)}"
        # Without its cause: that one quotes the row.
        raise ConfigError(
            "GH1093",
            f"the SQL of {which} throws on a row ({thrown}), so that nobody can tell whether the row is good.",
            "Let it be NULL or false there: by a function that does not throw, such as try_element_at or "
            "try_to_number, or by CASE WHEN.",
        ) from None


def thrown_by_an_expression(trace: str) -> str | None:
    """The name of the exception that an expression over a row threw, None where none did. ``trace``: as Java prints it,
    with all causes.

    >>> frame = "org.apache.spark.sql.catalyst.expressions.GeneratedClass$A.next(A.java:2)"
    >>> thrown_by_an_expression(f"o1.x\\n: java.time.DateTimeException: 13\\n\\tat java.A.of(A.java:1)\\n\\tat {frame}")
    'DateTimeException'
    >>> thrown_by_an_expression(f"o1.x\\n: java.io.IOException: full\\n\\tat hadoop.A.close(A.java:1)\\n\\tat {frame}")
    """
    for one in re.split(r"^(?=Caused by: )", trace, flags=re.M)[::-1]:
        head = next((found for found in map(_EXCEPTION.match, one.splitlines()) if found), None)
        frame = next((name for name in _FRAME.findall(one) if not name.startswith(_CALLED)), "")
        if head and frame.startswith(_EXPRESSIONS):
            return head[1]
    return None
