"""Verifiers that share no code beyond libxml2's canonical form, behind one question each: does it accept?

signxml and the stream engine answer with what they say was signed. xmlsec1 (the program), python-xmlsec and
the JDK know nothing of our profile: they are asked with the signer's certificate only, and take more than we do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import xmlsec
from lxml import etree

from edxml_router.core.body import MemoryBody
from edxml_router.core.message import reader
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import by_signxml as signature
from edxml_router.core.signature import by_stream as stream
from edxml_router.core.signature import form
from edxml_router.core.signature.form import Coverage
from edxml_router.core.signature.verdict import Indication, Verdict
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.xml.safe_xml import Limits, parse
from edxml_router.core.xml.skeleton import LEAST_RUN_BYTES, scan
from tests import certificates
from tests.certificates import NOW
from tests.fixtures import NS

TOKEN = "5ca1ab1e" * 4
SIGNED_PARTS = ("MessageHeader", "edXMLBody", "AttachmentEncoded")


@dataclass(frozen=True)
class Answer:
    """``said``: "passed" or the code. ``values``: the envelope that is read from what was signed, if it can be."""

    said: str
    coverage: object = None
    algorithm: str = ""
    signer: object = None
    values: object = None
    signed: bytes = b""  # canonical, when it passed


def by_signxml(data: bytes) -> Answer:
    try:
        verdict = signature.verify(data, parse(data), certificates.store(), NOW)
    except Refusal as refusal:
        return Answer(refusal.code)
    return _answer(verdict, {})


def by_stream(data: bytes, least: int = LEAST_RUN_BYTES) -> Answer:
    limits = Limits(max_text=min(least, Limits().max_text))
    try:
        skeleton = scan(MemoryBody(data), limits, TOKEN, least)
        root = parse(skeleton.text)
        contents = skeleton.contents_in(root)
        verdict = stream.verify(skeleton, root, certificates.store(), NOW)
    except Refusal as refusal:
        return Answer(refusal.code)
    answer = _answer(verdict, contents)
    signed = answer.signed
    for run in skeleton.runs:
        text = data[run.start : run.stop].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        signed = signed.replace(run.mark.encode(), text)
    return replace(answer, signed=signed)


def _answer(verdict: Verdict, measured: Any) -> Answer:
    if verdict.indication is not Indication.PASSED:
        assert verdict.finding
        return Answer(verdict.finding.code, verdict.coverage, verdict.algorithm, verdict.signer)
    try:
        values: object = reader.read(verdict.signed_root, Limits(), measured)
    except Refusal as refusal:
        values = refusal.code
    signed = _canonical(verdict.signed_root, verdict.coverage)
    return Answer("passed", verdict.coverage, verdict.algorithm, verdict.signer, values, signed)


def _canonical(root: Any, coverage: Coverage | None) -> bytes:
    """What was signed. By parts it is the parts, and what is around them must hold nothing that can be read."""
    if coverage is not Coverage.PARTS:
        return etree.tostring(root, method="c14n", exclusive=True)
    parts = form.parts(root)
    inside = {item for part in parts for item in part.iter()}
    around = [item for item in root.iter() if item not in inside]
    assert {item.tag for item in around} <= {form.ROOT, form.ENVELOPE, form.HEADER, form.TRACES}
    assert not any(text and text.strip() for item in around for text in (item.text, item.tail))
    # By value: put together elsewhere, lxml gives them other prefixes.
    values = (
        text or ""
        for part in parts
        for item in part.iter()
        for text in (item.tag, *chain(*sorted(item.items())), item.text, "" if item is part else item.tail)
    )
    return "\0".join(values).encode()


def by_python_xmlsec(data: bytes, kind: str = "p-256") -> bool:
    root = etree.fromstring(data, etree.XMLParser(huge_tree=True, resolve_entities=False))
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    pem = write_pem([certificates.leaf("H53.02", kind)])
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    try:
        context.verify(xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature))
    except xmlsec.Error:
        return False
    return True


def by_xmlsec1(folder: Path, messages: Sequence[bytes], kind: str = "p-256") -> list[bool]:
    """One run of the program for each message, which is what it can do."""
    pem = folder / "leaf.pem"
    pem.write_bytes(write_pem([certificates.leaf("H53.02", kind)]))
    ids = [part for name in SIGNED_PARTS for part in ("--id-attr:Id", f"{NS}:{name}")]
    answers = []
    for data in messages:
        file = folder / "message.xml"
        file.write_bytes(data)
        command = ["xmlsec1", "--verify", *ids, "--pubkey-cert-pem", str(pem), str(file)]
        answers.append(subprocess.run(command, capture_output=True, check=False).returncode == 0)
    return answers


def by_jdk(folder: Path, messages: Sequence[tuple[str, bytes]]) -> list[bool]:
    """``javax.xml.crypto.dsig``, with another parser and another canonical form than everybody else here; by kind of
    key and message."""
    arguments = []
    for number, (kind, data) in enumerate(messages):
        pem, file = folder / f"{kind}.pem", folder / f"{number}.xml"
        pem.write_bytes(write_pem([certificates.leaf("H53.02", kind)]))
        file.write_bytes(data)
        arguments += [str(pem), str(file)]
    program = Path(__file__).with_name("Verify.java")
    done = subprocess.run(["java", program, *arguments], capture_output=True, text=True, check=True)
    return [line == "true" for line in done.stdout.splitlines()]
