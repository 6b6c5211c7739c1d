"""Validation: does a tree follow the schema of QCVN 102:2016, and if not, why.

:func:`validate` uses lxml's compiled validator, on every envelope; it raises :class:`Refusal` EDX201, or EDX304,
EDX305, EDX312 where what offends is an XML-DSig signature (doubled, in the wrong place, oddly built).
:func:`explain` uses xmlschema, some sixty times slower, to tell a person what was expected; never on the hot path.

Two profiles: *receive* takes every order and omission that real software writes, *emit* is what we write. The
schemas hold structure only; counts, dates, lengths and pairing are the reader's.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.faults import own_tools
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS, DSIG, NS, Element, Limits, parse, place
from edxml_router.resources import schema_file

if TYPE_CHECKING:
    import xmlschema

_SIGNATURE = f"{{{DSIG}}}Signature"
_HEADER = f"{{{NS}}}edXMLHeader"
_EXPECTED = ("Expected is ( ", " ).")  # libxml2 ends with it
_ATTRIBUTE = re.compile(r"attribute '([^']{1,80})'")
_STEP = re.compile(r"(?:([^:]+):)?([^:\[]+)(?:\[(\d+)\])?")
_PREFIXES = {
    "http://www.w3.org/XML/1998/namespace": "xml:",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi:",
}
_MOST_EXPLANATIONS = 20
# What a rule of XML Schema Part 1 or 2 means to whoever has to correct the element, by the prefix of its name.
_RULES = (
    ("ELT_3", Detail("xsi:nil is not allowed; leave the element empty, or out where it is optional")),
    ("ELT_4", Detail("xsi:type is not allowed")),
    ("ELT_5", Detail("a fixed value differs")),
    ("ELT_1", Detail("not an element of this schema")),
    ("TYPE_3_1_2", Detail("elements inside a plain value")),
    ("COMPLEX_TYPE_2_1", Detail("the element has to be empty")),
    ("COMPLEX_TYPE_2_2", Detail("elements inside a plain value")),
    ("ENUMERATION", Detail("none of the values allowed")),
    ("MAXLENGTH", Detail("too long")),
    ("MINLENGTH", Detail("empty or too short")),
    ("LENGTH", Detail("of another length")),
    ("PATTERN", Detail("a value of another form")),
    ("DATATYPE", Detail("a value of another form")),
    ("WILDCARD", Detail("an element of another namespace")),
)
_MANY_TAGS = 4000  # "<" in the bytes; so many mistakes cost a tenth of a second
_MANY_PIECES = 1000  # CDATA sections and references
_LONG_TEXT = 512  # characters, of which no rule of the schemas asks for more
_BLANK = " \t\r\n"


class Profile(StrEnum):
    """Which of the two schemas."""

    RECEIVE = "receive"
    EMIT = "emit"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a document breaks the schema. ``found`` tells element names, or the length of a text, never the text."""

    path: str
    line: int | None
    expected: str
    found: str


class _Compiled(threading.local):
    """Compiled schemas, one per thread: lxml keeps the errors of a validation in the schema object."""

    def __init__(self) -> None:
        self.schemas: dict[Profile, Any] = {}

    def get(self, profile: Profile) -> Any:
        if profile not in self.schemas:
            with own_tools("schemas"):
                path = str(schema_file(f"edxml.{profile}.xsd"))
                self.schemas[profile] = etree.XMLSchema(etree.parse(path, etree.XMLParser(no_network=True)))
        return self.schemas[profile]


_compiled = _Compiled()


@cache
def schema_digest() -> str:
    """The SHA-256 (hex) of the SHA-256 (raw) of each file of schemas, in the order of their names."""
    return digest_of_schemas(schema_files().values())


@cache
def schema_files() -> Mapping[str, bytes]:
    """The files of schemas by name, in the order of their names."""
    with own_tools("schemas"):
        paths = sorted(schema_file(f"edxml.{Profile.RECEIVE}.xsd").parent.glob("*.xsd"))
        return {path.name: path.read_bytes() for path in paths}


def digest_of_schemas(files: Iterable[bytes]) -> str:
    """As :func:`schema_digest`, of these files."""
    digest = hashlib.sha256()
    for data in files:
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def validate(root: Element, profile: Profile = Profile.RECEIVE, data: bytes | None = None) -> None:
    """Raise :class:`Refusal` unless the tree follows the schema; ``where`` is the element's path and line.

    ``data`` are the bytes that were parsed into ``root``. With them a message of very many elements is validated while
    it is parsed again, and ``where`` is a line: in a tree lxml builds a path for each of all mistakes, which takes time
    quadratic in their number.
    """
    schema = _compiled.get(profile)
    if data is not None and data.count(b"<") > _MANY_TAGS:
        if data.count(b"<![CDATA[") + data.count(b"&") > _MANY_PIECES:
            data = _in_one_piece(root)
        _validate_bytes(data, schema)
        return
    if schema.validate(root):
        return
    error = schema.error_log[0]
    element = _element(root, error.path)
    where = Detail("{place}, line {line}", place=place(element), line=error.line)
    if element.tag == _SIGNATURE and "not expected" in error.message:
        parent = element.getparent()
        raise Refusal("EDX304" if parent is not None and parent.tag == _HEADER else "EDX305", where=where)
    detail = _detail(error)
    if any(up.tag == _SIGNATURE for up in (element, *element.iterancestors())):
        raise Refusal("EDX312", where=where, detail=detail)
    raise Refusal("EDX201", where=where, detail=detail)


def _in_one_piece(root: Element) -> bytes:
    """The tree as bytes in which no text is long; the tree is as before when this returns.

    libxml2's validator is told a text piece by piece, one for each section and reference, and copies what it has at
    each of them: 5 MB in pieces of a line took seven seconds. In the tree each text is whole already.
    """
    changed: list[tuple[Element, str | None, str | None]] = []
    try:
        for element in root.iter("*"):
            text, tail = element.text, element.tail
            if len(text or "") > _LONG_TEXT or len(tail or "") > _LONG_TEXT:
                changed.append((element, text, tail))
                element.text, element.tail = _shortened(text), _shortened(tail)
        return b"\n" * ((root.sourceline or 1) - 1) + bytes(etree.tostring(root, encoding="utf-8"))
    finally:
        for element, text, tail in changed:
            element.text, element.tail = text, tail


def _shortened(text: str | None) -> str | None:
    """A text that the schema judges alike: blank or not, an odd value or not, and over as many lines."""
    if text is None or len(text) <= _LONG_TEXT:
        return text
    kept = text.lstrip(_BLANK)[:_LONG_TEXT]
    return kept + "\n" * (text.count("\n") - kept.count("\n"))


def _validate_bytes(data: bytes, schema: Any) -> None:
    parsing = etree.iterparse(
        BytesIO(data), events=("end",), schema=schema, huge_tree=True, resolve_entities=False, no_network=True
    )
    try:
        for _, element in parsing:
            element.clear()  # what is closed has been validated, and another whole tree is too much
    except etree.XMLSyntaxError:
        pass
    else:
        return
    first = next((error for error in parsing.error_log if error.domain_name == "SCHEMASV"), None)
    if first is None:
        raise Refusal("EDX201")
    # Read in pieces, the parser does not always know the line.
    where = Detail("line {line}", line=first.line) if first.line else ""
    raise Refusal("EDX312" if DSIG in first.message else "EDX201", where=where, detail=_detail(first))


def explain(
    data: bytes, profile: Profile = Profile.RECEIVE, limits: Limits = DEFAULT_LIMITS
) -> tuple[Explanation, ...]:
    """All (at most twenty) reasons why a well-formed document breaks the schema; empty if it does not.

    Raises :class:`Refusal` EDX1xx when the bytes cannot be parsed.
    """
    root = parse(data, limits)
    found = []
    for error in _explainer(profile).iter_errors(root):
        found.append(_explanation(error))
        if len(found) == _MOST_EXPLANATIONS:
            break
    return tuple(found)


@cache
def _explainer(profile: Profile) -> xmlschema.XMLSchema:
    import xmlschema  # noqa: PLC0415  # reading it takes longer than most commands, and only explanations need it

    path = schema_file(f"edxml.{profile}.xsd")
    return xmlschema.XMLSchema(str(path), base_url=str(path.parent), allow="sandbox", defuse="always")


def _explanation(error: xmlschema.XMLSchemaValidationError) -> Explanation:
    import xmlschema  # noqa: PLC0415  # as above

    element = error.elem
    path = place(element) if element is not None else str(error.path)
    expected, found = "", ""
    if isinstance(error, xmlschema.XMLSchemaChildrenValidationError):
        # Where the order is free the library names nothing; then everything the parent may hold was expected.
        possible = error.expected or getattr(error.validator, "iter_elements", tuple)()
        expected = ", ".join(dict.fromkeys(_local(getattr(item, "name", None)) for item in possible))
        found = _local(error.invalid_tag) if error.invalid_tag else Detail("nothing more")
        if error.invalid_child is not None:
            element = error.invalid_child
            path = place(element)
    elif element is not None:
        reason = str(error.reason or "")
        if "nillable" in reason or "xsi:nil" in reason:
            expected, found = Detail("no xsi:nil"), "xsi:nil"
        elif "attribute" in reason:
            found = ", ".join(sorted(_local(name) for name in element.attrib)) or Detail("no attribute")
            expected = Detail("the attributes of the schema")
        elif len(element):
            expected, found = Detail("elements only"), Detail("text between elements")
        else:
            expected, found = (
                Detail("a value of the schema"),
                Detail("a text of {count} characters", count=len(element.text or "")),
            )
    return Explanation(path, getattr(element, "sourceline", None), expected, found)


def _detail(error: Any) -> str:
    """What offends, in names only: libxml2's messages quote values."""
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        said = Detail("missing children") if "Missing child" in error.message else Detail("not expected here")
        _, found, named = error.message.rstrip().rpartition(_EXPECTED[0])
        names = [_local(name) for name in named.removesuffix(_EXPECTED[1]).split(", ")] if found else []
        return Detail("{said}; expected {names}", said=said, names=" or ".join(names)) if names else said
    if error.type_name == "SCHEMAV_CVC_COMPLEX_TYPE_2_3":
        return Detail("text between elements")
    kind = str(error.type_name).removeprefix("SCHEMAV_CVC_")
    attribute = _ATTRIBUTE.search(error.message)
    if attribute and not kind.startswith("ELT_"):
        name = _attribute(attribute[1])
        return (
            Detail("attribute {name} is missing", name=name)
            if kind == "COMPLEX_TYPE_4"
            else Detail("attribute {name} does not belong here", name=name)
        )
    return next(
        (said for beginning, said in _RULES if kind.startswith(beginning)), Detail("another form than the schema's")
    )


def _attribute(name: str) -> str:
    """An attribute's name as it is commonly written, with the prefix of the two namespaces that everybody knows."""
    namespace, _, local = name.rpartition("}")
    return f"{_PREFIXES.get(namespace.lstrip('{'), '')}{local.strip()[:80]}"


def _local(name: str | None) -> str:
    return (name or "?").rpartition("}")[2].strip()[:80]


def _element(root: Element, path: str) -> Element:
    """The element of a libxml2 node path such as ``/*/edXML:edXMLEnvelope/*[2]``."""
    element = root
    for step in path.split("/")[2:]:
        match = _STEP.fullmatch(step)
        if match is None:
            break
        prefix, name, index = match.groups()
        children = [child for child in element if isinstance(child.tag, str)]
        if name != "*":
            children = [c for c in children if c.prefix == prefix and etree.QName(c).localname == name]
        number = int(index or 1) - 1
        if number >= len(children):
            break
        element = children[number]
    return element
