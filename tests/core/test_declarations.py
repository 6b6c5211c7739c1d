"""What namespaces cost is bounded before anything is canonicalised; honest messages are far below."""

from __future__ import annotations

import time

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.core.xml import declarations
from edxml_router.core.xml.safe_xml import NS, parse
from tests.fixtures import document

ROOT = f'<edXML:edXML xmlns:edXML="{NS}"'.encode()


def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse(data)
    return caught.value.code


def declared(count: int, address: str = "urn:n") -> str:
    return " ".join(f'xmlns:n{number}="{address}{number}"' for number in range(count))


def nested(count: int, each: int) -> bytes:
    """``count`` elements inside one another, each with so many declarations of its own."""
    opened = "".join(f"<n {declared(each).replace('xmlns:n', f'xmlns:a{level}x')}>" for level in range(count))
    return ROOT + f">{opened}{'</n>' * count}</edXML:edXML>".encode()


def flat(count: int, scope: int) -> bytes:
    """``count`` elements beneath one with so many declarations."""
    return ROOT + f" {declared(scope)}>{'<a/>' * count}</edXML:edXML>".encode()


def test_an_honest_circular_to_ten_thousand_passes() -> None:
    data = document(to=[f"H53.{number // 100}.{number % 100}" for number in range(10_000)])
    declarations.limit_declarations(data, 64)
    declarations.limit_declarations(data.replace(b"<edXML:To>", f'<edXML:To xmlns:x="{NS}">'.encode()), 64)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (flat(10, 65), "EDX107"),
        (flat(30_000, 60), "EDX112"),
        (flat(10, 1).replace(b"<a/>", f"<a {declared(70)}/>".encode()), "EDX107"),
        (nested(20, 60).replace(b"</n>", b"<a/>" * 50 + b"</n>", 1), "EDX112"),
        (flat(10_000, 1).replace(b"urn:n0", b"urn:" + b"n" * 5_000), "EDX112"),
    ],
)
def test_products_are_bounded_and_counting_them_is_cheap(data: bytes, code: str) -> None:
    begun = time.process_time()
    assert refused(data) == code
    assert time.process_time() - begun < 2.0  # the bound itself: seconds of processor, whatever the machine's load


def test_words_in_a_text_are_no_declarations() -> None:
    text = "xmlns:a=" * 2_000
    declarations.limit_declarations(document(subject=text), 64)


def test_a_declaration_repeated_within_bounds_is_taken() -> None:
    declarations.limit_declarations(flat(1_000, 10), 64)
    declarations.limit_declarations(nested(5, 10), 64)
