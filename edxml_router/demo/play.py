"""The demonstration: seven nodes on this machine, whose e-offices send each other signed envelopes.

    status = run(Options(Path("edxml-router-demo"), once=True))

Everything is made anew in the folder: certificates, configurations, databases, logs. With ``once`` it ends after the
story, with 0 only if every expectation held; otherwise the tree keeps running for you to play with. A failure to
start a node or a server is told on standard output, with status 1.

Raises :class:`Refusal` EDX908 for a folder that holds something else or in which another demonstration runs, and
EDX904 when a server that was asked for is not installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from edxml_router.core.delivery.lifecycle import State
from edxml_router.demo.folder import exclusive_folder
from edxml_router.demo.offices import PushedOffice
from edxml_router.demo.oracle import await_none, stray_files
from edxml_router.demo.picture import Picture
from edxml_router.demo.servers import Broker, ServerError, rabbitmq
from edxml_router.demo.story import BAD, LETTERS, PLANS, RECALL, Letter, Story
from edxml_router.demo.texts import narrate
from edxml_router.demo.tree import Tree, TreeError

STORY_SECONDS = 120.0  # a story of 50 envelopes takes 10; past this something hangs
WIDTH = 118  # columns of what goes into a pipe
PICTURE_WIDTH = 116
PICTURED = (101, 15, 24)  # the letters whose traces are in the picture: down to four, across, and one sent back
REST_SECONDS = 30.0  # for the last receipts: a lost one is asked for after five
LOAD_SECONDS = 0.5  # more for each envelope of --load


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a run. ``load`` is a number of further envelopes; with ``kill`` every node is killed once in the
    middle of the traffic; ``picture`` is the file to keep what was shown in, as an SVG."""

    folder: Path
    language: str = "en"
    once: bool = False
    broker: bool = False
    load: int = 0
    kill: bool = False
    picture: Path | None = None


class Demo:
    """One run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.folder = options.folder.absolute()
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = WIDTH
        self.failures: list[str] = []
        self.busiest: tuple[int, RenderableType] = (-1, "")  # deliveries under way, and the board at that moment

    def say(self, key: str, style: str = "", **values: object) -> None:
        self.console.print(Text(narrate(self.options.language, f"play.{key}", **values), style=style))

    def run(self) -> int:
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(exclusive_folder(self.folder))
            broker = None
            if self.options.broker:
                self.say("broker")
                broker = stack.enter_context(rabbitmq(self.folder / "rabbitmq"))
            self.say("making", folder=_short(self.folder))
            tree = stack.enter_context(Tree(self.folder / "nodes", PLANS, broker))
            self.say("starting", count=len(PLANS))
            tree.start()
            story = Story(tree)
            stack.callback(story.close)
            picture = Picture(story, self.options.language, began)
            self.play(story, picture)
            self.failures += story.check()
            self.by_hand(tree, story)
            self.console.print(picture.traces())
            self.console.print(picture.refusals())
            self.inspect(tree, story)
            self.verdict(story, time.monotonic() - began)
            if self.options.picture:
                self.keep_picture(picture, time.monotonic() - began, self.options.picture)
            if not self.options.once:
                self.wait(tree, story)
        return 1 if self.failures else 0

    # --- the story, with a live view ---

    def play(self, story: Story, picture: Picture) -> None:
        deadline = time.monotonic() + STORY_SECONDS + LOAD_SECONDS * self.options.load
        with self.live(picture) as look:
            for letter in LETTERS:
                story.send(letter)
                look()
            for bad in BAD:
                story.send_bad(bad)
                look()
            story.load(self.options.load)
            if self.options.kill:
                self.kill(story, look)
            settled = story.until_settled(deadline, look)
            story.send(RECALL)
            settled &= story.until_settled(deadline, look)
        if not settled:
            self.failures.append("not everything was settled in time")
        self.console.print(picture.board())

    def kill(self, story: Story, look: Callable[[], None]) -> None:
        """Every node once, in the middle of the traffic."""
        names = list(story.tree.plans)
        random.shuffle(names)
        for name in names:
            story.tree.kill(name)
            story.tree.launch(name)  # it needs a while, in which the others and its own office go on
            self.say("killed", "magenta", name=name)
            story.step()
            look()

    @contextmanager
    def live(self, picture: Picture) -> Iterator[Callable[[], None]]:
        """What to call now and then: redraws the board on a terminal, and prints a line each second elsewhere."""
        if self.options.picture:
            yield _now_and_then(0.2, lambda: self.keep_busiest(picture))
        elif self.console.is_terminal:
            with Live(console=self.console, transient=True, auto_refresh=False) as live:
                yield _now_and_then(0.2, lambda: live.update(picture.board(), refresh=True))
        else:
            yield _now_and_then(1.0, lambda: self.console.print(picture.progress()))

    def keep_busiest(self, picture: Picture) -> None:
        under_way = picture.under_way()
        if under_way > self.busiest[0]:
            self.busiest = under_way, picture.board()

    def keep_picture(self, picture: Picture, seconds: float, file: Path) -> None:
        """The picture of the README: the busiest moment, three traces, the refusals, and the end."""
        shot = Console(record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
        shot.print(Text("$ edxml-router demo --once", style="bold"))
        shot.print(self.busiest[1])
        shot.print(picture.traces(PICTURED))
        shot.print(Text(""))
        shot.print(picture.refusals())
        self.console, shown = shot, self.console
        self.verdict(picture.story, seconds)
        self.console = shown
        # Without the recorder's web fonts: a page that shows the picture should ask nobody for anything.
        svg = re.sub(r"@font-face \{.*?\}", "", shot.export_svg(title="edxml-router"), flags=re.DOTALL)
        file.write_text(svg, encoding="utf-8")

    # --- by hand ---

    def by_hand(self, tree: Tree, story: Story) -> None:
        """One letter through the real command line, from sending to the trace."""
        self.say("by_hand", "bold underline")
        sender, recipient = tree.home("H53.31.22"), tree.home("H53.31.21")
        letter = Letter("H53.31.22", ("H53.31.21",), 8, "V/v gửi bằng dòng lệnh")
        source, fetched = self.folder / "letter.edxml", self.folder / "fetched.edxml"
        source.write_bytes(story.post.document(letter.sender, letter.to, letter.number, letter.subject))
        bad = self.folder / "unsigned.edxml"
        bad.write_bytes(story.post.unsigned(letter.sender, letter.to, 9, "V/v chưa ký"))
        office = ["--as", tree.plans[sender].office]
        self.type(tree, sender, ["send", _short(source), *office])
        self.type(tree, sender, ["send", _short(bad), *office], status=1)
        digest = _sha256(source)
        self.await_state(story, recipient, digest, State.AVAILABLE)
        name = story.witnesses[recipient].deliveries([digest])[0].name[:16]  # a beginning will do
        self.type(tree, recipient, ["inbox"])
        self.type(tree, recipient, ["fetch", name, "-o", _short(fetched)])
        if not fetched.exists() or _sha256(fetched) != digest:
            self.failures.append("by hand: the bytes fetched are not the bytes sent")
        self.type(tree, recipient, ["confirm", name])
        self.await_state(story, sender, digest, State.CONFIRMED)
        self.type(tree, sender, ["trace", story.post.document_id(letter.sender, letter.number)])
        self.type(tree, sender, ["queue", "list"])
        self.type(tree, sender, ["journal", "verify"])

    def type(self, tree: Tree, node: str, arguments: list[str], status: int = 0) -> None:
        """Run a command as a person would, and show both the command and what it says."""
        done = tree.run(node, "--lang", self.options.language, *arguments)
        self.console.print(Text(f"$ {self.command(tree, node, arguments)}", style="bold cyan"), soft_wrap=True)
        self.console.print(Text((done.stdout + done.stderr).rstrip()), soft_wrap=True)
        if done.returncode != status:
            self.failures.append(f"by hand: {arguments[0]} ended with status {done.returncode}, not {status}")

    def command(self, tree: Tree, node: str, arguments: list[str]) -> str:
        program, *rest = tree.command(node)
        return shlex.join([_typed(program), *map(_short, rest), *arguments])

    def await_state(self, story: Story, node: str, digest: str, state: State) -> None:
        deadline = time.monotonic() + STORY_SECONDS
        while [one.state for one in story.witnesses[node].deliveries([digest])] != [state]:
            if time.monotonic() > deadline:
                raise TreeError(f"by hand: the letter is not {state} at {node} after {STORY_SECONDS:.0f} s")
            time.sleep(0.05)

    # --- what must be true at the end ---

    def inspect(self, tree: Tree, story: Story) -> None:
        """Every journal, every database and every hub."""
        self.failures += await_none(lambda: left_over(tree, story), REST_SECONDS)
        if not self.options.kill:
            self.failures += [f"{name}: {line}" for name in tree.plans for line in _mistakes(tree.log(name))]

    def verdict(self, story: Story, seconds: float) -> None:
        if self.failures:
            self.say("failed", "bold red", count=len(self.failures))
            for failure in self.failures:
                self.console.print(Text(f"  ✗ {failure}", style="red"))
            self.say("logs", folder=_short(story.tree.folder))
            return
        deliveries = sum(len(sent.expected) for sent in story.sent.values())
        self.say("held", "bold green", sent=len(story.sent), deliveries=deliveries,
                 refused=len(story.refused), seconds=seconds)  # fmt: skip

    def wait(self, tree: Tree, story: Story) -> None:
        """Say what to type, and let the tree run until Ctrl-C."""
        first = next(iter(story.sent.values())).document_id
        another = self.folder / "another.edxml"
        another.write_bytes(story.post.document("H53.31.22", ("H53.31.21",), 10, "V/v gửi khi một nút đã dừng"))
        self.say("next", "bold")
        self.suggest("shape", self.command(tree, "quoc-gia", ["queue", "shape"]))
        self.suggest("trace", self.command(tree, "quoc-gia", ["trace", first]))
        self.suggest("quarantine", self.command(tree, "quoc-gia", ["queue", "list", "--quarantine"]))
        self.suggest("journal", self.command(tree, "tay-ninh", ["journal", "query"]))
        self.suggest("doctor", self.command(tree, "ben-cau", ["doctor"]))
        self.say("try_kill", "bold")
        self.suggest("kill", f"kill -9 -- -{tree.group('ben-cau')}")
        office = tree.plans["long-chu"].office
        self.suggest("send", self.command(tree, "long-chu", ["send", _short(another), "--as", office]))
        self.suggest("list", self.command(tree, "long-chu", ["queue", "list"]))
        self.suggest("serve", self.command(tree, "ben-cau", ["serve"]))
        self.suggest("inbox", self.command(tree, "an-thanh", ["inbox"]))
        self.say("end", "bold")
        pushed = [each for each in story.offices.values() if isinstance(each, PushedOffice)]
        with contextlib.suppress(KeyboardInterrupt):
            while True:  # those who fetch are yours to play; the others go on confirming
                for each in pushed:
                    for mail in each.receive():
                        each.confirm(mail.number)
                time.sleep(0.5)

    def suggest(self, key: str, command: str) -> None:
        """A command to type, below what it shows."""
        self.console.print(Text(f"  # {narrate(self.options.language, f'play.{key}')}", style="dim"), soft_wrap=True)
        self.console.print(Text(f"  {command}"), soft_wrap=True)


def left_over(tree: Tree, story: Story) -> list[str]:
    """What keeps the tree from being at rest: in the databases, and in the mailboxes of the hubs."""
    found = [line for witness in story.witnesses.values() for line in witness.at_rest()]
    for name in tree.plans if not found else ():
        found += left_in_queues(tree, name, tree.broker) if tree.broker else stray_files(tree.hub(name))
    return found


def left_in_queues(tree: Tree, name: str, broker: Broker) -> list[str]:
    """Messages left in the mailboxes of a hub that is a virtual host, whether waiting or taken and not settled."""
    rows = broker.ctl("list_queues", "-p", tree.vhost(name), "name", "messages", "--no-table-headers").splitlines()
    counts = (row.split() for row in rows)
    return [f"left behind: {count} in {name}/{mailbox}" for mailbox, count in counts if count != "0"]


def _mistakes(log: Path) -> list[str]:
    """Lines of a node's log that tell of a mistake of the router; a hub that was not up yet is none."""
    lines = log.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if any(sign in line for sign in ("EDX699", ".lost", "Traceback"))]


def _now_and_then(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """``act``, but at most once in so many seconds."""
    last = [0.0]

    def maybe() -> None:
        if time.monotonic() - last[0] >= seconds:
            act()
            last[0] = time.monotonic()

    return maybe


def _typed(program: str) -> str:
    """What a person types for it: the name alone where the shell would find the same file."""
    name = Path(program).name
    found = shutil.which(name)
    return name if found and Path(found).samefile(program) else _short(program)


def _short(path: str | Path) -> str:
    """A path as seen from where the demonstration is started."""
    text = str(path)
    here = f"{Path.cwd()}{os.sep}"
    return text.removeprefix(here)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(options: Options) -> int:
    """Run the demonstration; the exit status. Ends in good order at SIGTERM and Ctrl-C."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the nodes are stopped then too
    demo = Demo(options)
    try:
        return demo.run()
    except (ServerError, TreeError) as error:
        demo.console.print(Text(str(error), style="red"))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
