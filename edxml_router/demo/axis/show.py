"""``edxml-router demo --axis``: the test axis until Ctrl-C, with what passes on the terminal."""

from __future__ import annotations

import queue
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from edxml_router.core.problems import PROBLEMS, Refusal
from edxml_router.demo.axis.counterpart import CounterpartAct
from edxml_router.demo.axis.handout import PAGES, first_commands
from edxml_router.demo.axis.plans import ANSWERING
from edxml_router.demo.axis.trial import Seen, TrialAxis
from edxml_router.demo.folder import exclusive_folder
from edxml_router.demo.texts import narrate
from edxml_router.demo.tree import TreeError

_LOOK = 0.5  # seconds; a signal is heard between


@dataclass(frozen=True, slots=True)
class AxisOptions:
    """What is asked of a test axis. ``kept``: the folder stays; ``faults`` are planted for van-thu at the start."""

    folder: Path
    language: str = "en"
    kept: bool = False
    webhook: str | None = None
    faults: tuple[str, ...] = ()


class AxisShow:
    """One run."""

    def __init__(self, options: AxisOptions) -> None:
        self.options = options
        self.console = Console(highlight=False)
        self._seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()

    def say(self, key: str, style: str = "", **values: object) -> None:
        self.line(narrate(self.options.language, f"axis.{key}", **values), style)

    def line(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style), soft_wrap=True)

    def run(self) -> int:
        folder, began = self.options.folder.absolute(), time.monotonic()
        with exclusive_folder(folder):
            self.say("making", folder=folder)
            with TrialAxis(folder, webhook=self.options.webhook, tell=self._seen.put) as axis:
                for name in self.options.faults:
                    axis.plant("van-thu", name)
                self.welcome(axis, time.monotonic() - began)
                self.watch()
        return 0

    def welcome(self, axis: TrialAxis, seconds: float) -> None:
        page = axis.folder / PAGES[self.options.language]
        self.say("up", "bold", seconds=seconds, folder=axis.folder, page=page)
        for office in axis.offices.values():
            self.line(f"  {office.name:10} {office.agency:4} {office.url}   token {axis.tokens[office.name]}")
        self.say("up_first", "bold")
        for command in first_commands(axis):
            self.line(f"  {command}")
        self.say("kept" if self.options.kept else "gone")
        self.say("seen", "bold")

    def watch(self) -> None:
        with suppress(KeyboardInterrupt):
            while True:
                with suppress(queue.Empty):
                    self.show(self._seen.get(timeout=_LOOK))

    def show(self, seen: Seen) -> None:
        """A line for what passed. Never content, and no name of a person."""
        at = time.strftime("%H:%M:%S")
        if isinstance(seen, CounterpartAct):
            told = narrate(self.options.language, f"axis.act_{seen.act}", document=seen.document_id, peer=seen.peer,
                           detail=seen.detail)  # fmt: skip
            self.line(f"{at}  {ANSWERING:10} {told}", "cyan")
            return
        answered = str(seen.status) if seen.status else narrate(self.options.language, "axis.cut")
        planted = f"  [{narrate(self.options.language, 'axis.planted', name=seen.fault)}]" if seen.fault else ""
        style = "yellow" if seen.fault else "red" if seen.code or seen.status >= 400 or not seen.status else "green"
        self.line(f"{at}  {seen.office:10} {seen.method} {seen.path} → {answered} {seen.code}{planted}", style)
        if seen.code in PROBLEMS:
            problem, language = PROBLEMS[seen.code], self.options.language
            told = narrate(language, "axis.remedy", title=problem.title[language], remedy=problem.remedy[language])
            self.line(f"{'':10}{told}", "dim")


def show_axis(options: AxisOptions) -> int:
    """Run it; the exit status. Ends in good order at SIGTERM and Ctrl-C."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    show = AxisShow(options)
    try:
        return show.run()
    except (TreeError, OSError) as error:
        show.line(str(error), "red")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
        if not options.kept:
            clear_away(options.folder)


def clear_away(folder: Path) -> None:
    """Remove the folder, unless it is somebody else's."""
    with suppress(OSError, Refusal):
        with exclusive_folder(folder):
            pass
        shutil.rmtree(folder)
