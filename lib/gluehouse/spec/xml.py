"""An XML document as its records: each one's values, and its text as it was delivered.

Expat, of Python's own library, parses it: strictly, in one pass, and alike under every Spark. Spark 3.5 has no reader
of XML, and the package that adds one skips what it cannot read. XML is https://www.w3.org/TR/xml/ (1.0).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from xml.parsers import expat

from pydantic import Field

from gluehouse.spec.model import Spec

# By this a run tells a document that cannot be read from a defect of ours.
UNREADABLE_XML = "UNREADABLE_XML_DOCUMENT"
_DEEPEST = 1000
_NIL = "http://www.w3.org/2001/XMLSchema-instance nil"


class Xml(Spec):
    """Which elements are the records, wherever they stand; names are taken without their namespace's prefix."""

    record: str = Field(pattern=r"^[^\s:<>/&\"'=@]+$", description="Name of the element that is one record")
    encoding: Literal["UTF-8", "ISO-8859-1"] = "UTF-8"


class XmlRecord(NamedTuple):
    """``values``: the text of each child or attribute that is wanted and there; ``text``: the whole element;
    ``fits``: whether each of ``values`` is one text, no text stands outside of the children,
    and no record inside."""

    values: dict[str, str]
    text: str
    fits: bool


def records_of(content: bytes, xml: Xml, wanted: Collection[str]) -> list[XmlRecord]:
    """The records of a whole document, in their order; raises what ``placed_records_of`` raises.

    >>> records_of(b'<all><town id="1"><name>Z&amp;</name></town></all>', Xml(record="town"), {"id", "name"})
    [XmlRecord(values={'id': '1', 'name': 'Z&'}, text='<town id="1"><name>Z&amp;</name></town>', fits=True)]
    """
    return [record for _, record in placed_records_of(content, xml, wanted)]


def placed_records_of(content: bytes, xml: Xml, wanted: Collection[str]) -> list[tuple[int, XmlRecord]]:
    """The records of a whole document, in their order, each with the line where it begins.

    An empty element is empty text, one with ``xsi:nil="true"`` is not there. Raises ValueError, with UNREADABLE_XML at
    its head and no value in it, where the document is not well-formed, declares another encoding, has an entity of
    its own, is nested too deeply, or has elements and no record.
    """
    try:
        return _Reading(content, xml, frozenset(wanted)).records()
    except expat.ExpatError as problem:
        said = f"{expat.ErrorString(problem.code)}, line {problem.lineno}"
        raise ValueError(f"{UNREADABLE_XML}: {said}") from None


@dataclass
class _Open:
    """The record that is being read, which began at ``line``: ``inner`` is the child that is open, ``path`` how many
    elements are."""

    start: int
    line: int
    values: dict[str, str] = field(default_factory=dict)
    nil: set[str] = field(default_factory=set)
    fits: bool = True
    is_empty: bool = True
    depth: int = 0
    inner: str = ""
    texts: list[str] = field(default_factory=list)

    def take(self, name: str, value: str) -> None:
        # Two of one name: nobody can say which value is meant.
        self.fits &= name not in self.values and name not in self.nil
        self.values[name] = value


class _Reading:
    """One pass over a document."""

    def __init__(self, content: bytes, xml: Xml, wanted: frozenset[str]) -> None:
        self._content, self._xml, self._wanted = content, xml, wanted
        self._found: list[tuple[int, XmlRecord]] = []
        self._record: _Open | None = None
        self._depth = 0
        self._elements = 0
        # The names come as "namespace name". The agreed encoding holds, whatever the document declares.
        self._parser = parser = expat.ParserCreate(xml.encoding, " ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity
        parser.StartElementHandler = self._starts
        parser.CharacterDataHandler = self._says
        parser.EndElementHandler = self._ends

    def records(self) -> list[tuple[int, XmlRecord]]:
        self._parser.Parse(self._content, True)
        if self._elements > 1 and not self._found:
            # Under another name, or in other letters, all of a delivery would be no records.
            raise ValueError(f"{UNREADABLE_XML}: it has {self._elements} elements, and no record is among them")
        return self._found

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in (self._xml.encoding, "US-ASCII"):
            raise ValueError(f"{UNREADABLE_XML}: it declares another encoding than {self._xml.encoding}")

    def _entity(self, *declaration: object) -> None:
        # A few lines of them can unpack to gigabytes, or name files of the machine. Expat leaves those out that may be
        # declared in another file.
        raise ValueError(f"{UNREADABLE_XML}: it has an entity of its own, line {self._parser.CurrentLineNumber}")

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"{UNREADABLE_XML}: it is nested too deeply, line {self._parser.CurrentLineNumber}")
        record = self._record
        if record is None:
            if _local(name) == self._xml.record:
                self._record = record = _Open(self._parser.CurrentByteIndex, self._parser.CurrentLineNumber)
                for attribute, value in attributes.items():
                    if _local(attribute) in self._wanted and attribute != _NIL:
                        record.take(_local(attribute), value)
            return
        record.is_empty = False
        record.depth += 1
        # A record within a record is part of its text alone.
        record.fits &= _local(name) != self._xml.record
        if record.depth == 1:
            record.inner, record.texts = _local(name), []
            if attributes.get(_NIL) in ("true", "1") and record.inner in self._wanted:
                record.fits &= record.inner not in record.values and record.inner not in record.nil
                record.nil.add(record.inner)
        elif record.inner in self._wanted:
            record.fits = False

    def _says(self, text: str) -> None:
        record = self._record
        if record is None:
            return
        record.is_empty = False
        if record.depth == 0:
            record.fits &= not text.strip(" \t\r\n")
        elif record.depth == 1:
            record.texts.append(text)

    def _ends(self, name: str) -> None:
        self._depth -= 1
        record = self._record
        if record is None:
            return
        if record.depth == 0:
            self._found.append((record.line, XmlRecord(record.values, self._text(record), record.fits)))
            self._record = None
            return
        if record.depth == 1 and record.inner in self._wanted:
            text = "".join(record.texts)
            if record.inner not in record.nil:
                record.take(record.inner, text)
            elif text:
                record.fits = False
        record.depth -= 1

    def _text(self, record: _Open) -> str:
        """Of ``<a/>`` expat stands behind the element, else before its end tag."""
        at = self._parser.CurrentByteIndex
        ended = record.is_empty and self._content[record.start : at].endswith(b"/>")
        end = at if ended else self._content.index(b">", at) + 1
        return self._content[record.start : end].decode(self._xml.encoding)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
