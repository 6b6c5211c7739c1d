"""A large message without the contents of its attachments, small enough to be parsed at once.

    skeleton = scan(source, limits, token)
    root = safe_xml.parse(skeleton.text, limits)
    contents = skeleton.contents_in(root)

:func:`scan` reads the bytes once, in pieces. A text between ``>`` and ``<``, or in a CDATA section, that is at least 64
KiB long and holds nothing but base64 characters and white space is a *run*: it cannot contain markup, so a parser would
see the same document around it whatever stands there. It is measured while it is read and replaced by a mark, which
consists of the same characters, begins with the caller's ``token`` and is therefore unknown to whoever wrote the
message. Every other byte stays, so that the skeleton is refused for exactly the reasons for which the whole message
would be.

The scan knows no XML and does not decide where a run stands: a comment or a value may hold such characters too.
:meth:`Skeleton.contents_in` asks the parsed tree instead.

Fails with :class:`Refusal`: EDX102 too large as a whole, or too large outside the runs; EDX108 a run that is not
in the content of an attachment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.content import Content, Meter
from edxml_router.core.xml.safe_xml import NS, Element, Limits

LARGE_BYTES: Final = 10_000_000  # bytes; what is larger is never parsed as a whole, and signxml's default ends here
LEAST_RUN_BYTES: Final = 64 * 1024
TEXT_BYTES_MAX: Final = 16 * 1024 * 1024  # of a skeleton: ten thousand recipients, and 150 attachments just too small
_DIGITS: Final = 8  # of a mark's number, behind the token
_SECTION: Final = b"![CDATA["
_BLANK: Final = " \t\r\n"
_PLACE: Final = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment/{{{NS}}}ContentTransferEncoded"


@dataclass(frozen=True, slots=True)
class Run:
    """A long base64 text of the document, from ``start`` to before ``stop``; ``content`` None: not base64."""

    start: int
    stop: int
    content: Content | None
    mark: str


@dataclass(frozen=True, slots=True)
class Skeleton:
    """``text`` is the document with a mark for each of ``runs``."""

    source: Body
    text: bytes
    token: str = ""
    runs: tuple[Run, ...] = ()

    def contents_in(self, root: Element) -> Mapping[str, Content | None]:
        """What the texts with marks in the tree of ``text`` stand for: each the content of an attachment; None for what
        is not base64. A mark anywhere else, or not in its place among the others, is refused (EDX108).
        """
        contents: dict[str, Content | None] = {}
        if not self.runs:
            return contents
        by_mark = {run.mark: run for run in self.runs}
        marked = re.compile(f"({re.escape(self.token)}[0-9]{{{_DIGITS}}})")
        found: list[str] = []
        for element in root.iterfind(_PLACE):
            text = element.text or ""
            if self.token not in text or len(element):
                continue
            parts = marked.split(text)
            found += parts[1::2]
            if len(parts) == 3 and not (parts[0] + parts[2]).strip(_BLANK) and parts[1] in by_mark:
                contents[text] = by_mark[parts[1]].content
            elif all(mark in by_mark for mark in parts[1::2]):
                contents[text] = self._joined(parts, by_mark)
        if found != list(by_mark) or self.text.count(self.token.encode()) != len(found):
            raise Refusal(
                "EDX108",
                detail=Detail("a base64 text of {least} bytes or more outside the attachments", least=LEAST_RUN_BYTES),
            )
        return contents

    def written(self, text: str) -> Iterator[bytes]:
        """The bytes of the document that ``text`` of the tree stands for, marks and all, in pieces."""
        by_mark = {run.mark: run for run in self.runs}
        parts = re.split(f"({re.escape(self.token)}[0-9]{{{_DIGITS}}})", text) if self.token else [text]
        for part in parts:
            run = by_mark.get(part)
            yield from self.source.pieces(run.start, run.stop) if run else (part.encode(),)

    def _joined(self, parts: Sequence[str], by_mark: Mapping[str, Run]) -> Content | None:
        """A content of several texts and runs in turn, as when CDATA sections cut it: read once more, as one."""
        meter = Meter()
        for number, part in enumerate(parts):
            run = by_mark[part] if number % 2 else None
            pieces = self.source.pieces(run.start, run.stop) if run else (part.encode(),)
            if not all(meter.feed(piece) for piece in pieces):
                return None
        return meter.content()


def whole(data: bytes) -> Skeleton:
    """A message that is parsed as it is."""
    return Skeleton(MemoryBody(data), data)


def scan(source: Body, limits: Limits, token: str, least: int = LEAST_RUN_BYTES) -> Skeleton:
    """The skeleton of a document. ``token``: at least 128 random bits as letters and digits, new each time.

    ``least``: bytes of the shortest run. What the limits allow as a text is never one.
    """
    if source.size > limits.max_bytes:
        raise Refusal("EDX102", detail=Detail("{size} bytes, at most {most}", size=source.size, most=limits.max_bytes))
    least = max(least, limits.max_text)
    found = _runs(source.pieces(), least) if source.size > least else ()
    runs = tuple(Run(*each, f"{token}{number:0{_DIGITS}d}") for number, each in enumerate(found))
    size = source.size - sum(run.stop - run.start for run in runs)
    if size > TEXT_BYTES_MAX:
        raise Refusal(
            "EDX102", detail=Detail("{size} bytes besides plain base64, at most {most}", size=size, most=TEXT_BYTES_MAX)
        )
    text = source.held if source.held is not None and not runs else b"".join(_text(source, runs))
    return Skeleton(source, text, token, runs)


def _text(source: Body, runs: Iterable[Run]) -> Iterator[bytes]:
    at = 0
    for run in runs:
        yield from source.pieces(at, run.start)
        yield run.mark.encode()
        at = run.stop
    yield from source.pieces(at)


def _runs(pieces: Iterable[bytes], least: int) -> Iterator[tuple[int, int, Content | None]]:
    """Start, stop and content of each run."""
    offset = 0  # of the piece in the document
    begin, meter = 0, None  # of the text under way, if it can still be a run
    inside = False  # a CDATA section, whose text ends at "]"
    for piece in _unbroken(pieces):
        at = 0
        while True:
            stop = piece.find(b"]" if inside else b"<", at)
            end = len(piece) if stop < 0 else stop
            closing = -1 if inside else piece.rfind(b">", at, end)
            if closing >= 0:
                at = closing + 1
                begin, meter = offset + at, Meter()
            if meter is not None and not meter.feed(piece[at:end]):
                meter = None
            if stop < 0:
                break
            if meter is not None and offset + end - begin >= least:
                yield begin, offset + end, meter.content()
            meter = None
            at = end + 1
            if inside:
                inside = False
                continue
            # Where tags are dense no run can be: step from one to the last within reach.
            while (step := piece.rfind(b"<", at, at + least)) >= 0:
                at = step + 1
            if piece.startswith(_SECTION, at):
                at += len(_SECTION)
                begin, meter, inside = offset + at, Meter(), True
        offset += len(piece)


def _unbroken(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut so that the beginning of a CDATA section is in one piece."""
    rest = b""
    for piece in pieces:
        whole = rest + piece if rest else piece
        at = whole.rfind(b"<", max(0, len(whole) - len(_SECTION)))
        rest = whole[at:] if at >= 0 else b""
        if at != 0:
            yield whole[:at] if at > 0 else whole
    if rest:
        yield rest
