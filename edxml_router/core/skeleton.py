"""A large message without the contents of its attachments: small enough to be parsed as one piece.

    skeleton = scan(source, limits, token)
    root = safe_xml.parse(skeleton.text, limits)
    skeleton.check(root)

:func:`scan` reads the bytes once, in pieces. A text between ``>`` and ``<`` that is at least 64 KiB long and holds
nothing but base64 characters and white space is a *run*: it cannot contain markup, so a parser would see the same
document around it whatever stands there. It is measured as it passes by and replaced by a mark, which consists of
the same characters, begins with the caller's ``token`` and is therefore unknown to whoever wrote the message.
Every other byte stays as it is, so that the skeleton is refused for exactly what the whole message would be.

Where a run stands in the sense of XML is not decided by the scan, which knows no XML: inside a comment or CDATA
there may be ``>`` and ``<`` too. :meth:`Skeleton.check` asks the parsed tree instead.

Fails with :class:`Refusal`: EDX102 too large as a whole, or too large outside the runs; EDX108 a run that is not
the whole content of an attachment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from edxml_router.core.content import Content, Meter
from edxml_router.core.problems import Refusal
from edxml_router.core.safe_xml import NS, Element, Limits

LARGE: Final = 10_000_000  # bytes; what is larger is never parsed as a whole, and signxml's default ends here
LEAST_RUN: Final = 64 * 1024
MOST_TEXT: Final = 16 * 1024 * 1024  # of a skeleton: ten thousand recipients, and 150 attachments just too small
PIECE: Final = 1024 * 1024
_PLACE: Final = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment/{{{NS}}}ContentTransferEncoded"


class Source(Protocol):
    """Bytes that can be read more than once and stay the same."""

    @property
    def size(self) -> int: ...

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``stop``, in order, in pieces of any size but never empty."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes in memory as a :class:`Source`."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = self.size if stop is None else stop
        for at in range(start, end, PIECE):
            yield self.data[at : min(at + PIECE, end)]


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

    source: Source
    text: bytes
    token: str = ""
    runs: tuple[Run, ...] = ()

    @property
    def contents(self) -> Mapping[str, Content | None]:
        """What the marks stand for; the reader takes these for decoded contents."""
        return {run.mark: run.content for run in self.runs}

    def check(self, root: Element) -> None:
        """Each mark is the whole content of one attachment in the tree of ``text``, and occurs nowhere else."""
        if not self.runs:
            return
        marks = [run.mark for run in self.runs]
        found = [item.text for item in root.iterfind(_PLACE) if item.text in self.contents and not len(item)]
        if found != marks or self.text.count(self.token.encode()) != len(marks):
            raise Refusal("EDX108", detail=f"a base64 text of {LEAST_RUN} bytes or more outside the attachments")


def whole(data: bytes) -> Skeleton:
    """A message that is parsed as it is."""
    return Skeleton(Held(data), data)


def scan(source: Source, limits: Limits, token: str, least: int = LEAST_RUN) -> Skeleton:
    """The skeleton of a document. ``token``: at least 128 random bits as letters and digits, new each time.

    ``least``: bytes of the shortest run. What the limits allow as a text is never one.
    """
    if source.size > limits.max_bytes:
        raise Refusal("EDX102", detail=f"{source.size} bytes, at most {limits.max_bytes}")
    least = max(least, limits.max_text)
    found = _runs(source.pieces(), least) if source.size > least else ()
    runs = tuple(Run(*each, f"{token}{number:08d}") for number, each in enumerate(found))
    size = source.size - sum(run.stop - run.start for run in runs)
    if size > MOST_TEXT:
        raise Refusal("EDX102", detail=f"{size} bytes besides plain base64, at most {MOST_TEXT}")
    return Skeleton(source, b"".join(_text(source, runs)), token, runs)


def _text(source: Source, runs: Iterable[Run]) -> Iterator[bytes]:
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
    for piece in pieces:
        at = 0
        while True:
            opening = piece.find(b"<", at)
            end = len(piece) if opening < 0 else opening
            closing = piece.rfind(b">", at, end)
            if closing >= 0:
                at = closing + 1
                begin, meter = offset + at, Meter()
            if meter is not None and not meter.feed(piece[at:end]):
                meter = None
            if opening < 0:
                break
            if meter is not None and offset + end - begin >= least:
                yield begin, offset + end, meter.content()
            meter = None
            at = opening + 1
            # Where tags are dense no run can be: step from one to the last within reach.
            while (step := piece.rfind(b"<", at, at + least)) >= 0:
                at = step + 1
        offset += len(piece)
