"""The documentation's pages: what scripts/site does beside mkdocs, which builds and checks them (.ci/run --release)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.release import site

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_in_the_navigation() -> None:
    told = set(re.findall(r"[\w/-]+\.md", site.CONFIGURATION.read_text(encoding="utf-8").partition("\nnav:")[2]))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert told == pages | {"index.md"}


@pytest.mark.parametrize(
    ("text", "target", "made"),
    [
        ("[a](../README.md#two-commands)", "cli.md", "[a](index.md#two-commands)"),
        ("[a](docs/cli.md)", "index.md", "[a](cli.md)"),
        ("[a](../config/alerts.yml)", "cli.md", "[a](files/config/alerts.yml)"),
        ("[a](../../config/alerts.yml)", "vi/cli.md", "[a](../files/config/alerts.yml)"),
        ("[a](../cli.md#x)", "vi/cli.md", "[a](../cli.md#x)"),
        ("[a](https://example.vn/x) [b](#here)", "cli.md", "[a](https://example.vn/x) [b](#here)"),
        ("`[a](../README.md)`", "cli.md", "`[a](../README.md)`"),
        ("```\n[a](../README.md)\n```\n", "cli.md", "```\n[a](../README.md)\n```\n"),
        ("[a](no-such.md)", "cli.md", "[a](no-such.md)"),
    ],
)
def test_a_link_leads_to_the_same_from_where_the_page_is(text: str, target: str, made: str) -> None:
    page = ROOT / "README.md" if target == "index.md" else ROOT / "docs" / target
    outside: set[Path] = set()
    assert site.moved(text, page, Path(target), outside) == made
    assert outside == ({ROOT / "config" / "alerts.yml"} if "files/" in made else set())


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('<script src="https://cdn.example/x.js"></script>', True),
        ("<img alt=x src=//cdn.example/x.png>", True),
        ('<link rel="stylesheet" href="https://fonts.example/x">', True),
        ('<link href="https://fonts.example/x" rel="preconnect">', True),
        ("<style>a { background: url(https://cdn.example/x) }</style>", True),
        ('<a href="https://c2sp.org/tlog-tiles">tiles</a><script src="assets/x.js"></script>', False),
        ('<link rel="canonical" href="https://docs.example/">', False),
    ],
)
def test_a_page_that_asks_elsewhere_is_found(tmp_path: Path, text: str, asks: bool) -> None:
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert site.elsewhere(tmp_path) == (["page.html"] if asks else [])
    assert site.finish(tmp_path) == int(asks)


def test_pages_in_vietnamese_say_so(tmp_path: Path) -> None:
    (tmp_path / "vi").mkdir()
    for name in ("a.html", "vi/a.html"):
        (tmp_path / name).write_text('<html lang="en" class="no-js">', encoding="utf-8")
    assert site.finish(tmp_path) == 0
    assert (tmp_path / "a.html").read_text() == '<html lang="en" class="no-js">'
    assert (tmp_path / "vi" / "a.html").read_text() == '<html lang="vi" class="no-js">'
