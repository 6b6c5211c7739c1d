"""The first half of judging an envelope: parse safely, validate, verify the signature, read.

    examined = examine(data, limits, trust, at)

The settings choose the engine for messages that the reference engine can verify in little memory. Larger ones
(:data:`MOST_BYTES`, :data:`MOST_TAGS`) are always parsed without the contents of their attachments and verified by the
stream engine. Raises :class:`Refusal` for what no policy could accept: families 1 and 2, and EDX317 when both engines
ran and disagree.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.message import reader
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import by_signxml, by_stream
from edxml_router.core.signature.verdict import Engine, Verdict
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml import safe_xml, schema, skeleton
from edxml_router.core.xml.content import UNMEASURED, Content
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.stages.acceptance.submission import Examination

# The most that signxml is given. It builds four trees and four texts of a message: eight bytes per byte and half a
# kilobyte per tag. Judging one message may take 64 MiB beside the message itself.
MOST_BYTES: Final = 3_000_000
MOST_TAGS: Final = 50_000  # "<" and "=" in the bytes; a circular to two thousand recipients


def examine(
    body: Body,
    limits: Limits,
    trust: TrustStore,
    at: datetime,
    engine: Engine = Engine.SIGNXML,
) -> Examination:
    """Parse safely, validate, verify the signature, and read only what was signed, where there is a signature.

    The verdict on the signature is returned, not acted on: an offline check shows it, and only the policy for a peer
    can say what it is worth.
    """
    if body.size > MOST_BYTES:
        return _by_stream(body, limits, trust, at)
    data = body.whole()
    if engine is Engine.STREAM or (len(data) > MOST_TAGS and data.count(b"<") + data.count(b"=") > MOST_TAGS):
        return _by_stream(body, limits, trust, at)
    if engine is Engine.BOTH:
        return _by_both(body, limits, trust, at)
    return _by_signxml(body, limits, trust, at)


def _by_signxml(body: Body, limits: Limits, trust: TrustStore, at: datetime) -> Examination:
    data = body.whole()
    root = safe_xml.parse(data, limits)
    reader.refuse_crowd(root, limits)
    schema.validate(root, data=data)
    return _read(body.digest, body.size, root, by_signxml.verify(data, root, trust, at), limits)


def _by_stream(body: Body, limits: Limits, trust: TrustStore, at: datetime) -> Examination:
    # The marks must be unpredictable to whoever wrote the message; nothing else depends on them.
    token = secrets.token_hex(16)
    bones = skeleton.scan(body, limits, token)
    root = safe_xml.parse(bones.text, limits)
    reader.refuse_crowd(root, limits)
    schema.validate(root, data=bones.text)
    contents = bones.contents_in(root)
    return _read(body.digest, body.size, root, by_stream.verify(bones, root, trust, at), limits, contents)


def _read(
    digest: str,
    size: int,
    root: Any,
    verdict: Verdict,
    limits: Limits,
    measured: Mapping[str, Content | None] = UNMEASURED,
) -> Examination:
    reading = reader.read(root if verdict.signed_root is None else verdict.signed_root, limits, measured)
    # Without the tree, which is ten times the message: a hundred of them would no longer fit the processor's caches.
    return Examination(digest, reading.envelope, replace(verdict, signed_root=None), reading.remarks, size)


def _by_both(body: Body, limits: Limits, trust: TrustStore, at: datetime) -> Examination:
    outcomes: list[Examination | Refusal] = []
    for way in (_by_signxml, _by_stream):
        try:
            outcomes.append(way(body, limits, trust, at))
        except Refusal as refusal:
            outcomes.append(refusal)
    first, second = outcomes
    if _essence(first) != _essence(second):
        raise Refusal(
            "EDX317", detail=Detail("signxml: {first}; stream: {second}", first=_word(first), second=_word(second))
        )
    if isinstance(first, Refusal):
        raise first
    return first


def _essence(outcome: Examination | Refusal) -> Any:
    """What the engines must agree on: everything but the details of a finding, which are for people."""
    if isinstance(outcome, Refusal):
        return outcome.code
    finding = outcome.verdict.finding
    verdict = replace(outcome.verdict, finding=None)
    return outcome.envelope, outcome.remarks, verdict, finding.code if finding else ""


def _word(outcome: Examination | Refusal) -> str:
    return outcome.code if isinstance(outcome, Refusal) else outcome.verdict.reason
