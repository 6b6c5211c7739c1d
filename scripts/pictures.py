"""The pictures of the console in the documentation: pages of a node where a link is silent, as Chromium shows them.

    .venv/bin/python scripts/pictures.py        # writes docs/pictures/*.jpeg

The node, its letters and its people are invented.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edxml_router.core.link.route import Route  # noqa: E402 - found through the line above
from edxml_router.core.problems import Finding  # noqa: E402 - as above
from edxml_router.node.worker import work  # noqa: E402 - as above
from tests.console.browsing import Consoled  # noqa: E402 - as above
from tests.console.chromium import chromium, new_page, sign_in  # noqa: E402 - as above
from tests.console.test_operator_pages import LINKS  # noqa: E402 - as above
from tests.gateway.world import digest  # noqa: E402 - as above

FOLDER: Final = ROOT / "docs" / "pictures"
# Name, path, person, width and colours.
PICTURES: Final = (
    ("now", "/now", "truc", 1100, "light"),
    ("failed", "/failed", "truc", 1100, "light"),
    ("document", "/document/{digest}", "truc", 1100, "light"),
    ("mailbox", "/clerk", "lan", 1100, "light"),
)
SUBJECTS: Final = ("V/v kiểm tra an toàn hồ chứa trước mùa mưa bão", "V/v báo cáo kết quả chuyển đổi số quý IV",
                   "V/v mời họp giao ban công tác văn thư", "V/v triển khai tiêm chủng mở rộng")  # fmt: skip


def ill(world: Consoled) -> str:
    """Letters that wait and have failed; the digest of one that is in order."""
    digests = []
    for number in range(1, 13):
        data = world.post.document("H53", ["H01.151"], number, SUBJECTS[number % len(SUBJECTS)])
        world.client("vp").put(f"/v1/envelopes/{digest(data)}", content=data).raise_for_status()
        digests.append(digest(data))
    work(world.worker)
    hours = 3 * 3600 * 1_000_000
    with closing(sqlite3.connect(world.folder / "data" / "journal.db", timeout=60)) as database, database:
        for statement in (
            "UPDATE deliveries SET route = 'link:xa-an-thanh', code = 'EDX702', state = 'deferred' WHERE id <= 5",
            "UPDATE deliveries SET code = 'EDX801', state = 'returned', ended_at = updated_at WHERE id = 6",
            f"UPDATE envelopes SET accepted_at = accepted_at - {hours} WHERE digest IN "  # noqa: S608 - ours
            "(SELECT digest FROM deliveries WHERE id <= 2)",
        ):
            database.execute(statement)
    with world.worker.ledger.book() as book:
        silent = {(Route.link("xa-an-thanh"), False): Finding("EDX702", "xa-an-thanh", "")}
        book.mailboxes.note_silences(silent, None, datetime.now(UTC) - timedelta(minutes=14))
    return digests[-1]


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Consoled(Path(folder), rest=LINKS) as world, chromium() as browser:
        shown = ill(world)
        world.person("truc", "operator", title="Lê Thị Trực")
        world.person("lan", "clerk", office="so", title="Nguyễn Thị Lan")
        for name, path, person, width, scheme in PICTURES:
            page = new_page(browser, "vi", width=width, scheme=scheme)
            sign_in(page, world, person)
            page.goto(f"{world.url}/console{path.format(digest=shown)}")
            file = FOLDER / f"{name}.jpeg"
            page.screenshot(path=file, type="jpeg", quality=60)
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
