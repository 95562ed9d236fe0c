"""XML documents before a run."""

from __future__ import annotations

from gluehouse.errors import InputError
from gluehouse.spec.look import DELIVER, Format, Look, as_text, refuse_no_record
from gluehouse.spec.xml import Xml, records_of


def _xml(look: Look, text: str, whole: bool) -> bool:
    settings = look.source.xml
    if settings is None:
        raise ValueError("a source of XML without `xml`")
    body = text.lstrip(" \t\r\n")
    if not body:
        raise InputError("GH2004", f"{look.uri} holds no document.", DELIVER)
    if not body.startswith("<"):
        raise InputError("GH2005", f"{look.uri} does not begin with <, so it is no XML.", DELIVER)
    if not whole:
        return False
    records = _number_of_records(look, text.encode(settings.encoding), settings)
    if not records:
        refuse_no_record(look, whole)
    return records > 0


def _number_of_records(look: Look, content: bytes, settings: Xml) -> int:
    try:
        return len(records_of(content, settings, ()))
    except ValueError as problem:
        raise InputError(
            "GH2020",
            f"{look.uri} cannot be read as an XML document in {settings.encoding} with records called "
            f"{settings.record} ({problem}).",
            DELIVER,
        ) from None


XML = Format("an XML document", "by_record", as_text("an XML document", _xml, own="XML"))
