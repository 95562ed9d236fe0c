"""Records of an XML document: the values of each, its text as it was delivered, and what is refused as a whole."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluehouse.spec.xml import UNREADABLE_XML, Xml, XmlRecord, records_of

NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'


def read(document: str, *, encoding: str = "UTF-8", record: str = "r") -> list[XmlRecord]:
    spec = Xml.model_validate({"record": record, "encoding": encoding})
    return records_of(document.encode(encoding), spec, {"id", "name"})


@pytest.mark.parametrize(
    ("record", "values"),
    [
        ("<r/>", {}),
        ("<r></r>", {}),
        ("<r id=''/>", {"id": ""}),
        ("<r id='1'><name> Z </name></r>", {"id": "1", "name": " Z "}),
        ("<r>\n <id>1</id>\n <name/>\n</r>", {"id": "1", "name": ""}),
        (f"<r><id>1</id><name {NIL}/></r>", {"id": "1"}),
        ("<r><name>a<!-- b -->c<?d e?><![CDATA[<f>&]]>&lt;&#90;</name></r>", {"name": "ac<f>&<Z"}),
        ("<r id='1>2' ><other><id>3</id></other></r >", {"id": "1>2"}),
        ("<p:r xmlns:p='u' p:id='1'><p:name>Z</p:name></p:r>", {"id": "1", "name": "Z"}),
        ("<r xmlns='u'><name>Zoë 中</name></r>", {"name": "Zoë 中"}),
    ],
)
def test_children_and_attributes_of_a_record_are_its_values(record: str, values: dict[str, str]) -> None:
    assert read(f"<all>\n{record}<x/></all>") == [XmlRecord(values, record, True)]


@pytest.mark.parametrize(
    "record",
    [
        "<r><id>1</id><id>1</id></r>",
        "<r id='1'><id>1</id></r>",
        "<r xmlns:p='u' id='1' p:id='2'/>",
        f"<r><id>1</id><id {NIL}/></r>",
        f"<r><id {NIL}/><id>1</id></r>",
        f"<r><id {NIL}>1</id></r>",
        "<r><id><b>1</b></id></r>",
        "<r><id>1</id>stray</r>",
        "<r>&#160;</r>",
        "<r><r/><id>1</id></r>",
        "<r><id>1</id><more><r id='2'/></more></r>",
    ],
)
def test_a_record_of_which_nobody_can_say_what_it_means_does_not_fit(record: str) -> None:
    first, bad, last = read(f"<all><r id='1'/>{record}<r id='2'/></all>")
    assert (first.fits, bad.fits, bad.text, last.fits) == (True, False, record, True)


def test_what_stands_twice_but_is_not_wanted_does_not_matter() -> None:
    assert read("<r><tag>a</tag><tag>b</tag><id>1</id></r>")[0].fits


def test_the_root_may_be_a_record_and_records_may_stand_at_any_depth() -> None:
    assert [record.values for record in read("<r id='1'/>")] == [{"id": "1"}]
    assert [record.values["id"] for record in read("<a><r id='1'/><b><c><r id='2'/></c></b></a>")] == ["1", "2"]


def test_a_root_alone_is_a_delivery_without_a_record() -> None:
    assert read("<all>\n</all>") == []


def test_latin_1_is_read_as_such_and_a_byte_order_mark_is_left_out() -> None:
    assert read('<?xml version="1.0" encoding="iso-8859-1"?><r name="Zoë"/>', encoding="ISO-8859-1") == [
        XmlRecord({"name": "Zoë"}, '<r name="Zoë"/>', True)
    ]
    assert read("\ufeff<r id='1'/>") == [XmlRecord({"id": "1"}, "<r id='1'/>", True)]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("", "no element found"),
        ("<a><r/>", "no element found, line 1"),
        ("<a>\n<r></a>", "mismatched tag, line 2"),
        ("<r/><r/>", "junk after document element"),
        ("<r id='1' id='2'/>", "duplicate attribute"),
        ("<r>\x00</r>", "not well-formed"),
        ("<r>&undeclared;</r>", "undefined entity"),
        ("<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r>&x;</r>", "an entity of its own"),
        ("<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&x;</r>", "an entity of its own"),
        ("<!DOCTYPE r [<!ENTITY % x 'y'>]><r/>", "an entity of its own"),
        ("<?xml version='1.0' encoding='UTF-16'?><r/>", "declares another encoding"),
        ("<all><R id='1'/><R id='2'/></all>", "it has 3 elements, and no record"),
        ("<a>" * 1001, "nested too deeply"),
        ("<r><id>" + "<a>" * 100_000, "nested too deeply"),
    ],
)
def test_a_document_that_is_no_xml_or_asks_for_more_than_its_text_is_refused_as_a_whole(
    document: str, told: str
) -> None:
    with pytest.raises(ValueError, match=f"^{UNREADABLE_XML}: .*{told}"):
        read(document)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match=UNREADABLE_XML):
        records_of(b"<r name='\xff'/>", Xml(record="r"), {"name"})


def test_a_doctype_without_entities_is_let_through() -> None:
    assert len(read("<!DOCTYPE all [<!ELEMENT all ANY>]><all><r/></all>")) == 1


# All that stands in XML 1.0, but for carriage returns: a parser makes line feeds of them.
LETTERS = "aZ1 <>&'\"]=/\t\në中😀"
texts = st.text(LETTERS, max_size=8)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from(["id", "name", "other"]), st.tuples(st.booleans(), texts)), max_size=4))
def test_what_another_writer_writes_is_read_again_with_the_text_of_each_record(
    records: list[dict[str, tuple[bool, str]]],
) -> None:
    root = ET.Element("all")
    for record in records:
        element = ET.SubElement(root, "r")
        for name, (is_attribute, text) in record.items():
            if is_attribute:
                element.set(name, text)
            else:
                ET.SubElement(element, name).text = text
    found = read(ET.tostring(root, encoding="unicode"))
    assert [record.values for record in found] == [
        {name: text for name, (_, text) in record.items() if name != "other"} for record in records
    ]
    assert all(record.fits for record in found)
    assert [record.text for record in found] == [ET.tostring(element, encoding="unicode") for element in root]
