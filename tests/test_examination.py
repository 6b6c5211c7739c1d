"""Which engine looks at what, and what happens when both look and do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import by_stream
from edxml_router.core.signature.verdict import Engine, Indication
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.core.xml.skeleton import LARGE_BYTES
from edxml_router.stages.acceptance.examination import MOST_BYTES, MOST_TAGS, examine
from edxml_router.stages.acceptance.submission import Examination
from edxml_router.store.bodies import spool
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import PARTS, Recipe
from tests.certificates import NOW
from tests.fixtures import File, document

ENGINES = list(Engine)


def examined(data: bytes | Body, engine: Engine = Engine.SIGNXML) -> Examination:
    return examine(MemoryBody(data) if isinstance(data, bytes) else data, Limits(), certificates.store(), NOW, engine)


def by_parts(recipients: int = 1, size: int = 10) -> bytes:
    """Signed by parts in inclusive Canonical XML."""
    plain = document(
        to=[f"H41.{number}" for number in range(1, recipients + 1)], ids=True, files=[File(content=bytes(size))]
    )
    return craft.signed(plain, Recipe(uris=PARTS, transforms=[craft.transform(craft.INCLUSIVE)]))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [10, 100_000])
def test_all_engines_read_the_same(engine: Engine, size: int) -> None:
    data = craft.signed(document(ids=True, files=[File(content=bytes(size))]))
    found = examined(data, engine)
    assert found == examined(data)
    assert found.verdict.indication is Indication.PASSED
    assert found.digest == MemoryBody(data).digest
    assert found.envelope.attachments[0].size == size


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<", "EDX101"),
        (document(subject=None), "EDX202"),
        (document(files=[File(encoded="A" * 100_001)]), "EDX208"),
        (document(files=[File(name="../a")]), "EDX209"),
    ],
)
def test_all_engines_refuse_the_same(engine: Engine, data: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        examined(data, engine)
    assert caught.value.code == code


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_pass_is_told_alike(engine: Engine) -> None:
    assert examined(document(), engine).verdict.reason == "signature-missing"
    broken = craft.signed(document(ids=True)).replace(
        b"Ch\xe1\xbb\xa7 t\xe1\xbb\x8bch", b"Ch\xe1\xbb\xa7 T\xe1\xbb\x8bch"
    )
    assert examined(broken, engine).verdict.reason == "signature-broken"


def test_a_disagreement_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message is known on which they disagree, so one of them is given another bound."""
    data = by_parts()
    assert examined(data, Engine.BOTH).verdict.reason == "ok"
    monkeypatch.setattr(by_stream, "MOST_COPIED", 1)
    assert examined(data).verdict.reason == "ok"
    assert examined(data, Engine.STREAM).verdict.reason == "namespaces-costly"
    with pytest.raises(Refusal) as caught:
        examined(data, Engine.BOTH)
    assert caught.value.code == "EDX317"
    assert caught.value.finding.detail == "signxml: ok; stream: namespaces-costly"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "large", [by_parts(size=MOST_BYTES), by_parts(recipients=MOST_TAGS // 18)], ids=["bytes", "tags"]
)
def test_what_is_large_is_for_the_stream_engine(engine: Engine, large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(large) > MOST_BYTES or large.count(b"<") > MOST_TAGS
    monkeypatch.setattr(by_stream, "MOST_COPIED", 1)
    assert examined(large, engine).verdict.reason == "namespaces-costly"


def test_a_body_on_disk_is_examined_like_bytes(tmp_path: Path) -> None:
    for size in (10, LARGE_BYTES):
        data = craft.signed(document(ids=True, files=[File(content=bytes(size))]))
        body = spool.set_down(tmp_path, [data[:1000], data[1000:]])
        assert (body.digest, len(body)) == (MemoryBody(data).digest, len(data))
        assert examined(body) == examined(data)
        assert examined(body).verdict.reason == "ok"
        body.discard()
        body.discard()
    assert list(tmp_path.iterdir()) == []
