"""Write the reference pages of docs/ and the example configuration from the code, or check them (--check).

problems.md from the problem table, states.md from the table of a delivery's life, settings.md from what each
setting says of itself, cli.md and vi/cli.md from the commands, modules.md from the modules' docstrings, messages.md
from the schemas, attacks.md from the corpus of the tests, shapes.md from the shapes, metrics.md from the measures. A
failed check ends with 1 and the names of the stale pages.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
from attacks import attacks
from json_shapes import schema_document, shapes
from messages import messages

from edxml_router.cli.main import cli
from edxml_router.cli.session import Session
from edxml_router.config import text
from edxml_router.config.settings import Sections
from edxml_router.config.values import SettingsTable
from edxml_router.core.delivery import journal, lifecycle
from edxml_router.core.delivery.lifecycle import LATE, Event, State
from edxml_router.core.problems import FAMILIES, PROBLEMS
from edxml_router.language.catalogues import speak, told
from edxml_router.observe.measures import MEASURES
from edxml_router.observe.tally import Measure
from edxml_router.services.metrics.gauges import GAUGES, PREFIX, Gauge

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLE = "../config/node.example.toml"
SCHEMAS = "shapes.schema.json"
GENERATED = "<!-- Written by scripts/docs from the code; change it there. -->"

# --- problems -----------------------------------------------------------------------------------------


def problems() -> Iterator[str]:
    yield "# Problems"
    yield ""
    yield "Every refusal, delay and mistake has one of these codes, wherever it shows: in an answer, a"
    yield "receipt, the journal, the log, a metric. A code is never given another meaning."
    yield "`edxml-router explain CODE` prints one."
    yield ""
    yield "*Who* is the one who can make it go away. *Weight* is `permanent` (the same bytes would be"
    yield "refused again), `transient` (the router tries again by itself) or `remark` (accepted, and said in"
    yield "the verdict)."
    for family, title in FAMILIES.items():
        yield ""
        yield f"## {family}: {title} / {told('vi', title)}"
        for problem in PROBLEMS.values():
            if problem.family != family:
                continue
            yield ""
            yield f"### {problem.code} {problem.slug}"
            yield ""
            yield (
                f"Who: {problem.actor}. Weight: {problem.weight}. HTTP status {problem.http_status},"
                f" exit status {problem.exit_status}."
            )
            yield ""
            for language in ("en", "vi"):
                yield f"- **{problem.title[language]}.** {problem.remedy[language]}"


# --- states -------------------------------------------------------------------------------------------


def states() -> Iterator[str]:
    yield "# States of a delivery"
    yield ""
    yield "A delivery is one envelope to one recipient. An envelope has no state of its own; it is computed"
    yield "from its deliveries. Nothing but the table in `edxml_router/core/delivery/lifecycle.py` changes a state."
    yield ""
    yield from diagram()
    yield ""
    yield "The whole table. `late`: a notice that is journalled and changes nothing; blank: cannot happen."
    yield ""
    yield "Each change leaves one entry in the journal, under the name given."
    yield ""
    yield "`cancel` in `forwarded` is the next node's notice that it was cancelled there. An operator cannot hold"
    yield "or cancel what is `forwarded`, nor hold, cancel or retry what the next node has accepted (EDX607): that node"
    yield "has it, or may have it. Then a recall by the sender helps, or the operator of the next node."
    yield ""
    yield "| event | in the journal | " + " | ".join(State) + " |"
    yield "|---|---|" + "---|" * len(State)
    accepted = f"`{journal.ENVELOPE_ACCEPTED}`, and `{journal.DELIVERY_QUEUED}` for each recipient"
    yield f"| (accepted) | {accepted} |" + " |" * len(State)
    for event in Event:
        cells = " | ".join(_cell(lifecycle.TABLE[state].get(event)) for state in State)
        yield f"| {event} | `{journal.DELIVERY_EVENTS[event]}` | {cells} |"


def diagram() -> Iterator[str]:
    """The table as a Mermaid diagram; what every open state has in common is drawn once, from their frame."""
    opened = [state for state in State if state not in lifecycle.ENDS]
    common = {
        event: after
        for event in Event
        if isinstance(after := lifecycle.TABLE[opened[0]].get(event), State)
        and all(lifecycle.TABLE[state].get(event) is after for state in opened)
    }
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.QUEUED}"
    yield "    state open {"
    for state in opened:
        yield from (f"        {arrow}" for arrow in _arrows(state, set(Event) - set(common)))
    yield "    }"
    for event, after in common.items():
        yield f"    open --> {after}: {event}"
    for state in lifecycle.TABLE:
        if state in lifecycle.ENDS:
            yield from (f"    {arrow}" for arrow in _arrows(state, set(Event)))
            yield f"    {state} --> [*]"
    yield "```"


def _arrows(state: State, events: set[Event]) -> Iterator[str]:
    by_target: dict[State, list[Event]] = {}
    for event, after in lifecycle.TABLE[state].items():
        if event in events and isinstance(after, State) and after is not state:
            by_target.setdefault(after, []).append(event)
    for after, causes in by_target.items():
        yield f"{state} --> {after}: {', '.join(causes)}"


def _cell(after: object) -> str:
    if after is None:
        return ""
    return "late" if after is LATE else str(after)


# --- settings -----------------------------------------------------------------------------------------


def settings() -> Iterator[str]:
    yield from text.reference().splitlines()


def setting_names(hint: Any = Sections, prefix: str = "") -> Iterator[str]:
    """Every setting and section by its full name, such as ``limits.max_bytes``."""
    for table in (hint, *get_args(hint)):
        if isinstance(table, type) and issubclass(table, SettingsTable):
            for name, inner in get_type_hints(table).items():
                yield prefix + name
                yield from setting_names(inner, f"{prefix}{name}.")


# --- metrics ------------------------------------------------------------------------------------------


def metrics() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "What `/metrics` tells Prometheus where `metrics.listen` is set; `/healthz` answers while the node's"
    yield "supervisor lives, and `/readyz` with 503 and a [problem](problems.md) while no worker reports, or the"
    yield "database or a hub is away. How to switch it on, and what to look at first:"
    yield "[the operator's guide](guide-operator.md#watch-it)."
    yield ""
    yield "Labels are names of neighbours and offices from the configuration (`peer`, `route`, `hub`), problem codes"
    yield "and words of ours; never a document, an agency or a person. `urgency` is `urgent` or `ordinary`. Points in"
    yield "time are given as seconds since 1970: `time() - …` is the age."
    yield ""
    yield "## Counted and timed"
    yield ""
    yield "From when the node was started, over all its processes and commands. What is counted is committed."
    yield ""
    yield from _metric_rows([(one.name + ("" if one.buckets else "_total"), one) for one in MEASURES.values()])
    yield ""
    yield "## How it stands"
    yield ""
    yield "Read from the database and from files at most every 15 seconds, however often they are asked for."
    yield ""
    yield from _metric_rows(list(GAUGES.items()))


def _metric_rows(found: Sequence[tuple[str, Measure | Gauge]]) -> Iterator[str]:
    yield "| metric | labels | what |"
    yield "|---|---|---|"
    for name, one in found:
        yield f"| `{PREFIX}{name}` | {', '.join(f'`{each}`' for each in one.labels) or '–'} | {one.about} |"


# --- command line -------------------------------------------------------------------------------------


def commands(language: str = "en") -> Iterator[str]:
    title, said = COMMAND_LINE[language]
    yield f"# {title}"
    yield ""
    yield said
    speak(language)
    for path, command in walk((), cli):
        yield ""
        yield f"## {' '.join(('edxml-router', *path))}"
        yield ""
        yield "```text"
        name, session = " ".join(("edxml-router", *path)), Session(language=language)
        context = click.Context(command, info_name=name, max_content_width=100, obj=session)
        # As when it is called; click remembers the option in the command, so that whoever asks first decides.
        context.help_option_names = cli.context_settings["help_option_names"]
        context.terminal_width = 100
        yield from (line.rstrip() for line in command.get_help(context).splitlines())
        yield "```"
    speak("en")


COMMAND_LINE = {
    "en": ("The command line", "Every command as `--help` shows it."),
    "vi": ("Dòng lệnh", "Mọi lệnh, đúng như `--help --lang vi` hiển thị."),
}


def walk(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and everything below it, in the order of their names; hidden ones are left out."""
    if command.hidden:
        return
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            if inner is not None:
                yield from walk((*path, name), inner)


def mentioned_commands(prose: str, known: set[str]) -> Iterator[str]:
    """The commands that prose names after ``edxml-router``; arguments that follow are left out."""
    for words in re.findall(r"\bedxml-router((?: [a-z][a-z-]*)+)", prose):
        path: list[str] = []
        for word in words.split():
            if path and (" ".join(path) in known) and " ".join((*path, word)) not in known:
                break
            path.append(word)
        yield " ".join(path)


# --- modules ------------------------------------------------------------------------------------------


def modules() -> Iterator[str]:
    yield "# The modules"
    yield ""
    yield "Each with the first words that it says of itself; [architecture.md](architecture.md) tells how"
    yield "they hang together."
    package = DOCS.parent / "edxml_router"
    for folder in (package, *sorted(path for path in package.rglob("*") if path.is_dir())):
        found = sorted(path for path in folder.glob("*.py") if _said(path))
        if found:
            yield ""
            yield f"## {folder.relative_to(DOCS.parent)}/"
            yield ""
            yield from (f"- `{path.name}`: {_said(path)}" for path in found)


def _said(module: Path) -> str:
    """The first paragraph of a module's docstring, in one line and with Markdown's markup."""
    said = (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    return re.sub(r":[a-z]+:`~?([^`]*)`", r"`\1`", " ".join(said.split())).replace("``", "`")


# --- pages --------------------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "problems.md": problems,
    "states.md": states,
    "settings.md": settings,
    "cli.md": commands,
    "vi/cli.md": partial(commands, "vi"),
    "modules.md": modules,
    "messages.md": messages,
    "attacks.md": attacks,
    "shapes.md": shapes,
    "metrics.md": metrics,
}


def render(name: str) -> str:
    """The whole text of one page."""
    if name == EXAMPLE:
        return text.example()
    if name == SCHEMAS:
        return schema_document()
    return "\n".join((GENERATED, *PAGES[name]())) + "\n"


def stale() -> list[str]:
    """The pages whose file is missing or says something else."""
    return [
        name
        for name in (*PAGES, EXAMPLE, SCHEMAS)
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != render(name)
    ]


def main() -> None:
    old = stale()
    if "--check" in sys.argv[1:]:
        if old:
            sys.exit(f"Stale pages in docs/: {', '.join(old)}. Run scripts/docs.")
        return
    for name in old:
        (DOCS / name).write_text(render(name), encoding="utf-8")
        print(f"{(DOCS / name).resolve().relative_to(DOCS.parent)} written")


if __name__ == "__main__":
    main()
