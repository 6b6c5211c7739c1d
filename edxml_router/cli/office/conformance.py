"""``edxml-router conformance``: try an e-office product against the rules, as its correspondent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.parameters import Age, Size
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.conformance import opening
from edxml_router.conformance.cases.case import Case
from edxml_router.conformance.cases.table import CASES
from edxml_router.conformance.opening import Access, Codes, Kit, SigningFiles
from edxml_router.conformance.record import CaseVerdict, Judgement, Record
from edxml_router.conformance.reporting.page import html_page
from edxml_router.conformance.reporting.report import TrialRun, conformance_shape, shortfall
from edxml_router.conformance.reporting.words import counts, told_moment, word
from edxml_router.conformance.steps import LARGE_BYTES, steps
from edxml_router.conformance.trial import Trial
from edxml_router.core.detail import Detail
from edxml_router.shapes.office.conformance import ConformanceShape

_STYLES = {CaseVerdict.HELD: "green", CaseVerdict.NOT_HELD: "bold red", CaseVerdict.NOT_TRIED: "yellow"}
_file = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("url", required=False)
@click.option("--office", "tested", metavar="NAME", help="The tested office, of the node in the configuration.")
@click.option("--as", "own", default="", metavar="NAME", help="With --office: the office that the kit is.")
@click.option("--to", default="", metavar="CODE", help="The agency under test.")
@click.option("--from", "sender", default="", metavar="CODE", help="The kit's agency; by default its certificate's.")
@click.option("--token", type=_file, metavar="FILE", help="A file with the kit's token at the gateway.")
@click.option("--cert", type=_file, metavar="PEM", help="The kit's client certificate at the gateway.")
@click.option("--key", type=_file, metavar="PEM", help="The key of --cert.")
@click.option("--ca", type=_file, metavar="PEM", help="Who issued the gateway's certificate.")
@click.option("--sign-key", metavar="PEM", help="The key that signs the kit's letters, or pkcs11:… in a token.")
@click.option("--sign-cert", type=_file, metavar="PEM", help="Its certificate, then any intermediates.")
@click.option(
    "--wait",
    type=Age(),
    default="15m",
    show_default=True,
    help="How long to wait for the next sign of the tested system.",
)
@click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; may be repeated.")
@click.option("--unattended", is_flag=True, help="Only cases in which nobody has to act.")
@click.option("--large", type=Size(), default=LARGE_BYTES, metavar="SIZE", help="Of the large attachment; 40 MiB.")
@click.option("--html", type=_file, metavar="FILE", help="Write the report to this file, as a page to print.")
@json_option
@pass_session
def conformance(
    session: Session,
    url: str | None,
    tested: str | None,
    own: str,
    to: str,
    sender: str,
    token: Path | None,
    cert: Path | None,
    key: Path | None,
    ca: Path | None,
    sign_key: str | None,
    sign_cert: Path | None,
    wait: timedelta,
    names: Sequence[str],
    unattended: bool,
    large: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Try an e-office system against the rules, and report.

    The kit is another office of the node: at the gateway URL, or with --office on the node's own machine. It sends
    letters to the tested agency, watches what becomes of them, takes what the agency sends, and says in plain words
    what a person there is to do meanwhile. A rule counts as held only when that was seen. Ctrl-C ends the waiting, and
    the report is made of what was seen by then.

    The exit status is 0 when every chosen case is held, 1 when one is not, and 75 when none is broken but some were not
    tried.
    """
    chosen = _chosen(names, unattended)
    if (url is None) == (tested is None):
        raise click.UsageError(for_people(Detail("name either the gateway's URL or --office")))
    if (sign_key is None) != (sign_cert is None) or (cert is None) != (key is None):
        raise click.UsageError(for_people(Detail("a key and its certificate go together")))
    signing = SigningFiles(sign_key, sign_cert) if sign_key is not None and sign_cert is not None else None
    codes = Codes(sender, to)
    if tested is not None:
        kit = opening.at_node(session.settings(), tested, own, codes, signing)
    elif signing is None or url is None:
        raise click.UsageError(for_people(Detail("letters are signed: name --sign-key and --sign-cert")))
    else:
        certificate = (cert, key) if cert is not None and key is not None else None
        kit = opening.at_gateway(url, Access(token, certificate, ca), codes, signing)
    shape = _run(session, kit, chosen, wait, large)
    if html is not None:
        files.write(html, html_page(shape, session.language).encode())
    if as_json:
        session.json(shape)
    else:
        _show(session, shape)
    finding = shortfall(shape)
    if finding is not None:
        session.problem(finding)
    exit_with([finding])


def _chosen(names: Sequence[str], unattended: bool) -> list[Case]:
    known = {case.name for case in CASES}
    for name in names:
        if name not in known:
            told = Detail("there is no case {name}; there are {names}", name=name, names=", ".join(known))
            raise click.UsageError(for_people(told))
    return [case for case in CASES if case.name in (names or known) and not (unattended and case.act is not None)]


def _run(session: Session, kit: Kit, chosen: Sequence[Case], wait: timedelta, large: int) -> ConformanceShape:
    started_at = datetime.now(UTC)
    try:
        with session.progress(word(session.language, "working"), len(chosen)) as advance:
            trial = Trial(kit.line, kit.paper, kit.agency, steps(large), chosen, _Teller(session, chosen, advance))
            record = trial.run(wait)
    finally:
        kit.close()
    return conformance_shape(
        record, chosen, TrialRun(kit.node, kit.agency, kit.counterpart, started_at, datetime.now(UTC))
    )


class _Teller:
    """Tells on standard error how it goes: what people are to do, and each case as it is settled."""

    def __init__(self, session: Session, chosen: Sequence[Case], advance: Callable[[int], None]) -> None:
        self._session, self._chosen, self._advance = session, chosen, advance

    def begun(self, record: Record) -> None:
        acts = [case.act(record) for case in self._chosen if case.act is not None]
        told = list(dict.fromkeys(self._session.detail(act) for act in acts))
        if told:
            self._session.note(word(self._session.language, "acts"), "bold")
            for number, act in enumerate(told, 1):
                self._session.note(f"  {number:2}. {act}")

    def settled(self, case: Case, found: Judgement) -> None:
        verdict = word(self._session.language, found.verdict)
        self._session.note(f"{verdict}: {self._session.detail(case.title)} ({case.name})", _STYLES[found.verdict])
        self._advance(1)

    def looked(self, left: timedelta) -> None:
        if not self._session.err.is_terminal and left.seconds % 60 < 5:
            self._session.note(self._session.detail(Detail("waiting, at most {left} more", left=left)))


def _show(session: Session, shape: ConformanceShape) -> None:
    vi = session.language == "vi"
    rows = [
        (one["case"], word(session.language, one["verdict"]), one["title_vi"] if vi else one["title"])
        for one in shape["cases"]
    ]
    session.table(("name", "result", "detail"), rows)
    for one in shape["cases"]:
        if one["verdict"] == "not-held":
            session.line(f"{one['case']}: {one['title_vi'] if vi else one['title']}", "bold red")
            session.line(f"  {word(session.language, 'rule')}: {one['rule_vi'] if vi else one['rule']}")
            session.line(
                f"  {word(session.language, 'expectation')}: {one['expectation_vi'] if vi else one['expectation']}"
            )
            for seen in one["seen"]:
                text = seen["text_vi"] if vi else seen["text"]
                session.line(f"  {told_moment(session.language, seen['at'])} {text}".rstrip())
            session.line(f"  {word(session.language, 'remedy')}: {one['remedy_vi'] if vi else one['remedy']}")
    session.line(counts(session.language, shape), "bold")
