"""Texts are cleaned in one order before they are cast, and the raw form of a bad row stays what was delivered."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession

from gluehouse.frames.cleanse import WHITE_SPACE
from gluehouse.frames.parse import How, parse
from gluehouse.spec.cleanse import Cleanse
from gluehouse.spec.contract import Contract

Rows = list[Row]


def cleaned(
    spark: SparkSession, texts: list[str | None], steps: dict[str, Any], tokens: list[str], **column: Any
) -> Rows:
    """Rows of one column `a`, in the order in which they were delivered."""
    contract = Contract.model_validate(
        {"contract": "t.v1", "columns": [{"name": "n", "type": "int"}, {"name": "a", "type": "string", **column}]}
    )
    frame = spark.createDataFrame(
        [(str(place), text, "o", None) for place, text in enumerate(texts)],
        "n string, a string, _source_object string, _malformed string",
    ).coalesce(1)
    how = How(cleanse=Cleanse.model_validate({"columns": {"a": steps}}))
    return sorted(parse(frame, contract, tokens, how).collect(), key=lambda row: row["n"])


def values(rows: Rows) -> list[Any]:
    return [row["a"] for row in rows]


def rules(row: Row) -> list[str]:
    return [violation["rule"] for violation in row["_violations"]]


@pytest.mark.parametrize(
    ("steps", "delivered", "expected"),
    [
        ({"trim": "ends"}, "\u00a0\t a  b \n", "a  b"),
        ({"trim": "all"}, "\u2003 a \t\u00a0 b ", "a b"),
        ({"case": "upper"}, "straße", "STRASSE"),
        ({"case": "lower"}, "ÀB", "àb"),
        ({"case": "title"}, "saint-denis SUR mer", "Saint-denis Sur Mer"),
        ({"replace": [{"pattern": r"[^0-9]", "to": ""}]}, "+49 (0) 30-1", "490301"),
        ({"replace": [{"pattern": r"(\w+), (\w+)", "to": "$2 $1 \\$"}]}, "King, Ada", "Ada King $"),
        ({"replace": [{"pattern": "a", "to": "b"}, {"pattern": "b", "to": "c"}]}, "ab", "cc"),
        ({"unicode": "NFC"}, "e\u0301", "\u00e9"),
        ({"unicode": "NFKC"}, "\ufb01\u00a0\uff21", "fi A"),
        ({"unicode": "NFD"}, "plain", "plain"),
        ({"null_tokens": ["n/a"]}, "n/a", None),
        ({"null_tokens": ["n/a"]}, "N/A", "N/A"),
        ({}, " a ", " a "),
    ],
)
def test_each_step_does_what_it_says_and_null_stays_null(
    spark: SparkSession, steps: dict[str, Any], delivered: str, expected: str | None
) -> None:
    assert values(cleaned(spark, [delivered, None], steps, [""])) == [expected, None]


def test_null_tokens_are_looked_for_before_the_steps_and_after_them(spark: SparkSession) -> None:
    steps = {"trim": "ends", "replace": [{"pattern": "-", "to": "x"}], "case": "lower", "null_tokens": ["-", "none"]}
    assert values(cleaned(spark, ["-", " NONE ", "  ", "a-b"], steps, [""])) == [None, None, None, "axb"]


def test_unicode_comes_before_trim_and_replace_before_case(spark: SparkSession) -> None:
    steps = {"case": "lower", "replace": [{"pattern": "A", "to": "B"}], "trim": "ends", "unicode": "NFKC"}
    assert values(cleaned(spark, ["\u00a0\uff21\u00a0"], steps, [])) == ["b"]


def test_a_text_is_cast_once_it_is_clean_and_the_raw_form_is_what_was_delivered(spark: SparkSession) -> None:
    steps = {"replace": [{"pattern": r"\.", "to": ""}, {"pattern": ",", "to": "."}], "trim": "ends"}
    rows = cleaned(spark, [" 1.234,50 ", " 1.2x ", None], steps, [], type="decimal(8,2)")
    assert values(rows) == [Decimal("1234.50"), None, None]
    assert [rules(row) for row in rows] == [[], ["type(a)"], []]
    assert json.loads(rows[1]["_raw"])["a"] == " 1.2x "


@pytest.mark.parametrize(
    ("type_", "default", "value"),
    [
        ("string", "", ""),
        ("int", "7", 7),
        ("decimal(4,1)", "1.5", Decimal("1.5")),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("timestamp", "2024-02-29T08:00:00Z", dt.datetime(2024, 2, 29, 8)),
        ("boolean", "true", True),
    ],
)
def test_a_default_stands_for_null_and_never_for_what_could_not_be_cast(
    spark: SparkSession, type_: str, default: str, value: Any
) -> None:
    rows = cleaned(spark, [None, "", "?"], {"default": default}, [""], type=type_, nullable=False)
    found = values(rows)[:2]
    if type_ == "timestamp":
        found = [one.astimezone(dt.UTC).replace(tzinfo=None) for one in found]
    assert found == [value, value]
    assert [rules(row) for row in rows] == [[], [], [] if type_ == "string" else ["type(a)"]]


def test_steps_touch_texts_alone_and_a_default_also_typed_values(spark: SparkSession) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "a", "type": "int"}]})
    frame = spark.createDataFrame(
        [(5, "o", None), (None, "o", None)], "a int, _source_object string, _malformed string"
    )
    cleanse = Cleanse.model_validate({"columns": {"a": {"trim": "all", "null_tokens": ["5"], "default": "0"}}})
    assert sorted(values(parse(frame, contract, ["5"], How(cleanse=cleanse)).collect())) == [0, 5]


_PATTERNS = [("a", "b"), ("[0-9]+", "#"), ("(x)(y)", "$2$1"), (r"\s", "_")]
_TEXT = st.text(alphabet="aAxXyY09- _éßİ" + "\u00a0\u2003\u3000\t\ufb01\u0301", max_size=12)
_STEPS = st.fixed_dictionaries(
    {},
    optional={
        "null_tokens": st.lists(st.sampled_from(["-", "a", "", "09"]), max_size=2),
        "unicode": st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
        "trim": st.sampled_from(["ends", "all"]),
        "replace": st.lists(st.sampled_from(_PATTERNS).map(lambda p: {"pattern": p[0], "to": p[1]}), max_size=2),
        "case": st.sampled_from(["upper", "lower"]),
    },
)


def expected(text: str, steps: dict[str, Any], tokens: list[str]) -> str | None:
    """The same in plain Python."""
    unset = {*tokens, *steps.get("null_tokens", ())}
    if text in unset:
        return None
    if "unicode" in steps:
        text = unicodedata.normalize(steps["unicode"], text)
    if steps.get("trim") == "all":
        text = " ".join(word for word in _words(text) if word)
    text = text.strip(WHITE_SPACE) if "trim" in steps else text
    for one in steps.get("replace", ()):
        text = _replaced(text, one["pattern"])
    text = {"upper": text.upper(), "lower": text.lower()}.get(steps.get("case", ""), text)
    changed = any(steps.get(name) for name in ("unicode", "trim", "replace", "case"))
    return None if changed and text in unset else text


def _words(text: str) -> list[str]:
    for one in WHITE_SPACE:
        text = text.replace(one, " ")
    return text.split(" ")


def _replaced(text: str, pattern: str) -> str:
    if pattern == "a":
        return text.replace("a", "b")
    if pattern == "(x)(y)":
        return text.replace("xy", "yx")
    if pattern == r"\s":
        return "".join("_" if one in "\t\n\x0b\f\r " else one for one in text)
    parts, digit = [], False
    for one in text:
        if one in "0123456789":
            parts += [] if digit else ["#"]
            digit = True
        else:
            parts.append(one)
            digit = False
    return "".join(parts)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(_TEXT, min_size=1, max_size=25), steps=_STEPS)
def test_any_steps_on_any_texts_give_what_plain_python_gives(
    spark: SparkSession, texts: list[str], steps: dict[str, Any]
) -> None:
    assert values(cleaned(spark, list(texts), steps, [""])) == [expected(text, steps, [""]) for text in texts]
