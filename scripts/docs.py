"""Write the reference pages of docs/ from the code, or check that they are up to date (--check).

problems.md from the problem table, states.md from the table of a delivery's life, settings.md from what each
setting says of itself, cli.md from the commands. A failed check ends with 1 and the names of the stale pages.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click
from edxml_router.cli.main import main as command_line

from edxml_router.config.settings import About, Sections, Table
from edxml_router.core import lifecycle
from edxml_router.core.lifecycle import LATE, Event, State
from edxml_router.core.problems import FAMILIES, PROBLEMS

DOCS = Path(__file__).resolve().parent.parent / "docs"
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
    for family, names in FAMILIES.items():
        yield ""
        yield f"## {family}: {names['en']} / {names['vi']}"
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
    yield "from its deliveries. Nothing but the table in `edxml_router/core/lifecycle.py` changes a state."
    yield ""
    yield from diagram()
    yield ""
    yield "The whole table. `late`: a notice that is journalled and changes nothing; blank: cannot happen."
    yield ""
    yield "| event | " + " | ".join(State) + " |"
    yield "|---|" + "---|" * len(State)
    for event in Event:
        yield f"| {event} | " + " | ".join(_cell(lifecycle.TABLE[state].get(event)) for state in State) + " |"


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
    yield "# Settings of a node"
    yield ""
    yield "One TOML file. `edxml-router init` writes it with comments, `edxml-router config check` finds all"
    yield "mistakes at once with their lines, `edxml-router config show` prints what is in effect. A key that"
    yield "is not listed here is a mistake. Paths are relative to the file's folder."
    hints = get_type_hints(Sections, include_extras=True)
    for section in dataclasses.fields(Sections):
        yield from _section(section.name, hints[section.name])


def setting_names() -> Iterator[str]:
    """Every setting and section by its full name, such as ``limits.max_bytes``."""

    def below(name: str, hint: Any) -> Iterator[str]:
        yield name
        table, _ = _table_of(hint)
        if table is not None:
            for inner, inner_hint in get_type_hints(table, include_extras=True).items():
                yield from below(f"{name}.{inner}", inner_hint)

    for name, hint in get_type_hints(Sections, include_extras=True).items():
        yield from below(name, hint)


def _section(name: str, hint: Any) -> Iterator[str]:
    table, many = _table_of(hint)
    yield ""
    yield f"## {f'[[{name}]]' if many else f'[{name}]'}"
    yield ""
    yield str(table.__doc__).partition("\n\n")[0]
    yield ""
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    hints = get_type_hints(table, include_extras=True)
    below = []
    for field in dataclasses.fields(table):
        hint = hints[field.name]
        about = next(item for item in getattr(hint, "__metadata__", ()) if isinstance(item, About))
        if _table_of(hint)[0] is None:
            example = f" Example: `{about.example}`." if about.example else ""
            yield f"| `{field.name}` | {_default(field)} | {about.text}{example} |"
        else:
            yield f"| `{field.name}` | {_default(field)} | {about.text} See `[{name}.{field.name}]`. |"
            below.append((f"{name}.{field.name}", hint))
    for inner, hint in below:
        yield from _section(inner, hint)


def _table_of(hint: Any) -> tuple[Any, bool]:
    """The section class that a type names, if it does, and whether there may be several."""
    if isinstance(hint, type):
        return (hint, False) if issubclass(hint, Table) else (None, False)
    arguments = [hint.__origin__] if hasattr(hint, "__metadata__") else get_args(hint)
    for argument in arguments:
        table, many = _table_of(argument)
        if table is not None:
            return table, many or get_origin(hint) is tuple
    return None, False


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None or field.default in ((), ""):
        return ""
    return f"`{_toml(field.default)}`"


SIZES = {1024**3: "GiB", 1024**2: "MiB", 1024: "KiB"}
TIMES = {86400: "d", 3600: "h", 60: "m", 1: "s"}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value >= 1024 and value % 1024 == 0:
        size = next(size for size in SIZES if value % size == 0)
        return f'"{value // size} {SIZES[size]}"'
    if hasattr(value, "total_seconds"):
        seconds = int(value.total_seconds())
        size = next(size for size in TIMES if seconds % size == 0)
        return f'"{seconds // size}{TIMES[size]}"'
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


# --- command line -------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    yield "# The command line"
    yield ""
    yield "Every command as `--help` shows it."
    for path, command in walk((), command_line):
        yield ""
        yield f"## {' '.join(('edxml-router', *path))}"
        yield ""
        yield "```text"
        context = click.Context(command, info_name=" ".join(("edxml-router", *path)), max_content_width=100)
        context.terminal_width = 100
        yield from (line.rstrip() for line in command.get_help(context).splitlines())
        yield "```"


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


def mentioned_commands(text: str, known: set[str]) -> Iterator[str]:
    """The commands that a text names after ``edxml-router``, as words; arguments that follow are left out."""
    for words in re.findall(r"\bedxml-router((?: [a-z][a-z-]*)+)", text):
        path: list[str] = []
        for word in words.split():
            if path and (" ".join(path) in known) and " ".join((*path, word)) not in known:
                break
            path.append(word)
        yield " ".join(path)


# --- pages --------------------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "problems.md": problems,
    "states.md": states,
    "settings.md": settings,
    "cli.md": commands,
}


def render(name: str) -> str:
    """The whole text of one page."""
    return "\n".join((GENERATED, *PAGES[name]())) + "\n"


def stale() -> list[str]:
    """The pages whose file is missing or says something else."""
    return [
        name
        for name in PAGES
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
        print(f"docs/{name} written")


if __name__ == "__main__":
    main()
