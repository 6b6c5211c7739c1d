"""What settings must be to each other, and to the files they name.

``check(sections, today)`` yields every mistake it finds, with the place of the setting to correct. A mistake
with code :data:`REMARK` is only a warning: legal, but perhaps not meant. Files are looked at, not understood:
whether a certificate is a good one is found out by whoever loads it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from edxml_router.config.exposure import in_the_clear, open_folder
from edxml_router.config.peers import ChildSettings, HubSettings, ParentSettings, UnsignedSettings
from edxml_router.config.positions import Path as Place
from edxml_router.config.positions import dotted
from edxml_router.config.settings import Sections
from edxml_router.core.agencies.code import AgencyCode, is_under
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words

WRONG = "EDX901"
UNREADABLE = "EDX902"
UNSAFE = "EDX903"
REMARK = "EDX907"
CLEAR = "EDX711"
REMARKS = (REMARK, CLEAR)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake (or a remark) and the setting it is about; ``also`` are others that it depends on."""

    code: str
    place: Place
    detail: str
    also: tuple[Place, ...] = ()


def check(sections: Sections, today: date) -> Iterator[Mistake]:
    """Every mistake, in no particular order."""
    yield from _names(sections)
    yield from _agencies(sections)
    yield from _hubs(sections)
    yield from _receipts(sections)
    yield from _exceptions(sections, today)
    yield from _times(sections)
    yield from _lists(sections)
    yield from _files(sections)
    for place, detail in in_the_clear(sections):
        yield Mistake(CLEAR, place, detail, tuple((*place, key) for key in ("kind", "host", "tls_ca")))
    opened = open_folder(sections.node.data)
    if opened is not None:
        yield Mistake(REMARK, ("node", "data"), f"node.data: {opened}")


def _names(sections: Sections) -> Iterator[Mistake]:
    """A peer is known by its name alone, so no two may share one."""
    named: list[tuple[Place, str]] = [(("node", "name"), sections.node.name)]
    if sections.parent:
        named.append((("parent", "name"), sections.parent.name))
    named += [(("children", number, "name"), child.name) for number, child in enumerate(sections.children)]
    named += [(("offices", number, "name"), office.name) for number, office in enumerate(sections.offices)]
    first: dict[str, Place] = {}
    for place, name in named:
        if name in first:
            detail = f"{dotted(place)}: {name} is already taken by {dotted(first[name])}"
            yield Mistake(WRONG, place, detail, (first[name],))
        first.setdefault(name, place)
    for place, name in _former(sections):  # or the mail of one would follow another
        if name in first:
            detail = f"{dotted(place)}: {name} is already taken by {dotted(first[name])}"
            yield Mistake(WRONG, place, detail, (first[name],))
        first.setdefault(name, place)


def _former(sections: Sections) -> Iterator[tuple[Place, str]]:
    """Names that this node and its peers had before."""
    named: list[tuple[Place, tuple[str, ...]]] = [(("node",), sections.node.formerly)]
    if sections.parent:
        named.append((("parent",), sections.parent.formerly))
    named += [(("children", number), one.formerly) for number, one in enumerate(sections.children)]
    named += [(("offices", number), one.formerly) for number, one in enumerate(sections.offices)]
    yield from (((*place, "formerly", index), name) for place, names in named for index, name in enumerate(names))


def _agencies(sections: Sections) -> Iterator[Mistake]:
    prefixes: dict[str, tuple[Place, int]] = {}
    codes: dict[str, Place] = {}
    for number, child in enumerate(sections.children):
        place: Place = ("children", number)
        if not child.prefixes and not child.codes:
            either = ((*place, "prefixes"), (*place, "codes"), (*place, "name"))
            yield Mistake(REMARK, place, f"{child.name} has neither prefixes nor codes", either)
        for index, text in enumerate(child.prefixes):
            yield from _prefix(text, (*place, "prefixes", index), number, prefixes)
        for index, text in enumerate(child.codes):
            yield from _code(text, (*place, "codes", index), codes)
    for number, office in enumerate(sections.offices):
        for index, text in enumerate(office.agencies):
            place = ("offices", number, "agencies", index)
            yield from _code(text, place, codes)
            yield from _under_child(text, place, prefixes, sections)
    for peer, exception in _unsigned(sections):
        for index, text in enumerate(exception.senders):
            yield from _malformed(text, (*peer, "unsigned", "senders", index))


def _prefix(text: str, place: Place, child: int, known: dict[str, tuple[Place, int]]) -> Iterator[Mistake]:
    canonical = _canonical(text)
    if canonical is None:
        yield from _malformed(text, place)
        return
    for other, (first, owner) in known.items():
        if other == canonical:
            yield Mistake(WRONG, place, f"prefix {text} is already in {dotted(first)}", (first,))
        elif is_under(canonical, other) or is_under(other, canonical):
            outer, inner = (other, canonical) if is_under(canonical, other) else (canonical, other)
            why = "is the same link" if owner == child else "the longer one wins"
            yield Mistake(REMARK, place, f"prefixes {outer} and {inner} ({dotted(first)}) overlap: {why}", (first,))
    known.setdefault(canonical, (place, child))


def _code(text: str, place: Place, known: dict[str, Place]) -> Iterator[Mistake]:
    canonical = _canonical(text)
    if canonical is None:
        yield from _malformed(text, place)
        return
    if canonical in known:
        detail = f"agency {text} is already in {dotted(known[canonical])}"
        yield Mistake(WRONG, place, detail, (known[canonical],))
    known.setdefault(canonical, place)


def _under_child(
    text: str, place: Place, prefixes: Mapping[str, tuple[Place, int]], sections: Sections
) -> Iterator[Mistake]:
    """A child may bring mail of all agencies under its prefixes: none of them may be served here."""
    canonical = _canonical(text)
    for prefix, (_, child) in prefixes.items():
        if canonical is not None and is_under(canonical, prefix):
            name = sections.children[child].name
            detail = f"agency {text} is under prefix {prefix} of child {name}, who could send in its name"
            yield Mistake(WRONG, place, detail, (("children", child, "name"),))


def _canonical(text: str) -> str | None:
    """The code as routing sees it; an old code that only the catalogue can map stands for itself."""
    try:
        return AgencyCode.parse(text).known_as()
    except Refusal:
        return None


def _malformed(text: str, place: Place) -> Iterator[Mistake]:
    try:
        AgencyCode.parse(text)
    except Refusal as refusal:
        yield Mistake(WRONG, place, f"{dotted(place)}: {refusal.finding.detail}")


def _hubs(sections: Sections) -> Iterator[Mistake]:
    if sections.hub is None:
        if sections.children:
            yield Mistake(WRONG, ("children", 0), "children need mailboxes: add a section [hub]", (("hub",),))
        for number, office in enumerate(sections.offices):
            if office.attach == "amqp":
                place: Place = ("offices", number, "attach")
                detail = f'{office.name}: attach = "amqp" needs a section [hub]'
                yield Mistake(WRONG, place, detail, (("hub",), ("offices", number, "name")))
    else:
        yield from _hub(sections.hub, ("hub",))
    if sections.parent:
        yield from _hub(sections.parent.hub, ("parent", "hub"))
    yield from _users(sections)
    url = sections.store.url
    if url is not None:
        if "://" not in url:
            yield Mistake(WRONG, ("store", "url"), "store.url is not a URL such as sqlite:///journal.db")
        elif _has_password(url):
            yield Mistake(WRONG, ("store", "url"), "store.url contains a password; use store.password_file")
        elif urlsplit(url).scheme.split("+")[0] not in ("sqlite", "postgresql"):
            yield Mistake(WRONG, ("store", "url"), "store.url: sqlite and postgresql are supported")
    if (sections.node.key is None) != (sections.node.certificate is None):
        there = "key" if sections.node.key else "certificate"
        both: tuple[Place, ...] = (("node", "key"), ("node", "certificate"))
        yield Mistake(WRONG, ("node", there), "node.key and node.certificate belong together", both)


def _users(sections: Sections) -> Iterator[Mistake]:
    """Neighbours take a node's messages in its own name only; offices do not look."""
    hubs: list[tuple[Place, HubSettings]] = []
    if sections.hub and sections.children:
        hubs.append((("hub",), sections.hub))
    if sections.parent:
        hubs.append((("parent", "hub"), sections.parent.hub))
    for place, hub in hubs:
        if hub.kind == "rabbitmq" and hub.user not in (None, sections.node.name):
            detail = f"{dotted(place)}.user is {hub.user}: neighbours take messages of user {sections.node.name} only"
            yield Mistake(REMARK, (*place, "user"), detail, (("node", "name"),))


def _receipts(sections: Sections) -> Iterator[Mistake]:
    """By what the receipts of each neighbour are proven."""
    neighbours: list[tuple[Place, ChildSettings | ParentSettings]] = [
        (("children", number), child) for number, child in enumerate(sections.children)
    ]
    if sections.parent:
        neighbours.append((("parent",), sections.parent))
    for place, one in neighbours:
        if not one.certificate and one.authority is None:
            what = "count without proof" if one.unsigned_receipts else "do not count (EDX411)"
            detail = f"{dotted(place)} names neither certificate nor authority: receipts of {one.name} {what}"
            yield Mistake(REMARK, place, detail, ((*place, "certificate"), (*place, "authority"), (*place, "name")))


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None or "password=" in urlsplit(url).query
    except ValueError:
        return False


def _hub(hub: HubSettings, place: Place) -> Iterator[Mistake]:
    name = dotted(place)
    kind, login = (*place, "kind"), (*place, "login")
    broker = {
        "host": hub.host,
        "port": hub.port,
        "user": hub.user,
        "password_file": hub.password_file,
        "tls_ca": hub.tls_ca,
        "tls_crls": hub.tls_crls or None,
        "tls_certificate": hub.tls_certificate,
        "tls_key": hub.tls_key,
        "server_name": hub.server_name,
    }
    if hub.kind == "local":
        if hub.path is None:
            yield Mistake(WRONG, place, f'{name}.path is missing (kind = "local")', (kind, (*place, "path")))
        for key, value in broker.items():
            if value is not None:
                yield Mistake(WRONG, (*place, key), f'{name}.{key} has no meaning with kind = "local"', (kind,))
        return
    if hub.path is not None:
        yield Mistake(WRONG, (*place, "path"), f'{name}.path has no meaning with kind = "rabbitmq"', (kind,))
    by_certificate = hub.login == "certificate"
    for key in ("host", "tls_certificate" if by_certificate else "password_file"):
        if broker[key] is None:
            detail = f'{name}.{key} is missing (kind = "rabbitmq")'
            yield Mistake(WRONG, place, detail, (kind, login, (*place, key)))
    if by_certificate and hub.password_file is not None:
        detail = f'{name}.password_file has no meaning with login = "certificate"'
        yield Mistake(WRONG, (*place, "password_file"), detail, (kind, login))
    if (hub.tls_certificate is None) != (hub.tls_key is None):
        both = ((*place, "tls_certificate"), (*place, "tls_key"))
        yield Mistake(WRONG, place, f"{name}.tls_certificate and {name}.tls_key belong together", (kind, *both))
    for key in ("tls_crls", "tls_certificate", "server_name"):
        if broker[key] is not None and hub.tls_ca is None:
            detail = f"{name}.{key} has no effect without {name}.tls_ca"
            yield Mistake(WRONG, (*place, key), detail, (kind, (*place, "tls_ca")))


def _exceptions(sections: Sections, today: date) -> Iterator[Mistake]:
    for peer, exception in _unsigned(sections):
        if exception.until < today:
            detail = f"{dotted(peer)}: the exception for unsigned envelopes ended on {exception.until}"
            yield Mistake(REMARK, (*peer, "unsigned", "until"), detail)


def _unsigned(sections: Sections) -> Iterator[tuple[Place, UnsignedSettings]]:
    if sections.parent and sections.parent.unsigned:
        yield ("parent",), sections.parent.unsigned
    for number, child in enumerate(sections.children):
        if child.unsigned:
            yield ("children", number), child.unsigned
    for number, office in enumerate(sections.offices):
        if office.unsigned:
            yield ("offices", number), office.unsigned


def _times(sections: Sections) -> Iterator[Mistake]:
    delivery = sections.delivery
    if delivery.retry_first > delivery.retry_ceiling:
        detail = "delivery.retry_first is longer than retry_ceiling"
        yield Mistake(WRONG, ("delivery", "retry_first"), detail, (("delivery", "retry_ceiling"),))
    if delivery.lease >= delivery.lifetime:
        detail = "delivery.lease must be shorter than lifetime"
        yield Mistake(WRONG, ("delivery", "lease"), detail, (("delivery", "lifetime"),))
    if sections.trust.anchors is None and sections.offices and not all(o.unsigned for o in sections.offices):
        detail = "without trust.anchors no signature can be accepted (EDX316)"
        yield Mistake(REMARK, ("trust",), detail, (("trust", "anchors"), ("offices",)))


def _lists(sections: Sections) -> Iterator[Mistake]:
    for number, url in enumerate(sections.trust.crl_urls):
        place: Place = ("trust", "crl_urls", number)
        if not _is_address(url, ("http", "https", "file")):
            yield Mistake(WRONG, place, f"{dotted(place)}: not an address of http, https or file")
        elif url in sections.trust.crl_urls[:number]:
            yield Mistake(REMARK, place, f"{dotted(place)} is there twice")
    for number, responder in enumerate(sections.trust.ocsp):
        place = ("trust", "ocsp", number)
        if not _is_address(responder.url, ("http", "https")):
            yield Mistake(WRONG, (*place, "url"), f"{dotted(place)}.url: not an address of http or https")
        earlier = [each.issuer for each in sections.trust.ocsp[:number]]
        if responder.issuer in earlier:
            first = ("trust", "ocsp", earlier.index(responder.issuer), "issuer")
            detail = f"{dotted(place)}.issuer: this authority has a responder already"
            yield Mistake(WRONG, (*place, "issuer"), detail, (first,))


def _is_address(url: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.path if parts.scheme == "file" else parts.hostname)
    except ValueError:
        return False


def _files(sections: Sections) -> Iterator[Mistake]:
    secret: list[tuple[Place, Path | None]] = [
        (("node", "key"), sections.node.key if isinstance(sections.node.key, Path) else None),
        (("store", "password_file"), sections.store.password_file),
    ]
    plain: list[tuple[Place, Path | None]] = [
        (("node", "certificate"), sections.node.certificate),
        (("trust", "anchors"), sections.trust.anchors),
        (("trust", "intermediates"), sections.trust.intermediates),
        (("trust", "bindings"), sections.trust.bindings),
    ]
    plain += [(("trust", "crls", number), path) for number, path in enumerate(sections.trust.crls)]
    for number, responder in enumerate(sections.trust.ocsp):
        plain += [
            (("trust", "ocsp", number, "issuer"), responder.issuer),
            (("trust", "ocsp", number, "responder"), responder.responder),
        ]
    for number, child in enumerate(sections.children):
        plain += _credentials(("children", number), child)
    hubs: list[tuple[Place, HubSettings | None]] = [(("hub",), sections.hub)]
    if sections.parent:
        plain += _credentials(("parent",), sections.parent)
        hubs.append((("parent", "hub"), sections.parent.hub))
    for place, hub in hubs:
        if hub:
            plain += [((*place, "tls_ca"), hub.tls_ca), ((*place, "tls_certificate"), hub.tls_certificate)]
            plain += [((*place, "tls_crls", number), path) for number, path in enumerate(hub.tls_crls)]
            secret += [((*place, "password_file"), hub.password_file), ((*place, "tls_key"), hub.tls_key)]
    yield from _readable(plain, private=False)
    yield from _readable(secret, private=True)
    folders: list[tuple[Place, Path | None]] = [(("agencies", "catalogue"), sections.agencies.catalogue)]
    folders += [(("agencies", "extra", number), path) for number, path in enumerate(sections.agencies.extra)]
    for place, folder in folders:
        if folder is not None and not folder.is_dir():
            yield Mistake(UNREADABLE, place, f"{dotted(place)}: {folder}: not a folder")


def _credentials(place: Place, section: ChildSettings | ParentSettings) -> Iterator[tuple[Place, Path | None]]:
    for number, path in enumerate(section.certificate):
        listed = (number,) if len(section.certificate) > 1 else ()
        yield (*place, "certificate", *listed), path
    yield (*place, "authority"), section.authority


def _readable(files: Iterable[tuple[Place, Path | None]], *, private: bool) -> Iterator[Mistake]:
    for place, path in files:
        if path is None:
            continue
        try:
            mode = path.stat().st_mode
        except OSError as error:
            yield Mistake(UNREADABLE, place, f"{dotted(place)}: {path}: {in_words(error)}")
            continue
        if not stat.S_ISREG(mode) or not os.access(path, os.R_OK):
            yield Mistake(UNREADABLE, place, f"{dotted(place)}: {path}: not a file that can be read")
        elif private and mode & 0o077:
            yield Mistake(UNSAFE, place, f"{dotted(place)}: {path}: mode {stat.S_IMODE(mode):04o}, not 0600")
