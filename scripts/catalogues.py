"""Collect the texts of the program into its catalogues and compile them, or check them (--check).

Collected are the templates of details, the texts of the commands and of the console's pages with their keys, the
commands' help, and what the library of commands says by itself. The help of the root's commands goes into a file of
its own, too. A new text comes into each catalogue without a translation; one that is gone leaves it. A failed check
ends with 1 and says what is missing.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from edxml_router.cli.main import HELPS, cli
from edxml_router.console import texts as console
from edxml_router.demo import texts as demo
from edxml_router.language import catalogues, texts

PACKAGE = Path(__file__).resolve().parent.parent / "edxml_router"
TRANSLATED = [language for language in texts.LANGUAGES if language != "en"]
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # one that moves would change the files without a change


def collected(language: str = "en") -> Catalog:
    """Every text of the program, untranslated."""
    catalog = Catalog(
        language,
        domain=catalogues.DOMAIN,
        project="edxml-router",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        fuzzy=False,
        header_comment="# Texts of edxml-router. Collected and compiled by scripts/catalogues.py.",
    )
    for template in extracted(PACKAGE, {"Detail": None}):
        catalog.add(template)
    for key, english in texts.TEXTS.items():
        catalog.add(english, context=key)
    for key, english in demo.TEXTS.items():
        catalog.add(english, context=f"demo.{key}")
    for key, english in console.TEXTS.items():
        catalog.add(english, context=f"console.{key}")
    for command in commands(cli, click.Context(cli)):
        for english in (command.help, *(getattr(param, "help", None) for param in command.params)):
            if english:
                catalog.add(cleandoc(english))
        for context, english in values(command):
            catalog.add(english, context=context)
    own = {"_": None, "ngettext": (1, 2)}
    for template in extracted(Path(click.__file__).parent, own):
        catalog.add(template)
    return catalog


def extracted(folder: Path, keywords: Mapping[str, tuple[int, ...] | None]) -> Iterator[str | tuple[str, ...]]:
    """The texts that functions of these names are called with."""
    for path in sorted(folder.rglob("*.py")):
        code = path.read_bytes()
        # To take a module apart costs ten milliseconds, and most have no text.
        if any(f"{keyword}(".encode() in code for keyword in keywords):
            yield from (text for _, text, _, _ in extract("python", io.BytesIO(code), keywords))


def commands(command: click.Command, context: click.Context) -> Iterator[click.Command]:
    """A command and all below it."""
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from commands(inner, click.Context(inner))


def values(command: click.Command) -> Iterator[tuple[str, str]]:
    """What stands for a value in the usage of a command, and the names of the kinds of values; each with its context
    in the catalogue."""
    shown = [command.options_metavar or "", getattr(command, "subcommand_metavar", None) or ""]
    for param in command.params:
        shown.append(param.metavar or (param.name or "").upper() * isinstance(param, click.Argument))
        if not isinstance(param.type, click.Choice) and not getattr(param, "is_flag", False):
            yield catalogues.TYPE, param.type.name
    for word in catalogues.metavar_words(" ".join(shown)):
        yield catalogues.METAVAR, word


def listed() -> bytes:
    """What the root's help needs of its commands."""
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    texts = {name: cleandoc(command.help or "") for name, command in found.items() if command}
    return json.dumps(texts, ensure_ascii=False, indent=2).encode() + b"\n"


def place(language: str, kind: str) -> Path:
    return catalogues.FOLDER / language / "LC_MESSAGES" / f"{catalogues.DOMAIN}.{kind}"


def written(language: str) -> Catalog:
    """The catalogue as it stands."""
    with place(language, "po").open("rb") as file:
        return read_po(file, language)


def merged(language: str) -> Catalog:
    """What is collected, with the translations that there are."""
    catalog = collected(language)
    if place(language, "po").exists():
        known = {(one.id, one.context): one for one in written(language) if one.id}
        for message in catalog:
            if message.id and (old := known.get((message.id, message.context))) is not None:
                message.string = old.string
    return catalog


def po(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalog, width=110, no_location=True, sort_output=True)
    return file.getvalue()


def mo(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def is_missing(message: Message) -> bool:
    strings = message.string if isinstance(message.string, list | tuple) else [message.string]
    return bool(message.id) and not all(strings)


def main() -> int:
    checking = "--check" in sys.argv[1:]
    wrong = []
    if not HELPS.exists() or HELPS.read_bytes() != listed():
        wrong.append(f"{HELPS.name} is not what the commands say: run scripts/catalogues.py")
        if not checking:
            HELPS.write_bytes(listed())
    for language in TRANSLATED:
        catalog = merged(language)
        for kind, data in (("po", po(catalog)), ("mo", mo(catalog))):
            file = place(language, kind)
            if not file.exists() or file.read_bytes() != data:
                wrong.append(f"{file.name} ({language}) is not what the code says: run scripts/catalogues.py")
                if not checking:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(data)
        missing = [message.id for message in catalog if is_missing(message)]
        print(*(f"{language}: no translation: {text!r}" for text in missing), sep="\n", end="\n" if missing else "")
    if checking:
        print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if checking and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
