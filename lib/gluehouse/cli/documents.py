"""YAML files as specs, with every problem told by file, line and path before anything is built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gluehouse.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where (``line`` and, if known, ``column`` from 1, ``path`` dotted), what to write."""

    file: Path
    line: int
    path: str
    message: str
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.line}" if self.column is None else f"{self.line}:{self.column}"
        return f"{self.file}:{place}: {self.path or 'the file'}: {self.message}"


def read(file: Path, model: type[Model]) -> Model | list[Problem]:
    """The file as ``model``, or everything that is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_StrictLoader)
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(file, 1, "", f"cannot be read: {error}")]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [Problem(file, line, "", f"is no YAML: {error.problem}")]
    try:
        return model.model_validate(content)
    except ValidationError as error:
        return [_problem(file, tree, found) for found in error.errors()]


def problem_within(file: Path, path: str, text: str, line: int, column: int, message: str) -> Problem:
    """What is wrong at ``line`` and ``column`` of the text that the file has at ``path``, told by the file's own place.

    Where YAML has folded or escaped the text, or another text than the file's was read, the place in it is told beside.
    """
    source = file.read_text(encoding="utf-8")
    node, first = yaml.compose(source, Loader=_StrictLoader), 1
    for part in path.split("."):
        step = _child(node, part)
        if step is None:
            break
        node, first = step
    if isinstance(node, yaml.ScalarNode) and node.value == text:
        place = _place_within(source.split("\n"), node, line, column)
        if place is not None:
            return Problem(file, place[0], path, message, place[1])
    return Problem(file, first, path, f"{message} (line {line}, column {column} of the text)")


def refuse(problems: list[Problem]) -> None:
    """Raise ConfigError GH1001 that lists all problems, or do nothing where there is none."""
    if problems:
        told = "\n  ".join(str(problem) for problem in problems)
        raise ConfigError(
            "GH1001",
            f"the configuration has {len(problems)} problem{'s' if len(problems) > 1 else ''}:\n  {told}\n",
            "Correct these lines; config/schema has the JSON Schema for completion in an editor.",
        )


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2's booleans (``on`` and ``NO`` are text), and a key that stands twice is an error.

    PyYAML follows YAML 1.1, where ``notify: {on: …}`` has the key True, and keeps the last of two equal keys.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _problem(file: Path, tree: yaml.Node | None, found: Any) -> Problem:
    path, line = [], 1
    node = tree
    for part in found["loc"]:
        step = _child(node, part)
        if step is None:
            # Discriminated unions put their tag into the path; it stands for no node of the file.
            if not isinstance(node, yaml.MappingNode) or found["type"] in ("missing", "extra_forbidden"):
                path.append(str(part))
            continue
        node, line = step
        path.append(str(part))
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        message = "is unknown here"
    elif found["type"] not in ("missing", "value_error") and not isinstance(found["input"], dict | list):
        message += f"; found {found['input']!r}"
    return Problem(file, line, ".".join(path), message)


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None


def _place_within(lines: list[str], node: yaml.ScalarNode, line: int, column: int) -> tuple[int, int] | None:
    """Where a place of a scalar's text stands in the file, or None where YAML shows it in another form there."""
    start = node.start_mark
    if node.style == "|":
        below, told = start.line + line, node.value.split("\n")[line - 1]
        shown = lines[below] if below < len(lines) else ""
        return (below + 1, len(shown) - len(told) + column) if shown.endswith(told) else None
    indent = start.column + (node.style is not None)
    as_it_is = lines[start.line].startswith(node.value.rstrip("\n"), indent)
    return (start.line + 1, indent + column) if as_it_is else None
