"""Quarantine without Spark: which rule it was, at which line, what the commands show, and how a replay is planned."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from gluehouse.aws import storage, wiring
from gluehouse.aws.aside import AsideZone
from gluehouse.aws.replays import refuse_without_history
from gluehouse.cli.main import commands
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.contract import Contract
from gluehouse.spec.lines import lines_of
from gluehouse.spec.pipeline import CompiledPipeline, FileSource
from gluehouse.spec.plan import Replay, RunPlan, batch_id_of_replay
from gluehouse.spec.rule_fingerprint import fingerprints

AT = datetime(2024, 8, 7, 2, 15, tzinfo=UTC)
HEADER = "iata,icao,name,city,subd,country,elevation,lat,lon,tz,lid"
ROW = "AAA,NTGA,Anaa,Anaa,,PF,10,-17.3,-145.5,Pacific/Tahiti,"
GOOD = f"{HEADER}\n{ROW}\n".encode()
KEY = "airports/2024-08-06.csv.gz"


def contract(*rules: dict[str, Any], **changed: Any) -> Contract:
    columns = [
        {"name": "id", "type": "int", "nullable": False, "aliases": ["number"]},
        {"name": "name", "type": "string", "pii": "direct"},
        {"name": "town", "type": "string"},
        {"name": "net", "type": "decimal(8,2)"},
        {"name": "day", "type": "date"},
    ]
    return Contract.model_validate({"contract": "c.v1", "columns": columns, "row_rules": rules, **changed})


BETWEEN = {"rule": "between", "column": "net", "min": 0, "max": 9}


def test_a_rule_keeps_its_fingerprint_until_it_says_something_else() -> None:
    marks = [
        fingerprints(contract({**BETWEEN, **changed}))["between(net)"]
        for changed in ({}, {}, {"severity": "reject"}, {"max": 10}, {"min": None})
    ]
    assert marks[0] == marks[1] == marks[2]
    assert len(set(marks)) == 3


def test_rules_of_one_name_are_told_together_and_one_that_only_warns_not_at_all() -> None:
    one, two = ({"rule": "pattern", "column": "town", "pattern": text} for text in ("[a-z]+", "[^x]+"))
    assert len({fingerprints(contract(*rules))["pattern(town)"] for rules in ([one], [two], [one, two])}) == 3
    assert "pattern(town)" not in fingerprints(contract({**one, "severity": "warn"}))


def test_casts_and_missing_values_have_fingerprints_too() -> None:
    assert sorted(fingerprints(contract())) == ["not_null(id)", "type(day)", "type(id)", "type(net)"]


def source(**changed: Any) -> FileSource:
    given = {"kind": "file", "format": "csv", "prefix": "c/", "mode": "changes", **changed}
    return FileSource.model_validate(given)


def lines_at(raws: list[str], text: str, of: FileSource, agreed: Contract | None = None) -> dict[str, list[int]]:
    found = lines_of(raws, text, of, agreed or contract())
    return {raw: [place.line for place in places] for raw, places in found.items()}


def test_a_record_of_a_csv_is_found_by_what_quarantine_shows_of_it() -> None:
    text = ["\ufefftown,number,name,net", "Bonn,x,Ann,1", "", "Bonn,x,,1", 'Bonn,x,"Bo, b",1', "Ulm,7,Ann,99", "a,b"]
    masked = '{"id":"x","name":"***","town":"Bonn","net":"1","day":"2024-01-01"}'
    raws = [masked, '{"id":"x","town":"Bonn","net":"1"}', "a,b", '{"id":"1"}', "*** not shown"]
    keyed = source(columns_from_key=r"(?P<day>\d{4}-\d{2}-\d{2})")
    found = lines_at(raws, "\n".join(text), keyed)
    # Two records differ in a masked value alone, so both are told; what nothing is known of is not found.
    assert [found[raw] for raw in raws] == [[2, 5], [4], [7], [], []]


def test_a_record_of_json_lines_is_found_whatever_the_scale_of_its_numbers() -> None:
    text = ['{"number": 1, "net": 1.5, "town": null}', '{"id": 2, "net": "x"}', "{broken", '{"id": 1, "net": 1.5}']
    raws = ['{"id":"1","net":1.500000}', '{"id":"2","net":"x"}', "{broken"]
    found = lines_at(raws, "\r\n".join(text), source(format="json"))
    assert [found[raw] for raw in raws] == [[1, 4], [2], [3]]


MULTI_LINE = source(csv={"multi_line": True})
LOG = source(format="lines", lines={"pattern": r"(?P<id>\S+) (?P<town>.*)", "comment": "#"})
COLUMNS = [{"name": "id", "start": 1, "width": 2}, {"name": "town", "start": 4, "width": 3}]
FIXED = source(format="fixed_width", fixed_width={"columns": COLUMNS})
DOCUMENT = source(format="json_document", json_document={"records": "$.items"})
XML = source(format="xml", xml={"record": "t"})


@pytest.mark.parametrize(
    ("of", "text", "places"),
    [
        pytest.param(
            MULTI_LINE,
            '\ufeff\r\nid,town\r\n1,"a\r\nb"\r\n\r\nx,"c\r\n""d"""\r\n2,e\r\n"3\r\n",f,g\r\n',
            {'{"id":"x","town":"c\\n\\"d\\""}': [(6, 2)], '"3\n",f,g': [(9, 4)], '{"id":"y"}': []},
            id="csv",
        ),
        pytest.param(
            LOG, "#a\n1 a\r\n\nx b\u2028c\nno\n", {'{"id":"x","town":"b\u2028c"}': [(4, 2)], "no": [(5, 3)]}, id="lines"
        ),
        pytest.param(FIXED, " 1 Ulm\n\n x  a \n2\n", {'{"id":"x","town":"a"}': [(3, 2)], "2": [(4, 3)]}, id="fixed"),
        pytest.param(
            DOCUMENT,
            '\ufeff{"n": 2,\r\n "items": [{"id": 1}, {"id": "x",\n"town": {"a": [1]}},\n7, {"number": "x"}]}',
            {'{"id":"x","town":"{\\"a\\":[1]}"}': [(2, 2)], "7": [(4, 3)], '{"id":"x"}': [(4, 4)]},
            id="document",
        ),
        pytest.param(
            XML,
            "<a>\n<!-- <t id='x'/> --><t id='1'/>\n<t id='x'><town>Ulm\n</town></t> <t>y</t></a>",
            {'{"id":"x","town":"Ulm\\n"}': [(3, 2)], "<t>y</t>": [(4, 3)]},
            id="xml",
        ),
        pytest.param(XML, "<b>", {'{"id":"x"}': []}, id="what is no document any more"),
    ],
)
def test_a_record_is_found_where_it_begins_whatever_the_format(
    of: FileSource, text: str, places: dict[str, list[tuple[int, int]]]
) -> None:
    assert lines_of(list(places), text, of, contract()) == places


def put(zone: str, batch: str, *rows: dict[str, Any], stage: str = "ingest", pipeline: str = "airports") -> None:
    """Rows as ``stages.zones`` writes them."""
    full = [
        {
            "pipeline": pipeline,
            "run_id": "run-1",
            "rules": ["between(lat)"],
            "fingerprints": ["0123456789abcdef"],
            "reasons": ["lat is not in -90..90"],
            "raw": '{"iata":"BBB","lat":"99"}',
            "source_object": "s3://landing/airports/2024-08-06.csv.gz",
            "key": {"iata": "BBB"},
            "quarantined_at": AT,
            **row,
        }
        for row in rows
    ]
    content = io.BytesIO()
    table = pa.Table.from_pylist(full)
    schema = table.schema.set(table.schema.get_field_index("raw"), pa.field("raw", pa.string()))
    parquet.write_table(table.cast(schema, safe=False), content)
    folder = f"{zone}/{pipeline}/stage={stage}/batch_id={batch}"
    storage.write_bytes(f"{folder}/part-0.snappy.parquet", content.getvalue())
    storage.write_bytes(f"{folder}/_SUCCESS", b"")


def call(*words: str) -> Result:
    return CliRunner().invoke(commands, ["quarantine", *words], catch_exceptions=False)


def test_list_counts_by_stage_and_rule_and_says_that_a_folder_never_expires(tmp_path: Path) -> None:
    zone = str(tmp_path / "quarantine")
    put(zone, "b1", {}, {"rules": ["between(lat)", "type(lon)"], "reasons": ["a", "b"]})
    put(zone, "b1", {"rules": ["history.undecided_tie"], "key": None}, stage="publish")
    (tmp_path / "quarantine/airports/corrected/b1").mkdir(parents=True)
    told = json.loads(call("list", "airports", "--folder", str(tmp_path), "--format", "json").output)
    assert [(one["stage"], one["rule"], one["rows"], one["expires"]) for one in told["batches"]] == [
        ("ingest", "between(lat)", 2, "never"),
        ("ingest", "type(lon)", 1, "never"),
        ("publish", "history.undecided_tie", 1, "never"),
    ]
    assert "between(lat)" in call("list", "airports", "--folder", str(tmp_path)).output
    assert call("list", "ports", "--folder", str(tmp_path)).output == "Nothing of ports is in quarantine.\n"


def test_show_tells_reasons_and_lines_and_only_the_rule_asked_for(tmp_path: Path) -> None:
    delivered = tmp_path / "2024-08-06.csv.gz"
    delivered.write_bytes(gzip.compress(GOOD + b"BBB,,,,,,,99,,,\n"))
    at_home = {"source_object": str(delivered)}
    put(str(tmp_path / "quarantine"), "b1", {**at_home, "raw": '{"iata":"BBB","lat":"99"}'}, {"rules": ["x"]}, {})
    words = ["show", "b1", "--folder", str(tmp_path), "--rule", "between(lat)", "--limit", "1"]
    shown = call(*words, "--lines").output
    assert shown.splitlines() == [
        f"ingest: {delivered}, line 3",
        "  between(lat) [0123456789abcdef]: lat is not in -90..90",
        '  key {"iata": "BBB"}',
        '  {"iata":"BBB","lat":"99"}',
        "… and more; --limit shows more than 1, 0 all.",
    ]
    rows = [
        json.loads(line)
        for line in call("show", "b1", "--folder", str(tmp_path), "--format", "json").output.split("\n")
        if line
    ]
    assert [row["broken"][0]["rule"] for row in rows] == ["between(lat)", "x", "between(lat)"]
    assert "lines" not in rows[0]


def test_bytes_that_an_earlier_release_wrote_and_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    put(str(tmp_path / "quarantine"), "b1", {"raw": b'{"id": \xff'}, {"raw": None}, {"raw": "\u00e4".encode()})
    shown = call("show", "b1", "--folder", str(tmp_path), "--format", "json").output
    assert [json.loads(line)["raw"] for line in shown.splitlines()] == ['{"id": \ufffd', None, "\u00e4"]
    assert call("list", "airports", "--folder", str(tmp_path)).exit_code == 0


def test_show_reads_rows_of_an_earlier_release_and_sends_no_control_characters(tmp_path: Path) -> None:
    put(str(tmp_path / "quarantine"), "b1", {"fingerprints": None, "key": None, "raw": "a\x1b[2J"})
    shown = call("show", "b1", "--folder", str(tmp_path)).output
    assert "between(lat) []" in shown
    assert "\\x1b[2J" in shown
    assert "\x1b" not in shown


def test_a_batch_that_is_not_in_quarantine_and_a_checkout_without_the_pipeline_are_told(tmp_path: Path) -> None:
    put(str(tmp_path / "quarantine"), "b1", {}, pipeline="elsewhere")
    with pytest.raises(ConfigError, match="GH1490"):
        call("show", "b2", "--folder", str(tmp_path))
    with pytest.raises(ConfigError, match="GH1491"):
        call("show", "b1", "--folder", str(tmp_path), "--lines")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.json", lambda content: content),
        ("a.json.bz2", bz2.compress),
        ("a.json.deflate", zlib.compress),
        (
            "a.json.zst",
            lambda content: b"".join(pa.Codec("zstd").compress(half, asbytes=True) for half in halves(content)),
        ),
    ],
)
def test_show_unpacks_an_object_and_tells_the_number_of_a_record_of_a_document(
    root: Path, tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    reads(root, "json_document")
    (tmp_path / name).write_bytes(pack(b'[{"iata": "AAA"},\n{"iata": "BBB", "lat": 99}, 7]'))
    at_home = {"source_object": str(tmp_path / name)}
    put(str(tmp_path / "quarantine"), "b1", {**at_home, "raw": '{"iata":"BBB","lat":"99"}'}, {**at_home, "raw": "7"})
    words = ["show", "b1", "--folder", str(tmp_path), "--lines", "--root", str(root)]
    assert [line for line in call(*words).output.splitlines() if name in line] == [
        f"ingest: {tmp_path / name}, line 2 (record 2)",
        f"ingest: {tmp_path / name}, line 2 (record 3)",
    ]
    told = json.loads(call(*words, "--format", "json").output.split("\n")[0])
    assert (told["lines"], told["records"]) == ([2], [2])


def halves(content: bytes) -> tuple[bytes, bytes]:
    return content[:9], content[9:]


def reads(root: Path, form: str) -> None:
    pipeline = root / "config/pipelines/airports.yaml"
    pipeline.write_text(pipeline.read_text().replace("format: csv", f"format: {form}"))


def test_a_format_without_lines_is_told_by_its_name(root: Path, tmp_path: Path) -> None:
    reads(root, "parquet")
    put(str(tmp_path / "quarantine"), "b1", {})
    with pytest.raises(ConfigError, match=r"GH1491: airports reads parquet, and that format has no lines"):
        call("show", "b1", "--folder", str(tmp_path), "--lines", "--root", str(root))


def test_a_rule_says_which_rows_give_way_so_it_cannot_stand_alone() -> None:
    assert call("replay", "b1", "--rule", "x").exit_code == 2
    with pytest.raises(ValueError, match="a rule says which rows"):
        Replay(of="b1", rule="x")
    assert not Replay(of="b1").replaces
    assert Replay(of="b1", rule="x", drop=1).replaces


# --- planning a replay


class Desk:
    """ValidateInput on MiniStack, with one delivery of the airports that was run as ``run-1``."""

    def __init__(self, stack: Any, handler: Any) -> None:
        self.stack, self._handler, self.environment = stack, handler, stack.environment
        self.ledger = wiring.ledger(stack.environment)
        self.arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
        stack.drop(KEY, gzip.compress(GOOD, mtime=0))
        bucket = {"name": stack.outputs["LandingBucket"]}
        created = {"detail-type": "Object Created", "detail": {"bucket": bucket, "object": {"key": KEY}}}
        self.first = self.bring(created, "run-1")
        self.end("run-1")

    def bring(self, event: dict[str, Any], run_id: str) -> dict[str, Any]:
        answer = self._handler({"event": event, "run_id": run_id, "execution_arn": f"{self.arn}:{run_id}"})
        return dict(json.loads(json.dumps(answer)))

    def replay(self, run_id: str = "run-2", **fields: Any) -> dict[str, Any]:
        event = {"replay_of": self.first["batch_id"], "plan_uri": self.first["plan_uri"], **fields}
        return self.bring(event, run_id)

    def plan(self, answer: dict[str, Any]) -> RunPlan:
        return RunPlan.model_validate_json(storage.read_text(answer["plan_uri"]))

    def end(self, run_id: str) -> None:
        row = self.ledger.of_run(run_id)
        assert row is not None
        self.ledger.succeed(row.pipeline, row.batch_id, run_id, row.started_at)

    def corrected(self, content: bytes = GOOD) -> str:
        uri = self.environment.corrected_uri("airports", self.first["batch_id"], "0a" * 16, "fixed.csv")
        storage.write_bytes(uri, content)
        return uri


@pytest.fixture
def desk(stack: Any, handler: Callable[[str], Any]) -> Desk:
    stack.publish()
    for rule in ("object-created", "execution-ended"):
        boto3.client("events").disable_rule(Name=f"gluehouse-unit-{rule}")
    return Desk(stack, handler("validate_input").handler)


def test_a_replay_is_the_delivery_again_under_an_id_of_its_own(desk: Desk) -> None:
    answer = desk.replay()
    plan, first = desk.plan(answer), desk.plan(desk.first)
    assert (answer["action"], plan.objects, plan.from_stage) == ("run", first.objects, "ingest")
    assert plan.replay == Replay(of=first.batch_id)
    assert (
        plan.batch_id == batch_id_of_replay("airports", Replay(of=first.batch_id), plan.config_hash) != first.batch_id
    )
    row = desk.ledger.find("airports", plan.batch_id)
    assert row is not None
    assert row.replay_of == first.batch_id


def test_the_same_replay_twice_is_one_batch_and_other_rules_or_rows_are_another(desk: Desk) -> None:
    first = desk.replay()
    desk.end("run-2")
    again = desk.replay("run-3")
    assert (again["action"], again["batch_id"]) == ("skip", first["batch_id"])
    corrected = desk.plan(desk.replay("run-4", corrected=desk.corrected()))
    assert corrected.replay is not None
    assert corrected.replay.batches == (desk.first["batch_id"], first["batch_id"])
    desk.stack.publish(airports={"description": "changed"})
    ids = {first["batch_id"], corrected.batch_id, desk.replay("run-5")["batch_id"]}
    assert len(ids) == 3


def test_a_rerun_of_a_replay_is_the_same_replay(desk: Desk) -> None:
    first = desk.replay(drop=1)
    desk.end("run-2")
    again = desk.bring({"rerun_of": "run-2", "plan_uri": first["plan_uri"], "from_stage": "ingest"}, "run-3")
    assert (again["action"], again["batch_id"]) == ("run", first["batch_id"])
    assert desk.plan(again).replay == desk.plan(first).replay


def test_a_replay_looks_at_the_delivered_and_at_the_corrected_object(desk: Desk) -> None:
    with pytest.raises(InputError, match="GH2010"):
        desk.replay(corrected=desk.corrected(b"iata,name\nAAA,Anaa\n"))
    with pytest.raises(InputError, match="GH2003"):
        desk.replay("run-3", corrected=desk.environment.corrected_uri("airports", "b", "d", "gone.csv"))
    desk.stack.drop(KEY, gzip.compress(GOOD + ROW.encode(), mtime=0))
    with pytest.raises(InputError, match="GH2007"):
        desk.replay("run-4")
    boto3.client("s3").delete_object(Bucket=desk.stack.outputs["LandingBucket"], Key=KEY)
    with pytest.raises(InputError, match="GH2003"):
        desk.replay("run-5")


def test_a_replay_needs_the_plan_of_the_first_batch(desk: Desk) -> None:
    with pytest.raises(InputError, match="GH2001: the replay is not complete or has wrong fields"):
        desk.replay(rule="x")
    with pytest.raises(InputError, match="GH2001"):
        desk.bring({"replay_of": "b1"}, "run-2")
    with pytest.raises(InputError, match="GH2008"):
        desk.replay(plan_uri=desk.first["plan_uri"] + ".gone")
    second = desk.replay("run-3", drop=1)
    with pytest.raises(InputError, match=r"GH2050: batch .* is itself a replay"):
        desk.replay("run-4", replay_of=second["batch_id"], plan_uri=second["plan_uri"])
    with pytest.raises(InputError, match=r"GH2050: .* is the plan of batch"):
        desk.replay("run-4", replay_of="b1")


def test_a_replay_without_a_history_is_for_delta_tables_alone(desk: Desk) -> None:
    desk.stack.publish(airports={"history": None})
    assert desk.replay()["action"] == "run"
    pipeline = CompiledPipeline.model_validate_json(storage.read_text(desk.plan(desk.first).config_uri))
    elsewhere = SimpleNamespace(target="elsewhere", table="a.b")
    for history, refused in ((pipeline.spec.history, False), (None, True)):
        spec = pipeline.spec.model_copy(update={"history": history, "publish": (elsewhere,)})
        given = Replay(of="b1"), pipeline.model_copy(update={"spec": spec})
        with pytest.raises(InputError, match=r"GH2051.* a\.b") if refused else nullcontext():
            refuse_without_history(*given)


def test_the_commands_find_upload_and_start_what_is_to_be_replayed(desk: Desk, tmp_path: Path) -> None:
    batch, zone = desk.first["batch_id"], desk.environment.quarantine
    put(zone, batch, {}, {})
    fixed = tmp_path / "fixed.csv"
    fixed.write_bytes(GOOD)
    asked = ["replay", batch, "--corrected", str(fixed), "--rule", "between(lat)", "--drop", "1", "--stack", "unit"]
    arns = [call(*asked).output.strip() for _ in range(2)]
    for arn in arns:
        desk.stack.ended(arn)
    described = [boto3.client("stepfunctions").describe_execution(executionArn=arn)["input"] for arn in arns]
    event = json.loads(described[0])
    assert json.loads(described[1]) == event
    assert (event["replay_of"], event["rule"], event["drop"]) == (batch, "between(lat)", 1)
    assert storage.read_bytes(event["corrected"]) == GOOD
    assert event["corrected"].startswith(f"{zone}/airports/corrected/{batch}/")


def test_list_tells_which_rows_a_replay_took(desk: Desk) -> None:
    batch = desk.first["batch_id"]
    put(desk.environment.quarantine, batch, {}, {}, {})
    answer = desk.replay()
    assert json.loads(listed())["replays"][0]["set aside now"] is None
    desk.end("run-2")
    put(desk.environment.quarantine, answer["batch_id"], {"run_id": "run-2"})
    told = json.loads(listed())
    assert [(one["of"], one["status"], one["set aside before"], one["set aside now"]) for one in told["replays"]] == [
        (batch, "SUCCEEDED", 3, 1)
    ]
    assert {one["batch"]: one["replay of"] for one in told["batches"]} == {batch: "", answer["batch_id"]: batch}
    assert told["batches"][0]["expires"] == "2024-11-06"


def listed() -> str:
    return call("list", "airports", "--stack", "unit", "--format", "json").output


def test_an_environment_without_any_quarantine_has_no_batches(tmp_path: Path) -> None:
    zone = AsideZone(str(tmp_path / "quarantine"))
    assert zone.batches_of("airports") == []
    assert zone.pipeline_of("b1") is None
