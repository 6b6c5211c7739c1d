"""What the README and the guides tell people to type works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
GUIDES = {
    "README.md": "",
    "docs/guide-office.md": "",
    "docs/guide-operator.md": "",
    "docs/guide-auditor.md": "edxml-router init xa --name long-chu",
}


def commands(guide: str) -> list[str]:
    text = (ROOT / guide).read_text("utf-8")
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize(("guide", "before"), GUIDES.items())
def test_every_command_of_a_guide_works(guide: str, before: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/examples/letter.edxml", tmp_path)
    script = "\n".join(["set -e", before, *commands(guide)])
    assert len(commands(guide)) > 2
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-xc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_link_of_the_documents_leads_somewhere() -> None:
    broken = []
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []
