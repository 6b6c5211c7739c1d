"""The page of a delivery certificate, to be read and printed (A4): Vietnamese, with English beside it.

One file of HTML without scripts, pictures or addresses, so that it looks the same in every browser and in ten years.
Whatever others wrote is escaped. Times are those of Viet Nam (UTC+7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Final

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import told
from edxml_router.observe.escape import printable
from edxml_router.shapes.evidence.certificate import CertificateShape

_ZONE: Final = timezone(timedelta(hours=7))
_STYLE: Final = """
@page { size: A4; margin: 18mm 16mm }
body { font: 10pt/1.35 "Times New Roman", "Liberation Serif", serif; max-width: 178mm; margin: 0 auto; color: #000 }
h1 { font-size: 16pt; text-align: center; margin: 0 } h2 { font-size: 11pt; margin: 5mm 0 1mm }
p.under { text-align: center; margin: 0 0 4mm } i { color: #444 } h1 + p i { font-size: 11pt }
table { border-collapse: collapse; width: 100%; break-inside: auto } tr { break-inside: avoid }
th, td { border: .3pt solid #777; padding: .8mm 1.5mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { font-weight: normal; width: 30% } thead th { font-weight: bold; width: auto }
code { font: 8pt "Liberation Mono", monospace; overflow-wrap: anywhere } li { margin: 0 0 1mm }
"""


def write(
    statement: CertificateShape,
    proved: Iterable[Detail],
    not_proved: Iterable[Detail],
    signer: str,
    names: Mapping[str, str],
) -> bytes:
    """The page of this statement; ``signer`` is the subject of the node's certificate, ``names`` those that this node's
    catalogue has for agencies' codes."""
    parts = [
        '<!doctype html>\n<html lang="vi"><head><meta charset="utf-8">',
        f"<title>{_plain(_TITLE)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(told('vi', _TITLE))}</h1><p class=under><i>{escape(str(_TITLE))}</i></p>",
        f"<p class=under>{_both(_TIMES)}</p>",
        _heading(Detail("The document")),
        _table(_document(statement, names)),
        _heading(Detail("What became of it")),
        _rows(_RECIPIENTS, _recipients(statement, names)),
        _heading(Detail("Entries of the journal")),
        _rows((Detail("Time"), Detail("Event"), Detail("Recipient"), Detail("Position")), _entries(statement)),
        _heading(Detail("What is proved")),
        _list(proved),
        _heading(Detail("What is not proved")),
        _list(not_proved),
        _heading(Detail("Issued by")),
        _table(_issuer(statement, signer)),
        f"<p>{_both(_HOW)}</p></body></html>\n",
    ]
    return "\n".join(parts).encode()


_TITLE: Final = Detail("Certificate of delivery of an electronic document")
_RECIPIENTS: Final = (Detail("Recipient"), Detail("State"), Detail("Since"), Detail("By way of"))
_TIMES: Final = Detail("All times are those of Viet Nam (UTC+7).")
_UNCHECKED: Final = Detail("whether the certificate was revoked was not checked")
_INDICATIONS: Final = {
    "passed": Detail("passed"),
    "failed": Detail("failed"),
    "indeterminate": Detail("indeterminate"),
    "absent": Detail("absent"),
}
_HOW: Final = Detail(
    "This page is part of a file (.asice) and proves nothing on paper. Verify the file with `edxml-router certificate "
    "verify`, or with the script of `edxml-router certificate script`, which needs openssl, unzip and sha256sum only."
)


def _agency(code: str, names: Mapping[str, str]) -> str:
    return f"{_text(code)} {_text(names.get(code, ''))}".strip()


def _signature(indication: str, reason: str) -> str:
    """The verdict in words; a reason that has none here as the code that it is."""
    told = [_both(_INDICATIONS[indication]) if indication in _INDICATIONS else _text(indication)]
    for one in reason.split("; "):
        if one not in ("", "ok"):
            told.append(_both(_UNCHECKED) if one == "revocation-unchecked" else _text(one))
    return "; ".join(told)


def _document(statement: CertificateShape, names: Mapping[str, str]) -> list[tuple[Detail, str]]:
    envelope = statement["envelope"]
    signature = envelope["signature"]
    key = signature["signer"]["key"] if signature["signer"] else "–"
    return [
        (Detail("DocumentId"), _text(envelope["document_id"])),
        (Detail("Sender"), _agency(envelope["sender"], names)),
        (Detail("SHA-256"), f"<code>{_text(envelope['digest'])}</code>"),
        (Detail("Bytes"), _text(envelope["size"])),
        (Detail("Accepted here"), _moment(envelope["accepted_at"])),
        (Detail("Signature"), _signature(signature["indication"], signature["reason"])),
        (Detail("Key that signed"), f"<code>{_text(key)}</code>"),
    ]


def _recipients(statement: CertificateShape, names: Mapping[str, str]) -> Iterable[Sequence[str]]:
    for one in statement["deliveries"]:
        word = State(one["state"]).word
        problem = f" ({_text(one['problem']['code'])})" if one["problem"] else ""
        way = "<br>".join(f"{_text(hop['node'])} {_moment(hop['at'])}" for hop in one["hops"])
        since = _moment(one["ended_at"] or one["updated_at"])
        yield _agency(one["recipient"], names), _both(word) + problem, since, way


def _entries(statement: CertificateShape) -> Iterable[Sequence[str]]:
    for one in statement["entries"]:
        etsi = f"<br><i>{_text(one['etsi_event'])}</i>" if one["etsi_event"] else ""
        yield _moment(one["at"]), _text(one["event"]) + etsi, _text(one["recipient"] or ""), _text(one["position"])


def _issuer(statement: CertificateShape, signer: str) -> list[tuple[Detail, str]]:
    title = f"{statement['title']} ({statement['node']})" if statement["title"] else statement["node"]
    return [
        (Detail("Node"), _text(title)),
        (Detail("Certificate of the node"), _text(signer)),
        (Detail("Made at"), _moment(statement["made_at"])),
    ]


def _heading(text: Detail) -> str:
    return f"<h2>{_both(text)}</h2>"


def _table(rows: Iterable[tuple[Detail, str]]) -> str:
    cells = "\n".join(f"<tr><th>{_both(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table><tbody>{cells}</tbody></table>"


def _rows(head: Iterable[Detail], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f"<th>{_both(name)}</th>" for name in head)
    cells = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{cells}</tbody></table>"


def _list(items: Iterable[Detail]) -> str:
    return f"<ul>{''.join(f'<li>{_both(item)}</li>' for item in items)}</ul>"


def _both(text: Detail) -> str:
    """Vietnamese, then English where it says it otherwise."""
    vietnamese, english = _text(told("vi", text)), _text(str(text))
    return vietnamese if vietnamese == english else f"{vietnamese} <i>{english}</i>"


def _plain(text: Detail) -> str:
    return _text(told("vi", text))


def _text(value: object) -> str:
    return escape(printable(str(value), 2000))


def _moment(at: str) -> str:
    moment = datetime.fromisoformat(at).astimezone(_ZONE)
    return f"{moment:%d/%m/%Y %H:%M:%S}"
