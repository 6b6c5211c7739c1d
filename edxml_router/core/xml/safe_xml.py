"""Safe parsing of bytes from strangers: the only place where XML is parsed for reading.

:func:`parse` either returns the root of an edXML message or raises :class:`Refusal` EDX101 to EDX110, EDX112, with the
line and column where known. What costs nothing on an honest message comes first: byte cap, encoding, prolog,
and bounds counted on the bytes (``<`` bounds the elements, ``=`` the attributes, the distance from one ``<`` to
the next the texts), so that a hostile input is refused before a tree is built. Counting in a parser target was
rejected: it calls Python for every element of every honest message and proves no more.

Comments and processing instructions: an instruction is never accepted. A comment between elements of a
message without an XML-DSig signature is accepted, and dropped from the tree; inside text (where it would cut a
value in two), inside any Signature, and anywhere in a signed message it is refused.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import declarations

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DSIG = "http://www.w3.org/2000/09/xmldsig#"

Element = Any  # lxml has no types of its own

_UTF8_BOM = b"\xef\xbb\xbf"
# How text begins that is not UTF-8: byte order marks of UTF-16 and UTF-32, "<" in UTF-16, "<?xm" in EBCDIC.
_FOREIGN = (b"\xfe\xff", b"\xff\xfe", b"\x00", b"<\x00", b"\x4c\x6f\xa7\x94")
_DECLARATION = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:\"([^\"<]*)\"|'([^'<]*)')"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:\"([^\"<]*)\"|'([^'<]*)'))?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:\"(?:yes|no)\"|'(?:yes|no)'))?[ \t\r\n]*\?>"
)
_SPACE = re.compile(rb"[ \t\r\n]*")
_LONG_TEXT = re.compile(rb"<(?:[^\s<>/:=]{1,64}:)?ContentTransferEncoded[\s>]")
_MOST_NOTES = 1000  # comments and instructions; more than a person or a program ever left in a message
_LIBXML2_TEXT_LIMIT = 10_000_000  # bytes of one text node without huge_tree
_CDATA = b"<![CDATA["
_CONTENT = f"{{{NS}}}ContentTransferEncoded"
_ENCODING_ERRORS = frozenset(
    {
        etree.ErrorTypes.ERR_INVALID_ENCODING,
        etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
        etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
    }
)
_MISTAKES = {
    code: name.removeprefix("NS_").removeprefix("ERR_").replace("_", " ").lower()
    for name, code in vars(etree.ErrorTypes).items()
    if isinstance(code, int)
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one message. Bytes unless said otherwise; the defaults fit a circular to 10,000 recipients.

    ``max_text`` is the longest run of characters without a tag, outside ``ContentTransferEncoded``;
    ``max_attributes`` counts namespace declarations too.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_depth: int = 24  # levels; the deepest part of the standard has nine
    max_elements: int = 130_000  # 10,000 × (To with eight fields, Receiver with two) and the rest
    max_attributes: int = 40_000
    max_attributes_per_element: int = 64
    max_text: int = 64 * 1024
    max_attachments: int = 200
    max_attachment_bytes: int = 48 * 1024 * 1024  # decoded, each
    max_recipients: int = 10_000
    max_name: int = 255  # characters of an attachment's file name

    @classmethod
    def up_to(cls, max_bytes: int | None) -> Limits:
        """Those of a message that may be so large, with an attachment as large; the defaults without a number."""
        return cls() if max_bytes is None else cls(max_bytes=max_bytes, max_attachment_bytes=max_bytes)


DEFAULT_LIMITS = Limits()


class _Tools(threading.local):
    """A parser for each thread: libxml2 would serialise threads that share one."""

    def __init__(self) -> None:
        self.renew()
        self.depth: dict[int, Any] = {}
        self.attributes = etree.XPath("//*[count(@*) > $most]")

    def renew(self) -> None:
        options = {
            "resolve_entities": False,
            "no_network": True,
            "load_dtd": False,
            "dtd_validation": False,
            "recover": False,
            "remove_comments": False,
            "remove_pis": False,
            "collect_ids": False,
            "encoding": "utf-8",
        }
        self.parser = etree.XMLParser(huge_tree=False, **options)
        self.huge_parser = etree.XMLParser(huge_tree=True, **options)


_tools = _Tools()


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Element:
    """The root element of an edXML message; comments are gone from its tree.

    Raises :class:`Refusal`: EDX101 not well-formed, EDX102 too large, EDX103 not UTF-8, EDX104 DTD, EDX105
    not XML 1.0, EDX106 too deep, EDX107 too many elements or attributes, EDX108 text too long, EDX109 comment
    or instruction, EDX110 not edXML, EDX112 too many namespaces to compare.
    """
    if len(data) > limits.max_bytes:
        raise Refusal("EDX102", detail=Detail("{count} bytes, at most {most}", count=len(data), most=limits.max_bytes))
    if not data:
        raise Refusal("EDX101", detail=Detail("the file is empty (0 bytes)"))
    start = _check_prolog(data)
    # Searching for one character costs a tenth of counting two, and most messages have neither.
    notes = data.count(b"<!--") if b"!" in data else 0
    notes += data.count(b"<?", start) if data.find(b"?", start) >= 0 else 0
    if notes > _MOST_NOTES:
        raise Refusal("EDX109", detail=Detail("more than {most}", most=_MOST_NOTES))
    _check_bounds(data, limits)
    parser = _tools.parser if len(data) < _LIBXML2_TEXT_LIMIT else _tools.huge_parser
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        _tools.renew()  # a parser keeps the log of all its errors, so one that met an error is let go
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:  # a fault of this machine, not of the message
            raise MemoryError from error
        raise _syntax_refusal(error) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refusal("EDX104")  # second line of defence behind _check_prolog
    _check_tree(root, data, limits)
    if notes:
        _drop_notes(root)
    if root.tag != f"{{{NS}}}edXML":
        raise Refusal("EDX110", where="line 1", detail=Detail("the root element is {name}", name=_short(root.tag)))
    return root


def place(element: Element) -> str:
    """Where an element stands, for people: ``/edXML/edXMLEnvelope/…/MessageHeader/To[2]/OrganId``."""
    steps = []
    while element is not None:
        parent = element.getparent()
        step = _short(etree.QName(element).localname)
        if parent is not None:
            twins = parent.findall(element.tag)
            if len(twins) > 1:
                step += f"[{twins.index(element) + 1}]"
        steps.append(step)
        element = parent
    return "/" + "/".join(reversed(steps))


def _check_prolog(data: bytes) -> int:
    """Look at everything in front of the root element; returns where the XML declaration ends."""
    at = len(_UTF8_BOM) if data.startswith(_UTF8_BOM) else 0
    if data.startswith(_FOREIGN):
        raise Refusal("EDX103", where=Detail("line 1, column 1"), detail=Detail("the first bytes are not UTF-8"))
    if data.startswith((b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n"), at):
        declaration = _DECLARATION.match(data, at)
        if declaration is None:
            raise Refusal("EDX101", where=Detail("line 1, column 1"), detail=Detail("the XML declaration is malformed"))
        version = declaration[1] if declaration[1] is not None else declaration[2]
        encoding = declaration[3] if declaration[3] is not None else declaration[4]
        if version != b"1.0":
            raise Refusal("EDX105", where=Detail("line 1, column 1"))
        if encoding is not None and encoding.lower() not in {b"utf-8", b"utf8"}:
            raise Refusal("EDX103", where=Detail("line 1, column 1"), detail=Detail("another encoding is declared"))
        at = declaration.end()
    end = at
    for _ in range(_MOST_NOTES):  # comments and instructions may stand before a DTD, so they are stepped over
        at = _SPACE.match(data, at).end()  # type: ignore[union-attr]  # matches the empty string too
        if data.startswith(b"<!DOCTYPE", at):
            raise Refusal("EDX104", where=_position(data, at))
        closing = b"-->" if data.startswith(b"<!--", at) else b"?>" if data.startswith(b"<?", at) else b""
        closed = data.find(closing, at) if closing else -1
        if closed < 0:
            return end
        at = closed + len(closing)
    raise Refusal("EDX109", where=_position(data, at), detail=Detail("more than {most}", most=_MOST_NOTES))


def _check_bounds(data: bytes, limits: Limits) -> None:
    """Refuse by counting bytes what no honest message has."""
    # An element has two tags, or one that ends in "/>". Comments and CDATA can only raise this bound.
    if len(data) > limits.max_elements:
        tags = data.count(b"<")
        if tags > limits.max_elements and (tags + data.count(b"/>")) // 2 > limits.max_elements:
            raise Refusal("EDX107", detail=Detail("more than {most} elements", most=limits.max_elements))
    if len(data) > limits.max_attributes and data.count(b"=") > limits.max_attributes:
        raise Refusal("EDX107", detail=Detail("more than {most} attributes", most=limits.max_attributes))
    if len(data) > limits.max_text:
        _check_runs(data, limits.max_text)


def _check_runs(data: bytes, most: int) -> None:
    """Refuse a run of more than ``most`` bytes without a tag, unless it is the content of an attachment."""
    at = 0
    cdata = data.find(_CDATA)
    while at + most < len(data):
        step = data.rfind(b"<", at + 1, at + most + 1)  # the last tag within reach
        if step < 0:
            # Whose text a CDATA section is can only be seen in the tree.
            refused = _LONG_TEXT.match(data, at) is None and not data.startswith(_CDATA, at)
            while 0 <= cdata < at and not refused:
                # What looks like the tag of an attachment may be text itself, inside CDATA.
                closed = data.find(b"]]>", cdata)
                refused = closed < 0 or closed > at
                cdata = data.find(_CDATA, closed)
            if refused:
                raise Refusal("EDX108", where=_position(data, at), detail=Detail("longer than {most} bytes", most=most))
            step = data.find(b"<", at + most)
            if step < 0:
                break
        at = step


def _check_tree(root: Element, data: bytes, limits: Limits) -> None:
    """Checks that need the tree, each made only when the bytes leave a doubt."""
    depth = _tools.depth.get(limits.max_depth)
    if depth is None:
        depth = _tools.depth[limits.max_depth] = etree.XPath("/*" * (limits.max_depth + 1))
    if deep := depth(root):
        detail = Detail("more than {most} levels", most=limits.max_depth)
        raise Refusal("EDX106", where=Detail("line {line}", line=deep[0].sourceline), detail=detail)
    if data.count(b"=") > limits.max_attributes_per_element:
        most = limits.max_attributes_per_element
        if crowded := _tools.attributes(root, most=most):
            detail = Detail("more than {most} attributes on one element", most=most)
            raise Refusal("EDX107", where=Detail("line {line}", line=crowded[0].sourceline), detail=detail)
    declarations.limit_declarations(data, limits.max_attributes_per_element)
    if len(data) > limits.max_text and _CDATA in data:  # a text of many short CDATA sections has no long run
        for element in root.iter("*"):
            if element.tag != _CONTENT and len(element.text or "") > limits.max_text:
                detail = Detail("longer than {most} characters", most=limits.max_text)
                raise Refusal("EDX108", where=Detail("line {line}", line=element.sourceline), detail=detail)


def _drop_notes(root: Element) -> None:
    notes = [
        *root.itersiblings(etree.Comment, etree.PI, preceding=True),
        *root.iter(etree.Comment, etree.PI),
        *root.itersiblings(etree.Comment, etree.PI),
    ]
    signed = bool(notes) and next(root.iter(f"{{{DSIG}}}Signature"), None) is not None
    plain = set()  # elements already found to hold no text of their own
    for note in notes:
        where = Detail("line {line}", line=note.sourceline)
        if note.tag is etree.PI:
            raise Refusal("EDX109", where=where, detail=Detail("processing instruction"))
        if signed:
            raise Refusal("EDX109", where=where, detail=Detail("comment in a signed message"))
        parent = note.getparent()
        if parent is None or parent in plain:
            continue
        if (parent.text or "").strip() or any(child.tail and child.tail.strip() for child in parent):
            raise Refusal("EDX109", where=where, detail=Detail("comment inside a value"))
        if any(etree.QName(up).localname == "Signature" for up in note.iterancestors()):
            raise Refusal("EDX109", where=where, detail=Detail("comment inside Signature"))
        plain.add(parent)
    etree.strip_tags(root, etree.Comment)


def _syntax_refusal(error: etree.XMLSyntaxError) -> Refusal:
    line, column = error.position
    where = Detail("line {line}, column {column}", line=line, column=column)
    if error.code in _ENCODING_ERRORS:
        return Refusal("EDX103", where=where)
    if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT and "depth" in str(error.msg):
        return Refusal("EDX106", where=where)
    if error.code == etree.ErrorTypes.ERR_DOCUMENT_EMPTY:  # its name also stands for a text before the first tag
        detail = Detail("does not begin with <") if (line, column) == (1, 1) else Detail("no element begins here")
        return Refusal("EDX101", where=where, detail=detail)
    # The parser's own message may quote the text around the mistake; the name of the mistake does not.
    return Refusal("EDX101", where=where, detail=_MISTAKES.get(error.code, ""))


def _position(data: bytes, at: int) -> str:
    line = data.count(b"\n", 0, at) + 1
    column = at - data.rfind(b"\n", 0, at)
    return Detail("line {line}, column {column}", line=line, column=column)


def _short(name: Any) -> str:
    text = str(name)
    return text if len(text) <= 80 else text[:77] + "…"
