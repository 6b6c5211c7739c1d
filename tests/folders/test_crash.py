"""The process of the folders dies at each step in turn (SIGKILL), and another begins: nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from edxml_router.core.delivery.lifecycle import State
from edxml_router.services import office
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring.opening import ledger_of
from tests.folders.offices import FolderNode, month
from tests.folders.test_letters import lay, read

STEPS = ("rename", "fsync", "unlink", "mkdir")  # of the disk; and the commits of the ledger
MOST = 200
STRIDE = 1 if os.environ.get("EDXML_ROUTER_EXHAUSTIVE") else 23  # every step has its before and its after


def dies(at: int, act: Callable[[], object]) -> bool:
    """Whether a child process that does this is killed at its step ``at``, before it is done or just after."""
    child = os.fork()
    if child == 0:
        left = at

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def step(*arguments: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                done = call(*arguments, **named)
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return done

            return step

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        commit = SqlLedger.book
        SqlLedger.book = counted(commit)  # type: ignore[method-assign]
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def at_each_step(act: Callable[[], object], then: Callable[[int], None]) -> None:
    for number, at in enumerate(range(1, MOST, STRIDE), 1):
        died = dies(at, act)
        then(number)
        if not died:
            assert at > 10
            return
    pytest.fail("it never came to its end")


def test_what_was_laid_into_the_outbox_is_accepted_once(offices: FolderNode) -> None:
    def hand_in() -> None:
        offices.restart()
        offices.settle("vp")

    def then(at: int) -> None:
        hand_in()
        names = [f"{one}.edxml{end}" for one in range(at + 1) for end in ("", ".json")]
        assert sorted(names) == offices.files("vp", "sent", month())
        assert offices.files("vp", "outbox") == []
        assert offices.files("vp", "failed") == []
        assert offices.files("vp", ".work", "claimed") == []
        assert offices.files("vp", ".work", "new") == []
        with ledger_of(offices.settings) as ledger:
            assert len(ledger.views.find_envelopes(limit=MOST)) == at + 1
        lay(offices, f"{at + 1}.edxml", offices.letter(f"{at + 1}/UBND"))

    for first in (0, 1):
        lay(offices, f"{first}.edxml", offices.letter(f"{first}/UBND"))
    at_each_step(hand_in, then)


def test_a_letter_is_laid_confirmed_and_told_once(offices: FolderNode) -> None:
    def look() -> None:
        offices.restart()
        offices.turn("vpcp")
        for name in offices.files("vpcp", "inbox"):
            if name.endswith(".edxml"):
                offices.path("vpcp", "inbox", name).rename(offices.path("vpcp", "done", name))
        offices.turn("vpcp")
        offices.turn("vp")

    def then(at: int) -> None:
        look()
        look()
        done = offices.files("vpcp", "done", month())
        assert len(done) == 3 * at  # the letter, its description, its attachments
        assert offices.files("vpcp", "inbox") == []
        assert offices.files("vpcp", "done") == [month()]
        with ledger_of(offices.settings) as ledger:
            counts = ledger.views.counts()
            assert not office.notices(ledger.views, ["vp"]).notes
        assert (counts[State.CONFIRMED], counts[State.AVAILABLE]) == (at, 0)
        folders = offices.files("vp", "receipts", month())
        assert len(folders) == at
        assert all(offices.files("vp", "receipts", month(), one) == ["G22.json", "G22.txt"] for one in folders)
        hand_in(at + 1)

    def hand_in(number: int) -> None:
        lay(offices, f"{number}.edxml", offices.letter(f"{number}/UBND"))
        offices.settle("vp")
        offices.work()

    hand_in(1)
    at_each_step(look, then)


def test_a_letter_is_returned_once(offices: FolderNode) -> None:
    def look() -> None:
        offices.restart()
        offices.settle("vpcp")

    def send(number: int) -> None:
        name = offices.deliver(f"{number}/UBND")
        offices.path("vpcp", "inbox", f"{name}.edxml").rename(offices.path("vpcp", "returned", f"{name}.edxml"))
        offices.path("vpcp", "returned", f"{name}.txt").write_text("Sai thể thức", encoding="utf-8")

    def then(at: int) -> None:
        look()
        assert offices.files("vpcp", "returned") == [month()]
        assert len(offices.files("vpcp", "returned", month())) == 4 * at
        offices.turn("vp")
        assert len(offices.files("vp", "receipts", month())) == at
        send(at + 1)

    send(1)
    at_each_step(look, then)
    [one, *_] = offices.files("vp", "receipts", month())
    assert "Sai thể thức" in read(offices.path("vp", "receipts", month(), one, "G22.txt"))
