"""The documents say what the code is: every code, command, target, option, path, state and link, in both directions."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gluehouse.cli.compile import compile_all
from gluehouse.cli.main import commands as gluehouse
from gluehouse_local.__main__ import main as gluehouse_local

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
CODE = re.compile(r"\bGH\d{4}\b")
PROGRAMS = {"gluehouse": gluehouse, "gluehouse_local": gluehouse_local}


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text("utf-8") for name in names or NAMES)


def snippets(text: str) -> Iterator[str]:
    """What stands in code: the lines of fenced shell blocks without their comments, and inline code."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        yield from (line.partition("  #")[0] for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def invocations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each call of one of our programs in code: which one, and the words after it."""
    call = re.compile(r"(?:^|[\s\"(/])(?:(gluehouse)|python -m (gluehouse_local)) ([a-z][a-z-]*\b.*)")
    for snippet in snippets(text):
        found = call.search(snippet)
        if found:
            words = re.split(r"[)\"]", found[3])[0]
            yield found[1] or found[2], shlex.split(words)


def command_names(program: click.Group) -> list[str]:
    """The commands, those of a group as ``group command``."""
    names = []
    for name in program.list_commands(click.Context(program)):
        command = program.get_command(click.Context(program), name)
        names += [f"{name} {inner}" for inner in command_names(command)] if isinstance(command, click.Group) else [name]
    return names


def command_of(program: click.Group, words: list[str]) -> tuple[str, click.Command | None]:
    """The command that the words call, and its name as ``command_names`` has it."""
    command = program.get_command(click.Context(program), words[0])
    if isinstance(command, click.Group) and len(words) > 1:
        return f"{words[0]} {words[1]}", command.get_command(click.Context(command), words[1])
    return words[0], command


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def codes_in_the_source() -> set[str]:
    files = [
        *(ROOT / "lib").rglob("*.py"), *(ROOT / "jobs").rglob("*.py"),
        *(ROOT / "statemachines").glob("*.json"), *(ROOT / "deploy").glob("*"),
    ]  # fmt: skip
    return {code for file in files for code in CODE.findall(file.read_text("utf-8"))}


def documented_codes() -> dict[str, list[str]]:
    """Code -> the other cells of its row in docs/errors.md; a code that stands twice is refused."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text_of("docs/errors.md").splitlines()
        if re.match(r"\| GH\d{4} \|", line)
    ]
    codes = [row[0] for row in rows]
    assert len(set(codes)) == len(codes), f"documented twice: {sorted({c for c in codes if codes.count(c) > 1})}"
    return {row[0]: row[1:] for row in rows}


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_error_code_of_the_source_is_documented_and_every_documented_code_is_there() -> None:
    documented, used = set(documented_codes()), codes_in_the_source()
    assert sorted(used - documented) == [], "not in docs/errors.md"
    assert sorted(documented - used) == [], "in docs/errors.md, but gone from the source"


def test_every_documented_code_has_a_meaning_and_something_to_do() -> None:
    assert {code: cells for code, cells in documented_codes().items() if len(cells) != 2 or not all(cells)} == {}


def test_no_document_names_a_code_that_is_not_in_the_list() -> None:
    assert sorted(set(CODE.findall(text_of())) - set(documented_codes())) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_shown_in_a_document(program: str) -> None:
    shown = {command_of(PROGRAMS[name], words)[0] for name, words in invocations(text_of()) if name == program}
    assert sorted(set(command_names(PROGRAMS[program])) - shown) == []


def test_every_command_and_option_that_a_document_shows_is_there() -> None:
    wrong = []
    for program, words in invocations(text_of()):
        _, command = command_of(PROGRAMS[program], words)
        known = {option for parameter in command.params for option in parameter.opts} if command else set()
        given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
        if command is None or given - known:
            wrong.append(f"{program} {' '.join(words)}")
    assert wrong == []


def test_every_make_target_is_described_and_every_target_described_is_there() -> None:
    shown = {
        found
        for snippet in snippets(text_of())
        for found in re.findall(r"^make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", snippet.strip())
    }
    assert sorted(make_targets() - shown) == [], "not in any document"
    assert sorted(shown - make_targets()) == [], "not in the Makefile"


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_every_path_named_in_a_document_is_there(name: str) -> None:
    folders = "config|deploy|docs|examples|jobs|lib|requirements|sql|statemachines|tests"
    named = re.findall(rf"`((?:{folders})/[\w./*-]+)`", (ROOT / name).read_text("utf-8"))
    examples = {"config/contracts/orders.v1.yaml", "config/pipelines/orders.yaml", "config/index.json"}
    assert [path for path in named if path not in examples and not list(ROOT.glob(path.rstrip("/")))] == []


def test_the_picture_of_a_run_shows_the_states_of_the_definition() -> None:
    states = json.loads((ROOT / "statemachines/pipeline.asl.json").read_text("utf-8"))["States"]
    picture = re.search(r"^```mermaid\n(.*?)^```", text_of("README.md"), re.M | re.S)
    assert picture is not None
    drawn = set(re.findall(r"\b(?:[A-Z][a-z]+)+\b", picture[1].replace("flowchart TD", "")))
    left_out = {"RecordUnsentSuccess", "RecordUnsentFailure"}
    tasks = {name for name, state in states.items() if state["Type"] in ("Task", "Succeed", "Fail")}
    assert sorted(drawn - set(states)) == [], "no states of the definition"
    assert sorted(tasks - left_out - drawn) == [], "not in the picture"


def test_the_pipeline_of_the_readme_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"`(config/[^`]+\.yaml)`:\n\n```yaml\n(.*?)^```", text_of("README.md"), re.M | re.S)
    assert len(blocks) == 2
    for path, content in blocks:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(content, "utf-8")
    assert list(compile_all(tmp_path)) == ["orders"]
