"""An envelope that takes too long to judge, or ends the process: with real processes, timers and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal, Setback
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.wiring import judging
from edxml_router.wiring.judging import MOST_DEATHS, NotingJudge, judge_apart

LITTLE = timedelta(milliseconds=100)
ROOT = Path(__file__).resolve().parent.parent


def judge(submission: Submission) -> Candidate:
    """Stands for any judgement: it does what the bytes say."""
    if submission.data.whole().startswith(b"slow"):
        while True:
            pass
    if submission.data.whole().startswith(b"deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return Candidate(submission, submission.data.digest, sender="H53.02")


def given(*data: bytes, peer: str = "tay-ninh") -> list[Submission]:
    return [Submission(MemoryBody(each), peer, "link") for each in data]


def codes(judged: Sequence[Candidate]) -> list[str]:
    return [item.trouble.code if item.trouble else item.sender for item in judged]


def test_apart_one_that_overruns_does_not_touch_the_others() -> None:
    judged = judge_apart(judge, given(b"one", b"slow", b"two"), LITTLE)
    assert codes(judged) == ["H53.02", "EDX113", "H53.02"]
    assert [item.submission.data.whole() for item in judged] == [b"one", b"slow", b"two"]
    assert isinstance(judged[1].trouble, Refusal)
    assert judged[1].trouble.finding.detail == "more than 0.1 s of processor time"


def test_apart_a_process_that_is_killed_is_not_the_envelopes_fault() -> None:
    [judged] = judge_apart(judge, given(b"deadly"), LITTLE)
    assert isinstance(judged.trouble, Setback)
    assert judged.trouble.finding.detail == "the process ended: SIGKILL"


def worker(folder: Path, *data: bytes, peer: str = "tay-ninh") -> tuple[int, list[str]]:
    """A process that judges as a worker does: how it ended, and what it said of each."""
    program = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from tests.test_judging import LITTLE, codes, given, judge\n"
        "from edxml_router.wiring.judging import NotingJudge\n"
        "noted = NotingJudge(Path(sys.argv[1]))\n"
        "data = [each.encode() for each in sys.argv[3:]]\n"
        "print(json.dumps(codes(noted(judge, given(*data, peer=sys.argv[2]), LITTLE))))\n"
        "noted.close()\n"
    )
    command = [sys.executable, "-c", program, str(folder), peer, *(each.decode() for each in data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else []


def test_an_envelope_ends_one_worker_and_no_more(tmp_path: Path) -> None:
    assert worker(tmp_path, b"one", b"slow", b"two") == (-signal.SIGPROF, [])
    assert worker(tmp_path, b"one", b"slow", b"two") == (0, ["H53.02", "EDX113", "H53.02"])
    assert worker(tmp_path, b"slow") == (0, ["EDX113"])


def test_who_brought_it_is_judged_apart_for_a_while(tmp_path: Path) -> None:
    assert worker(tmp_path, b"slow") == (-signal.SIGPROF, [])
    assert worker(tmp_path, b"deadly") == (0, ["EDX113"])  # another one of the same peer
    assert worker(tmp_path, b"deadly too", peer="an-giang") == (-signal.SIGKILL, [])
    for file in tmp_path.iterdir():
        os.utime(file, (0, 0))
    assert worker(tmp_path, b"slow") == (-signal.SIGPROF, [])


def test_five_deaths_without_an_answer_are_one_refusal(tmp_path: Path) -> None:
    assert worker(tmp_path, b"deadly") == (-signal.SIGKILL, [])
    noted = NotingJudge(tmp_path)
    answers = [noted(judge, given(b"deadly"), LITTLE)[0].trouble for _ in range(MOST_DEATHS)]
    noted.close()
    refused = [isinstance(trouble, Refusal) for trouble in answers]
    assert refused == [False] * (MOST_DEATHS - 2) + [True, True]
    assert [trouble.code for trouble in answers if trouble] == ["EDX113"] * MOST_DEATHS


def test_a_worker_that_dies_between_two_envelopes_blames_nobody(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.test_judging import LITTLE, given, judge\n"
        "from edxml_router.wiring.judging import NotingJudge\n"
        "NotingJudge(Path(sys.argv[1]))(judge, given(b'one'), LITTLE)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    noted = NotingJudge(tmp_path)
    assert codes(noted(judge, given(b"one"), LITTLE)) == ["H53.02"]
    noted.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "seconds"), [(0, 1.0), (16 * 1024 * 1024, 2.0), (64 * 1024 * 1024, 5.0)])
def test_what_is_larger_has_more_time(size: int, seconds: float) -> None:
    assert judging.seconds_for(size, judging.MOST_TIME) == seconds
