"""Compiling configuration: pipeline + contracts + SQL to one JSON artifact with a hash, and an index of all.

Glue 5.1 has no YAML parser, and what runs should be exactly what was checked: the artifact's place is its hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gluehouse.cli.documents import Problem, problem_within, read, refuse
from gluehouse.spec.check import AUDIT_NAME
from gluehouse.spec.contract import Contract
from gluehouse.spec.dqdl.judge import judge
from gluehouse.spec.pipeline import CompiledPipeline, PipelineSpec
from gluehouse.spec.select import fault_of

Overrides = Mapping[str, Mapping[str, Any]]


def compile_all(root: Path, overrides: Overrides | None = None) -> dict[str, CompiledPipeline]:
    """Every pipeline of ``root/config``, by name; raises ConfigError GH1001 with the problems of all files.

    ``overrides``: pipeline -> top-level fields to replace, for a run that differs from the file on purpose.
    """
    problems: list[Problem] = []
    contracts: dict[str, Contract] = {}
    for file in sorted((root / "config/contracts").glob("*.yaml")):
        contract = read(file, Contract)
        if isinstance(contract, list):
            problems += contract
            continue
        if contract.contract != file.stem:
            problems.append(
                Problem(file, 1, "contract", f"is {contract.contract}, but the file's name says {file.stem}")
            )
        contracts[contract.contract] = contract
    compiled: dict[str, CompiledPipeline] = {}
    for file in sorted((root / "config/pipelines").glob("*.yaml")):
        spec = read(file, PipelineSpec)
        if isinstance(spec, list):
            problems += spec
            continue
        spec = PipelineSpec.model_validate({**spec.model_dump(mode="json"), **(overrides or {}).get(spec.pipeline, {})})
        result = _compile(root, file, spec, contracts)
        if isinstance(result, list):
            problems += result
        else:
            compiled[spec.pipeline] = result
    refuse([*problems, *_clashes(root, compiled)])
    return compiled


def write_artifacts(folder: Path, config_uri: str, compiled: Mapping[str, CompiledPipeline]) -> Path:
    """Write ``<name>/<hash>/pipeline.json`` with its SQL files, and ``index.json``, below ``folder``.

    ``config_uri`` is where the folder will be read from. Writing the same configuration again changes nothing.
    """
    entries = {}
    for name, pipeline in compiled.items():
        place = folder / name / pipeline.hash
        place.mkdir(parents=True, exist_ok=True)
        (place / "pipeline.json").write_text(pipeline.model_dump_json(), encoding="utf-8")
        for sql, text in pipeline.sql.items():
            (place / sql).write_text(text, encoding="utf-8")
        entries[name] = {
            "uri": f"{config_uri}/{name}/{pipeline.hash}/pipeline.json",
            "hash": pipeline.hash,
            "prefix": pipeline.spec.source.prefix,
            "schedule": pipeline.spec.schedule,
        }
    index = folder / "index.json"
    index.write_text(json.dumps({"pipelines": entries}, indent=1), encoding="utf-8")
    return index


def _compile(
    root: Path, file: Path, spec: PipelineSpec, contracts: Mapping[str, Contract]
) -> CompiledPipeline | list[Problem]:
    problems = []
    if spec.pipeline != file.stem:
        problems.append(Problem(file, 1, "pipeline", f"is {spec.pipeline}, but the file's name says {file.stem}"))
    for field in ("contract", "output_contract"):
        name = getattr(spec, field)
        if name is not None and name not in contracts:
            problems.append(Problem(file, 1, field, f"names {name}; config/contracts has {sorted(contracts)}"))
    sql: dict[str, str] = {}
    if spec.process.sql is not None:
        path = root / "sql" / spec.pipeline / spec.process.sql
        if path.is_file():
            sql[spec.process.sql] = path.read_text(encoding="utf-8")
        else:
            problems.append(Problem(file, 1, "process.sql", f"names {path.relative_to(root)}, which is no file"))
    audits, wrong = _audits(root / "sql" / spec.pipeline / "audits")
    problems += wrong
    output = contracts.get(spec.output_contract or spec.contract)
    if output is not None:
        problems += _wrong_rules(file, spec, output)
    if problems:
        return problems
    try:
        pipeline = CompiledPipeline(
            name=spec.pipeline,
            spec=spec,
            contract=contracts[spec.contract],
            output_contract=contracts[spec.output_contract or spec.contract],
            sql=sql,
            audits=audits,
        )
    except ValidationError as error:
        return [Problem(file, 1, "", found["msg"].removeprefix("Value error, ")) for found in error.errors()]
    return pipeline.sealed()


def _wrong_rules(file: Path, spec: PipelineSpec, contract: Contract) -> list[Problem]:
    """What the pipeline's engine would refuse, or judge otherwise than AWS's reference, in rules of either severity."""
    return [
        problem_within(file, f"quality.{severity}", text, fault.position.line, fault.position.column, fault.message)
        for severity in ("rules", "warn")
        if (text := getattr(spec.quality, severity)) is not None
        for fault in judge(text, contract, spec.quality.engine)
    ]


def _audits(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """The audits of a pipeline by their file's name, and what is wrong in those that are no query."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))}
    faults = {name: fault for name, text in texts.items() if (fault := fault_of(text)) is not None}
    misnamed = [name for name in texts if not re.match(AUDIT_NAME, name)]
    return texts, [
        *(Problem(folder / name, line, "the audit", told) for name, (line, told) in faults.items()),
        *(Problem(folder / name, 1, "", "is named otherwise than small_letters.sql") for name in misnamed),
    ]


def _clashes(root: Path, compiled: Mapping[str, CompiledPipeline]) -> list[Problem]:
    """Two pipelines must not be fed by one object, nor write one table."""
    problems = []
    names = sorted(compiled)
    for place, name in enumerate(names):
        file = root / "config/pipelines" / f"{name}.yaml"
        for other in names[:place]:
            mine, theirs = compiled[name].spec, compiled[other].spec
            if mine.source.prefix.startswith(theirs.source.prefix) or theirs.source.prefix.startswith(
                mine.source.prefix
            ):
                problems.append(
                    Problem(file, 1, "source.prefix", f"'{mine.source.prefix}' overlaps with that of {other}")
                )
            shared = set(mine.tables) & set(theirs.tables)
            if shared:
                problems.append(Problem(file, 1, "publish", f"writes {sorted(shared)}, which {other} writes too"))
    return problems
