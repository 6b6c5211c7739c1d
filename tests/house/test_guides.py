"""What the README and the guides tell people to type works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.toml)\n")  # the first line of a block that is a file of its own
GUIDES = {
    "README.md": "",
    "docs/guide-office.md": "",
    "docs/guide-operator.md": "",
    "docs/guide-auditor.md": "edxml-router init xa --name long-chu",
}


def commands(guide: str) -> list[str]:
    """What is typed, and the files that are written between, in their order."""
    typed: list[str] = []
    for kind, block in BLOCK.findall((ROOT / guide).read_text("utf-8")):
        if kind == "console":
            typed += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        elif file := FILE.match(block):
            typed.append(f"cat > {file[1]} <<'EOF'\n{block}EOF")
    return typed


@pytest.mark.timeout(900)  # two dozen commands, and nodes that run: on a busy machine each takes its time
@pytest.mark.parametrize(("guide", "before"), GUIDES.items())
def test_every_command_of_a_guide_works(guide: str, before: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/examples/letter.edxml", tmp_path)
    # What a guide starts in the background ends with it.
    script = "\n".join(["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT", before, *commands(guide)])
    assert len(commands(guide)) > 2
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-xc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=880, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("guide", ["guide-operator.md", "guide-office.md", "guide-auditor.md"])
def test_what_operators_read_in_vietnamese_says_the_same(guide: str) -> None:
    """The same commands, files and settings in the same order; so the run above holds for both."""
    english, vietnamese = f"docs/{guide}", f"docs/vi/{guide}"
    assert commands(vietnamese) == commands(english)
    assert uncommented(vietnamese) == uncommented(english)
    marked = re.compile(r"EDX\d{3}|`[a-z_]+\.[a-z_]+`|^#+ ", re.MULTILINE)
    found = [sorted(marked.findall((ROOT / one).read_text("utf-8"))) for one in (english, vietnamese)]
    assert found[0] == found[1]


def uncommented(guide: str) -> list[str]:
    """All that stands in fences but what is said behind a #, which is in the reader's language."""
    fenced = re.findall(r"^```\w+\n.*?^```", (ROOT / guide).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub(r"[ ]*#.*", "", block) for block in fenced]


def test_every_link_of_the_documents_leads_somewhere() -> None:
    broken = []
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []
