"""JSON before a run: lines of records, and whole documents."""

from __future__ import annotations

import re

from gluehouse.errors import InputError
from gluehouse.spec.json_document import records_of
from gluehouse.spec.look import DELIVER, Format, Look, as_text, refuse_no_record

# A record that opens on one line and goes on with its first name, or ends, on the next.
_DOCUMENT = re.compile(r"\{[ \t]*[\r\n][ \t\r\n]*[\"}]")


def _json_lines(look: Look, text: str, whole: bool) -> bool:
    body = text.lstrip(" \t\r\n")
    if not body:
        refuse_no_record(look, whole)
        return whole
    if not body.startswith(("{", "[")):
        raise InputError("GH2005", f"{look.uri} does not begin with {{ or [, so it is no JSON.", DELIVER)
    if body.startswith("[") or _DOCUMENT.match(body):
        begins = "an array" if body.startswith("[") else "a JSON record over several lines"
        raise InputError(
            "GH2005",
            f"{look.uri} begins with {begins}, where one record a line is agreed "
            "(`format: json_document` reads whole documents).",
            DELIVER,
        )
    return True


def _json_document(look: Look, text: str, whole: bool) -> bool:
    body = text.lstrip(" \t\r\n")
    if not body:
        raise InputError("GH2004", f"{look.uri} holds no document.", DELIVER)
    if not body.startswith(("{", "[")):
        raise InputError("GH2005", f"{look.uri} does not begin with {{ or [, so it is no JSON.", DELIVER)
    if whole and not _records(look, body):
        refuse_no_record(look, whole)
    return True


def _records(look: Look, text: str) -> list[str]:
    try:
        return records_of(text.encode(), look.source.json_document.path)
    except ValueError as problem:
        raise InputError(
            "GH2020",
            f"{look.uri} cannot be read as a JSON document with records at "
            f"{look.source.json_document.records} ({problem}).",
            "Deliver it again, whole, or correct `source.json_document.records` in the pipeline's YAML.",
        ) from None


JSON_LINES = Format("JSON lines", "by_record", as_text("JSON lines", _json_lines, own="JSON"))
JSON_DOCUMENT = Format("a JSON document", "by_record", as_text("a JSON document", _json_document, own="JSON"))
