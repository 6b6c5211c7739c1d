"""Messages by their shape: how many of everything, how long, how deep. And what a shape costs the gate.

    with Scale() as scale:
        cost = scale.weigh(Shape(recipients=9_000))     # the code it met, seconds of processor, bytes of memory

Each is judged in a child of its own, forked from a process that has imported everything: so the peak of memory is the
message's, and its bytes, which the child was given, are not in it. :func:`shapes` is a strategy of Hypothesis over all
of it, within the limits of one message or a little beyond. ``scripts/shapes`` searches for as long as one likes.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from hypothesis import strategies as st
from lxml import etree

from edxml_router.core.signature.verdict import Engine
from tests.attacks import gate
from tests.attacks.signature import craft
from tests.fixtures import File, document, party, response_for, tag, trace

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")
MOST_SECONDS = 2.0  # of a processor
MOST_MEMORY = 64 * 1024 * 1024  # bytes, beside those of the message
GIVEN_UP = 6  # seconds of processor
SIGNATURES = ("none", "whole", "parts", "stale", "stale parts")
FILLINGS = ("plain", "lines", "cdata", "blanks", "carriage", "references", "rubbish", "empty cdata", "comments")
SUBJECTS = ("plain", "cdata", "comments", "instructions", "accents", "piles", "blanks")


@dataclass(frozen=True)
class Shape:
    """An unremarkable message, but for what is given."""

    recipients: int = 1
    fields: int = 1  # of each recipient
    traces: int = 1
    places: int = 0
    appendixes: int = 0
    responses: int = 0
    attachments: int = 1
    content: int = 30  # bytes of each
    filling: str = "plain"
    text: int = 40  # characters of the subject
    references: int = 0  # of these, so many are character references
    subject: str = "plain"  # what stands between its characters; "accents": two on each, "piles": all on one
    spelling: int = 0  # white space in each tag of a recipient, and around it
    twins: int = 0  # attributes of one name in as many namespaces, on the header
    ids: int = 0  # attributes Id on recipients' names
    declared: int = 0  # namespaces on the root …
    declared_each: int = 0  # … and on each recipient
    address: int = 20  # characters of a namespace's address
    attributes: int = 0  # of each recipient
    depth: int = 0  # of what is nested in the subject …
    width: int = 0  # … how often
    unknown: int = 0  # elements that nobody knows, in front
    signature: str = "none"
    prefixes: int = 0  # in an InclusiveNamespaces
    transforms: int = 0  # one too many, and more
    certificates: int = 2
    value: int = 88  # characters of the signature's value
    late: bool = False  # with a mistake at the end, where everything before has been paid for
    engine: str = "signxml"

    def build(self) -> bytes:
        recipients = "".join(self._recipient(number) for number in range(self.recipients))
        appendixes = "".join(tag("Appendix", f"Phụ lục {number}") for number in range(self.appendixes))
        places = "".join(tag("Place", f"Nơi {number}") for number in range(self.places))
        data = document(
            to=(),
            subject="@subject@",
            traces=trace("H53.02") * self.traces,
            files=[File(f"cid:{n}", f"tep-{n}.pdf", encoded="@content@") for n in range(self.attachments)],
            ids=True,
            replace={
                "<edXML:DocumentId>": f"{recipients}<edXML:DocumentId>",
                "<edXML:Appendix>": f"{appendixes}<edXML:Appendix>",
                "<edXML:ToPlaces>": f"<edXML:ToPlaces>{places}",
                "<edXML:SteeringType>": f"{response_for() * self.responses}<edXML:SteeringType>",
            },
        )
        declared = "".join(f' xmlns:r{n}="urn:{n:0{self.address}d}"' for n in range(self.declared))
        data = data.replace(b"<edXML xmlns", f"<edXML{declared} xmlns".encode())
        data = data.replace(b"@subject@", self._subject().encode()).replace(b"@content@", self._filling().encode())
        if self.twins:
            pairs = "".join(f' xmlns:t{n}="urn:t{n}" t{n}:a="&#x41;&#10;"' for n in range(self.twins))
            data = data.replace(b"<edXML:edXMLHeader>", f"<edXML:edXMLHeader{pairs}>".encode())
        if self.unknown:
            data = data.replace(b"<edXML:From>", b"<a/>" * self.unknown + b"<edXML:From>")
        if self.late:
            data = data.replace(b"</edXML>", b"<edXML:Late/></edXML>")
        return self._signed(data)

    def _recipient(self, number: int) -> str:
        code = "H41.03" if number == 0 else f"H{number % 90 + 10}.{number // 90 + 1}"
        names = ("OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website", "OrganizationInCharge", "OrganName")
        made = party("To", code, **dict.fromkeys(names[: self.fields], "x"))
        extra = "".join(f' xmlns:p{n}="urn:{n:0{self.address}d}"' for n in range(self.declared_each))
        extra += "".join(f' a{n}="x"' for n in range(self.attributes))
        if number < self.ids:
            extra += f' Id="i{number}"'
        if self.spelling:
            made = made.replace("><", ">" + "\r\n" * self.spelling + "<").replace("</edXML:To>", "</edXML:To\t\n>")
        return made.replace("<edXML:To>", f"<edXML:To{extra}>", 1) if extra else made

    def _subject(self) -> str:
        nested = ("<n>" * self.depth + "</n>" * self.depth) * self.width if self.depth else ""
        plain = max(0, self.text - self.references)
        match self.subject:
            case "cdata":
                text = "<![CDATA[a]]>" * plain
            case "comments":
                text = "a<!---->" * min(plain, 990)
            case "instructions":
                text = "a<?p?>" * min(plain, 990)
            case "accents":
                text = "a\u0302\u0301" * plain
            case "piles":
                text = "a" + "\u0316\u0301" * (plain // 2)
            case "blanks":
                text = "a\u2003\u200a " * plain
            case _:
                text = "a" * plain
        return text + "&#225;" * self.references + nested

    def _filling(self) -> str:
        text = base64.b64encode(b"%PDF-1.7\n" + bytes(max(0, self.content - 9))).decode()
        match self.filling:
            case "lines":
                return re.sub("(.{76})", "\\1\n", text)
            case "cdata":
                return re.sub("(.{64})", "<![CDATA[\\1]]>", text)
            case "blanks":
                return " ".join(text)
            case "carriage":
                return re.sub("(.{76})", "\\1&#13;\n", text)
            case "references":
                return text.replace("A", "&#65;")
            case "rubbish":
                return f"{text[:-4]}!!!!"
            case "empty cdata":
                return "<![CDATA[]]>" * (len(text) // 12) + text
            case "comments":
                return re.sub("(.{64})", "<!--\\1-->", text[:60_000]) + text
        return text

    def _signed(self, data: bytes) -> bytes:
        if self.signature == "none":
            return data
        uris = craft.PARTS if "parts" in self.signature else craft.WHOLE
        recipe = craft.Recipe(uris=uris)
        if self.prefixes:
            listed = " ".join(f"r{n}" for n in range(self.prefixes))
            inside = f'<InclusiveNamespaces xmlns="{craft.EXCLUSIVE}" PrefixList="{listed}"/>'
            ways = [craft.transform(craft.EXCLUSIVE, inside)]
            recipe = recipe.but(transforms=ways if uris == craft.PARTS else [craft.transform(craft.ENVELOPED), *ways])
        made = craft.signature(document(ids=True) if "stale" in self.signature else data, recipe)
        again = craft.transform(craft.EXCLUSIVE) * self.transforms
        made = made.replace("</Transforms>", f"{again}</Transforms>", 1)
        listed = re.search("<X509Certificate>.*?</X509Certificate>", made)
        if listed and self.certificates > 2:
            made = made.replace("</X509Data>", f"{listed[0] * (self.certificates - 2)}</X509Data>")
        if self.value > 88:
            made = made.replace("</SignatureValue>", f"{'A' * (self.value - 88)}</SignatureValue>")
        return craft.place(data, made)


class Cost(NamedTuple):
    code: str  # that it met; "" when it was taken
    size: int  # bytes of the message
    seconds: float  # of a processor
    memory: int  # bytes beside the message

    @property
    def dear(self) -> bool:
        return self.seconds >= MOST_SECONDS or self.memory >= MOST_MEMORY

    def __str__(self) -> str:
        return f"{self.code or 'taken'}: {self.size:,} bytes, {self.seconds:.2f} s, {self.memory / 2**20:.0f} MiB"


class Scale:
    """A process that weighs shapes."""

    def __enter__(self) -> Scale:
        command = [sys.executable, "-m", "tests.attacks.shapes"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def weigh(self, shape: Shape) -> Cost:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(shape)) + "\n")
        told = self._process.stdout.readline()
        if not told:
            raise RuntimeError(f"the process that weighs ended with {self._process.wait()} at {shape}")
        return Cost(*json.loads(told))


def _counts(most: int) -> st.SearchStrategy[int]:
    """From none to ``most``, of every order of magnitude alike."""
    steps = [10**n for n in range(1, len(str(most))) if 10**n < most]
    return st.one_of(st.integers(0, 9), *(st.integers(step, min(10 * step, most)) for step in steps))


@st.composite
def shapes(draw: st.DrawFn, most_bytes: int = 64 * 1024 * 1024) -> Shape:
    """Some things that are many, large or odd; a message that were so in everything would meet the first bound."""
    ranges = {
        "recipients": _counts(10_000).filter(bool), "fields": st.integers(1, 8), "traces": _counts(40_000),
        "places": _counts(100_000), "appendixes": _counts(100_000), "responses": _counts(20_000),
        "attachments": st.integers(1, 200), "content": _counts(48 * 1024 * 1024), "filling": st.sampled_from(FILLINGS),
        "text": _counts(65_000), "references": _counts(10_000), "subject": st.sampled_from(SUBJECTS),
        "spelling": st.integers(0, 30), "twins": st.integers(0, 40), "ids": _counts(10_000),
        "declared": st.integers(0, 63),
        "declared_each": st.integers(0, 40), "address": _counts(5_000).filter(bool), "attributes": st.integers(0, 60),
        "depth": st.integers(0, 20), "width": _counts(60_000), "unknown": _counts(130_000),
        "signature": st.sampled_from(SIGNATURES), "prefixes": _counts(2_000), "transforms": _counts(200),
        "certificates": st.integers(2, 9), "value": _counts(60_000), "late": st.booleans(),
        "engine": st.sampled_from(["signxml", "stream"]),
    }  # fmt: skip
    chosen = draw(st.sets(st.sampled_from(sorted(ranges)), min_size=1, max_size=6))
    shape = Shape(**{name: draw(ranges[name]) for name in sorted(chosen)})  # type: ignore[arg-type]
    each = 60 + 30 * shape.fields + shape.attributes * 8 + shape.declared_each * (shape.address + 20)
    rest = 60 * (shape.places + shape.appendixes) + 240 * shape.responses + 130 * shape.traces
    room = most_bytes - each * shape.recipients - rest
    factor = {"blanks": 3, "references": 8, "cdata": 2}.get(shape.filling, 1.4)
    return replace(shape, content=max(0, min(shape.content, int(room / factor / shape.attachments))))


@cache
def _rules(engine: str) -> gate.Rules:
    return gate.rules(engine=Engine(engine))


def _memory(name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB$", STATUS.read_text("ascii"), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _judge(data: bytes, engine: str) -> Cost:
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the mark of the peak is put back
    before, began = _memory("VmRSS"), _spent()
    code = gate.outcome(gate.judge(data, _rules(engine)))
    return Cost(code, len(data), _spent() - began, _memory("VmHWM") - before)


def _weigh(shape: Shape) -> Cost:
    try:
        data = shape.build()
    except etree.XMLSyntaxError:  # nobody can sign what no parser reads
        data = replace(shape, signature="none").build()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed in building must not hide what judging takes
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = os.EX_SOFTWARE
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (GIVEN_UP, GIVEN_UP + 1))  # here only: it could not be undone
            os.write(writing, json.dumps(_judge(data, shape.engine)).encode())
            status = os.EX_OK
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, ended = os.waitpid(child, 0)
    if not told:
        how = signal.Signals(os.WTERMSIG(ended)).name if os.WIFSIGNALED(ended) else str(os.WEXITSTATUS(ended))
        return Cost(how, len(data), float(GIVEN_UP), 0)
    return Cost(*json.loads(told))


def main() -> None:
    for engine in ("signxml", "stream"):
        _judge(Shape(signature="whole").build(), engine)  # what is made once is made now
    for line in sys.stdin:
        print(json.dumps(_weigh(Shape(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
