"""Each call of a port that leaves something behind goes wrong once; then the nodes go on, and nothing is amiss.

By default a few calls of each kind; with EDXML_ROUTER_EXHAUSTIVE=1 in the environment every single one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path

import pytest

from tests.crash.play import faults, play, prepare
from tests.crash.ports import CANNOT_FAIL, How, Meddler

EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))
SOME = 3  # of the commits, and one of everything else


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tree"
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def calls(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a play calls when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("calm") / "tree"
    shutil.copytree(prepared, folder)
    meddler = Meddler()
    play(folder, meddler.wrap)
    assert faults(folder) == []
    return meddler.calls


@pytest.mark.parametrize("how", list(How))
def test_nothing_is_lost_or_doubled(how: How, prepared: Path, calls: list[str], tmp_path: Path) -> None:
    wrong = []
    cases = iter(chosen(calls, how))
    while batch := list(islice(cases, os.cpu_count())):
        children = {}
        for victim in batch:
            folder = tmp_path / str(victim)
            shutil.copytree(prepared, folder)
            meddler = Meddler(victim, how)
            children[victim] = fork(folder / "failure", lambda folder=folder, meddler=meddler: spoil(folder, meddler))
        for victim, child in children.items():
            if wait(child):
                wrong.append(f"{calls[victim]} (call {victim}): {(tmp_path / str(victim) / 'failure').read_text()}")
            shutil.rmtree(tmp_path / str(victim))
    assert wrong == []


def chosen(calls: list[str], how: How) -> list[int]:
    """The calls to spoil, by number."""
    if EXHAUSTIVE:
        return list(range(len(calls)))
    places: dict[str, list[int]] = {}
    for number, call in enumerate(calls):
        places.setdefault(call.rsplit(" ", 1)[1], []).append(number)
    if how in (How.FAILED, How.FAILED_BUT_DONE):
        places = {method: found for method, found in places.items() if method not in CANNOT_FAIL}
    pick = random.Random(str(how))  # noqa: S311 - the same ones each time, others for each way to fail
    some = (pick.sample(found, SOME if method == "commit" else 1) for method, found in sorted(places.items()))
    return sorted(chain.from_iterable(some))


def spoil(folder: Path, meddler: Meddler) -> None:
    """Play with one call gone wrong, and again where that killed the process; then all must be well."""
    began = datetime.now(UTC)
    status = wait(fork(folder / "failure", lambda: play(folder, meddler.wrap, began)))
    if meddler.kills:
        assert status == -signal.SIGKILL, f"ended with {status}"
        play(folder, since=began + timedelta(hours=1))
    else:
        assert status == 0, f"ended with {status}: {(folder / 'failure').read_text()}"
    assert faults(folder) == []


def fork(failure: Path, act: Callable[[], None]) -> int:
    """Do ``act`` in a process of its own, which leaves the reason in ``failure`` and status 1 when it fails."""
    if child := os.fork():
        return child
    try:
        act()
    except BaseException:  # noqa: BLE001 - this process ends here, whatever it was
        failure.write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def wait(child: int) -> int:
    """The exit status of a process, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
