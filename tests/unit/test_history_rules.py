"""Each rule of history tables has tests by name, and docs/history-rules.md says which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/history-rules.md").read_text("utf-8")
NAMED = re.compile(r"^- `(test_\w+\.py)::(test_\w+)`$", re.M)


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests/history" / file).read_text("utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_each_of_the_twelve_rules_names_a_test() -> None:
    sections = re.split(r"^## (?=\d)", PAGE, flags=re.M)[1:]
    assert [section.split(".")[0] for section in sections] == [str(number) for number in range(1, 13)]
    assert [section.splitlines()[0] for section in sections if not NAMED.search(section)] == []


def test_every_test_that_a_rule_names_is_there() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) == PAGE.count("\n- "), "each entry has the form `file.py::test`"
    assert [f"{file}::{test}" for file, test in named if test not in functions_of(file)] == []


def test_every_example_of_a_rule_is_named() -> None:
    named = set(NAMED.findall(PAGE))
    examples = {(file, test) for file in ("test_rules.py", "test_tracking.py") for test in functions_of(file)}
    assert sorted(examples - named) == []
