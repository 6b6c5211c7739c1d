"""What docs/guide-office.md says of HTTP works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.world import OFFICES, World, digest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples/http"
GUIDE = (ROOT / "docs/guide-office.md").read_text("utf-8")
SEALS = "".join(
    f'[[seals]]\nagency = "{code}"\nkey = "pki/{code}.key.pem"\ncertificate = "pki/{code}.cert.pem"\n'
    for code in OFFICES.values()
)


def blocks(kind: str, chapter: int = 4) -> list[str]:
    text = GUIDE.split(f"\n## {chapter}. ", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_commands_hand_in_fetch_and_confirm(world: World, tmp_path: Path) -> None:
    send, receive = blocks("sh")
    data = world.letter()
    (tmp_path / "letter.edxml").write_bytes(data)
    run(send, world, "vp", tmp_path)
    world.work()
    run(receive, world, "so", tmp_path)
    assert (tmp_path / "in.edxml").read_bytes() == data
    assert world.client("so").get("/v1/inbox").json()["letters"] == []


def run(script: str, world: World, office: str, folder: Path, **given: str) -> None:
    own = {"NODE": world.url, "TOKEN": world.token(office), "CURL_CA_BUNDLE": str(world.pki / "anchors.pem")}
    subprocess.run(["bash", "-euxc", script], cwd=folder, env=os.environ | own | given, check=True, timeout=60)


def test_a_letter_and_a_status_go_without_edxml(tmp_path: Path) -> None:
    [script] = blocks("sh", 8)
    (tmp_path / "cong-van.pdf").write_bytes(b"%PDF-1.7\n")
    with World(tmp_path, rest=SEALS) as world:
        data = world.letter(sender="H01.151", to="H53")
        world.hand_in(data, "so")
        world.work()
        run(script, world, "vp", tmp_path, LETTER=f"{digest(data)}.H53")
        world.work()
        came = {one["envelope"]["kind"]: one["letter"] for one in world.client("so").get("/v1/inbox").json()["letters"]}
        assert came.keys() == {"document", "status"}
        content = world.client("so").get(f"/v1/inbox/{came['document']}/content").json()
        assert (content["number"], content["attachments"][0]["name"]) == ("125", "cong-van.pdf")
        told = {"letter": f"{digest(data)}.H53", "code": "04", "at": "2026-11-27T08:00:00+07:00"}
        answers = [world.client("vp").post("/v1/statuses", json=told).status_code for _ in range(2)]
        assert answers == [201, 200]


def test_the_program_in_python_does_all_of_it(world: World, tmp_path: Path) -> None:
    [program] = blocks("python")
    assert program in (ROOT / "README.md").read_text("utf-8")
    data = world.letter()
    world.hand_in(data)
    (tmp_path / "letter.edxml").write_bytes(world.letter(sender="H01.151", to="H53"))
    world.work()
    begun = f"NODE, TOKEN = {world.url!r}, {world.token('so')!r}\n"
    trusting = f"token=TOKEN, authorities=Path({str(world.pki / 'anchors.pem')!r})"
    once = program.rstrip("\n").replace("token=TOKEN", trusting) + "\n        break\n"
    command = [sys.executable, "-c", begun + once]
    done = subprocess.run(command, cwd=tmp_path, timeout=60, capture_output=True, check=True)
    [fetched] = tmp_path.glob("inbox/*.edxml")
    assert fetched.read_bytes() == data
    assert "H53" in done.stdout.decode()
    assert world.client("so").get("/v1/inbox").json()["letters"] == []


PROGRAMS = {
    "node": ["node", str(EXAMPLES / "office.mjs"), "{url}", "{token}"],
    "java": ["java", str(EXAMPLES / "Office.java"), "{url}", "{token}", "{authority}"],
    "php": ["php", str(EXAMPLES / "office.php"), "{url}", "{token}", "{authority}"],
}


@pytest.mark.parametrize("runtime", [name for name, command in PROGRAMS.items() if shutil.which(command[0])])
def test_programs_in_other_languages_hand_in_fetch_and_confirm(world: World, tmp_path: Path, runtime: str) -> None:
    data = world.letter()
    world.hand_in(data)
    world.work()
    own = world.letter(sender="H01.151", to="H53")
    (tmp_path / "letter.edxml").write_bytes(own)
    authority = str(world.pki / "anchors.pem")
    given = {"url": world.url, "token": world.token("so"), "authority": authority}
    command = [part.format(**given) for part in PROGRAMS[runtime]]
    run = {"cwd": tmp_path, "env": os.environ | {"NODE_EXTRA_CA_CERTS": authority}, "timeout": 120}
    done = subprocess.run([*command, "letter.edxml"], capture_output=True, text=True, check=False, **run)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{digest(data)}.H01.151.edxml").read_bytes() == data
    assert world.client("so").get("/v1/inbox").json()["letters"] == []
    world.work()
    assert digest(own) in world.client("vp").get("/v1/inbox").text
    (tmp_path / "letter.edxml").write_bytes(b"<edXML/>")
    done = subprocess.run([*command, "letter.edxml"], capture_output=True, text=True, check=False, **run)  # type: ignore[call-overload]
    assert done.returncode != 0
    assert "EDX" in done.stderr
