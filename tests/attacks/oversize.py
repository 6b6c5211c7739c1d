"""Hostile messages that would be too big to keep as files: how each is built and the problem it must meet."""

from __future__ import annotations

from collections.abc import Callable

from tests.fixtures import NS, File, document

ROOT = f'<edXML xmlns="{NS}">'.encode()
END = b"</edXML>"

OVERSIZE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "million elements": ("EDX107", lambda: ROOT + b"<a/>" * 1_000_000 + END),
    "as many elements with closing tags": ("EDX107", lambda: ROOT + b"<a></a>" * 400_000 + END),
    "more elements than the limit, barely": ("EDX107", lambda: ROOT + b"<a/>" * 150_000 + END),
    "closing tags hidden in a comment": ("EDX107", lambda: ROOT + b"<!--" + b"</" * 300_000 + b"-->" + END),
    "200,000 attributes on one element": (
        "EDX107",
        lambda: b"<edXML " + b" ".join(b"a%d=''" % n for n in range(200_000)) + b"/>",
    ),
    "attributes over many elements": ("EDX107", lambda: ROOT + b"<a b='' c=''/>" * 30_000 + END),
    "65 attributes on one element": (
        "EDX107",
        lambda: ROOT + b"<a " + b" ".join(b"a%d=''" % n for n in range(65)) + b"/>" + END,
    ),
    "40,000 namespace declarations": (
        "EDX107",
        lambda: ROOT + b"".join(b"<a xmlns:p%d='u%d'/>" % (n, n) for n in range(40_001)) + END,
    ),
    "100,000 levels": ("EDX106", lambda: b"<a>" * 100_000 + b"</a>" * 100_000),
    "deep in a message that needs the parser for large texts": (
        "EDX106",
        lambda: document(files=(File(content=b"x" * 8_000_000),)).replace(
            b"<edXML:From>", b"<a>" * 60 + b"</a>" * 60 + b"<edXML:From>"
        ),
    ),
    "texts of 20 MB": ("EDX108", lambda: document(subject="a" * 20_000_000)),
    "character references": ("EDX108", lambda: ROOT + b"<Subject>" + b"&#65;" * 2_000_000 + b"</Subject>" + END),
    "CDATA that looks like an attachment": (
        "EDX108",
        lambda: ROOT + b"<Subject><![CDATA[<ContentTransferEncoded>" + b"a" * 100_000 + b"]]></Subject>" + END,
    ),
    "text in many short CDATA sections": (
        "EDX108",
        lambda: ROOT + b"<Subject>" + (b"<![CDATA[" + b"a" * 5_000 + b"]]>") * 20 + b"</Subject>" + END,
    ),
    "white space before the root": ("EDX108", lambda: b" " * 100_000 + ROOT + END),
    "comments before the root": ("EDX109", lambda: b"<!---->" * 1_000_000 + ROOT + END),
    "comments in the root": ("EDX109", lambda: ROOT + b"<!---->" * 100_000 + END),
    "larger than the cap": ("EDX102", lambda: b" " * (64 * 1024 * 1024 + 1)),
}
