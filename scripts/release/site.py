"""Before and after mkdocs: gather what the pages are made of, and look at what was made.

    .venv/bin/python scripts/release/site.py gather FOLDER      # docs/ with README.md as its first page, and mkdocs.yml
    .venv/bin/python scripts/release/site.py finish SITE        # languages; ends with 1 where a page asks elsewhere

Links in docs/ may lead to any file of the project; those outside come along, under files/.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CONFIGURATION: Final = Path(__file__).with_name("site.yml")
_LINK: Final = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
_CODE: Final = re.compile(r"(^```.*?^```[^\S\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
# What a browser fetches by itself when it opens a page; links that a person follows are not among it.
_FETCHED: Final = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//|"""
    r"""<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon|dns-prefetch))[^>]*\bhref=["']?(?:https?:)?//|"""
    r"""url\(["']?(?:https?:)?//|@import\s+["'](?:https?:)?//""",
    re.IGNORECASE,
)


def moved(text: str, page: Path, target: Path, outside: set[Path]) -> str:
    """The links of ``page``, a file of the project, as they have to be at ``target`` in the pages' folder; what they
    name outside docs/ is added to ``outside``."""

    def link(found: re.Match[str]) -> str:
        file = (page.parent / found[2]).resolve()
        if not file.exists() or not file.is_relative_to(ROOT):
            return found[0]  # mkdocs says so
        if file == ROOT / "README.md":
            place = Path("index.md")
        elif file.is_relative_to(ROOT / "docs"):
            place = file.relative_to(ROOT / "docs")
        else:
            place = Path("files") / file.relative_to(ROOT)
            outside.add(file)
        up = Path(*[".."] * (len(target.parts) - 1))
        return f"{found[1]}{(up / place).as_posix()}{found[3]}"

    # Text in code is not a link, whatever it looks like.
    parts = _CODE.split(text)
    return "".join(part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(parts))


def gather(folder: Path) -> None:
    docs = folder / "docs"
    shutil.copytree(ROOT / "docs", docs)
    shutil.copy(CONFIGURATION, folder / "mkdocs.yml")
    outside: set[Path] = set()
    pages = {path: path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    for page, target in {**pages, ROOT / "README.md": Path("index.md")}.items():
        (docs / target).write_text(moved(page.read_text(encoding="utf-8"), page, target, outside), encoding="utf-8")
    for file in outside:
        place = docs / "files" / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def elsewhere(site: Path) -> list[str]:
    """The files that would have a browser ask another host."""
    made = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    return sorted(str(one.relative_to(site)) for one in made if _FETCHED.search(one.read_text(encoding="utf-8")))


def finish(site: Path) -> int:
    for page in (site / "vi").rglob("*.html"):  # the theme has one language for all
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'<html lang="?en"?', '<html lang="vi"', text, count=1), encoding="utf-8")
    found = elsewhere(site)
    for name in found:
        print(f"{name} would fetch something from elsewhere", file=sys.stderr)
    return 1 if found else 0


def main() -> int:
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "finish":
        return finish(folder)
    gather(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
