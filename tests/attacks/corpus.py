"""Every attack there is, in one list: how it is mounted, and the problem it must meet at the gate.

    ATTACKS                 # read by test_gate, by test_cost, and by scripts/docs for the table of docs/security.md
    attack.meet(folder)     # the code it meets

The parts are kept where they are made: files and sizes (``parse/``, :mod:`~tests.attacks.oversize`), signatures
(:mod:`~tests.attacks.signature.cases`), content and speakers (:mod:`~tests.attacks.content`,
:mod:`~tests.attacks.speakers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.attacks import content, speakers
from tests.attacks.attack import Attack
from tests.attacks.oversize import OVERSIZE
from tests.attacks.signature.cases import CASES
from tests.attacks.signature.craft import PARTS

FAMILIES = {
    "parse": "Bytes that are not what a parser should see",
    "size": "Bombs",
    "signature": "Signatures: wrapping, form, algorithms, keys and certificates",
    "content": "What is inside the signed document",
    "speaker": "Who speaks for whom, and who brings it",
    "replay": "Replay",
}

# What the signature's own layer calls otherwise (tests/attacks/signature), and the schema or the reader meets sooner.
SOONER = {
    "a-forged-header-first-the-signed-one-in-a-wrapper": "EDX201",
    "a-forged-header-beside-the-signed-one": "EDX201",
    "a-forged-header-after-the-signed-one": "EDX201",
    "the-signed-header-hidden-in-the-trace-list": "EDX201",
    "a-forged-envelope-first-the-signed-one-in-a-wrapper": "EDX201",
    "the-signed-attachments-in-a-wrapper": "EDX201",
    "attachments-added-to-a-message-signed-without": "EDX206",
    "two-elements-with-the-same-id": "EDX201",
    "id-on-one-and-ID-on-another": "EDX201",
    "id-on-one-and-xml-id-on-another": "EDX201",
    "id-in-a-foreign-namespace": "EDX201",
    "the-part-is-named-by-ID": "EDX201",
    "a-signature-inside-the-signature": "EDX312",
    "a-transform-without-algorithm": "EDX312",
    "a-second-kind-in-the-trace-list": "EDX201",
}


def _all() -> Iterator[Attack]:
    for file in sorted(Path(__file__).parent.joinpath("parse").glob("*.xml")):
        name, _, code = file.stem.rpartition(".")
        yield Attack("parse", name.partition("-")[2], code, file.read_bytes)
    for title, (code, build) in OVERSIZE.items():
        yield Attack("size", title.replace(" ", "-"), code, build)
    yield from content.BOMBS
    for case in CASES:
        for uris, code in case.expected.items():
            form = "parts" if uris == PARTS else "whole"
            yield Attack("signature", case.name, SOONER.get(case.name, code), partial(case.build, uris), form=form)
    yield from content.ATTACKS
    yield from speakers.ATTACKS


ATTACKS = tuple(_all())
