"""Do what was begun, one job after the other, in a thread of a process that lives as long as the node.

    runner = JobRunner(lambda: desk.node)
    runner.start(); runner.close()

The process may end at any moment: whoever serves next goes on behind the last delivery that was dealt with. A database
that is away is waited for.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from edxml_router.core.delivery.journal import OF_CONSOLE
from edxml_router.core.problems import Setback, Trouble
from edxml_router.observe import events
from edxml_router.ports.ledger import Book
from edxml_router.services import operator
from edxml_router.services.bulk.jobs import BATCH
from edxml_router.store.book import SqlBook
from edxml_router.store.bulk import jobs
from edxml_router.store.bulk.jobs import BulkJob
from edxml_router.wiring.stored import StoredNode

LOOK_SECONDS: Final = 2.0  # between two looks whether there is something to do


class JobRunner:
    """``node`` is asked for at each look: other settings may have made it anew."""

    def __init__(self, node: Callable[[], StoredNode]) -> None:
        self._node = node
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the batch in hand; whoever serves next goes on at once."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                while run_next_job(self._node(), self._ending.is_set):
                    pass
            except Trouble as trouble:
                events.setback(trouble.finding)
            except Exception as error:  # noqa: BLE001  # a mistake of ours must not end what acts for people
                events.defect("bulk", error)
            self._ending.wait(LOOK_SECONDS)


def run_next_job(node: StoredNode, ending: Callable[[], bool] = lambda: False) -> bool:
    """Do the job whose turn it is, to its end or until ``ending``; False where there is none. Raises Trouble."""
    if not jobs.any_begun(node.ledger.engine):  # a look must not take the lock that writers need
        return False
    runner = secrets.token_hex(8)
    with node.ledger.book() as book:
        job = jobs.take_job(book.connection, runner, datetime.now(UTC))
    if job is None:
        return False
    numbers = jobs.job_numbers(node.ledger.engine, job.id)
    place = job.place
    while place < len(numbers):
        if ending():
            _let_go(node, job, runner)
            return False
        batch = numbers[place : place + BATCH]
        if not _steps(node, job, runner, batch):
            return True  # stopped, or another has it: what is left is not ours
        place += len(batch)
    with node.ledger.book() as book:
        jobs.end_job(book.connection, job.id, runner, datetime.now(UTC))
    return True


class _LostError(Exception):
    """The job is no longer ours; raised to undo the batch."""


def _steps(node: StoredNode, job: BulkJob, runner: str, batch: Sequence[int]) -> bool:
    """A batch; where it fails by a mistake of ours, one by one, so that a single delivery holds up neither the others
    nor all jobs behind this one. Raises Setback."""
    try:
        return _step(node, job, runner, batch)
    except Setback:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the log tells, and the others go on
        if len(batch) > 1:
            return all(_steps(node, job, runner, [one]) for one in batch)
        events.defect("bulk", error)
    with node.ledger.book() as book:  # left as it is, and counted among those that were
        return jobs.step_job(book.connection, job.id, runner, 1, 0, datetime.now(UTC))


def _step(node: StoredNode, job: BulkJob, runner: str, batch: Sequence[int]) -> bool:
    def keep(book: Book, done: int) -> None:
        # In the transaction of the act: a crash leaves both or neither, so nothing is dealt with twice.
        connection = cast(SqlBook, book).connection
        if not jobs.step_job(connection, job.id, runner, len(batch), done, datetime.now(UTC)):
            raise _LostError

    reason = f"{job.reason} (job {job.id})" if job.reason else f"job {job.id}"
    if job.approver:
        reason += f", approved by {job.approver}"
    try:
        operator.perform(node, job.act, batch, OF_CONSOLE + job.person, reason, keep)
    except _LostError:
        return False
    return True


def _let_go(node: StoredNode, job: BulkJob, runner: str) -> None:
    with node.ledger.book() as book:
        jobs.release_job(book.connection, job.id, runner)
