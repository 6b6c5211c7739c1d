"""Checks across settings, and of the files they name.

``find_mistakes(sections, today)`` yields every mistake it finds, with the place of the setting to correct. A mistake
with code :data:`REMARK` is only a warning: valid, but perhaps not intended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from urllib.parse import urlsplit

from edxml_router.config import file_checks
from edxml_router.config.exposure import in_the_clear, open_folder
from edxml_router.config.faces import axis_checks, gateway_checks
from edxml_router.config.faces.seal_checks import check_seals
from edxml_router.config.mistake import CLEAR, REMARK, WRONG, Mistake
from edxml_router.config.peers import ChildSettings, HubSettings, ParentSettings, UnsignedSettings
from edxml_router.config.positions import Place, dotted
from edxml_router.config.sections.alerts import check_alerts
from edxml_router.config.sections.console import check_console
from edxml_router.config.sections.metrics import check_metrics
from edxml_router.config.sections.retention_checks import check_retention
from edxml_router.config.settings import Sections
from edxml_router.core.agencies.code import AgencyCode, is_under
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal


def find_mistakes(sections: Sections, today: date) -> Iterator[Mistake]:
    """Every mistake, in no particular order."""
    yield from _names(sections)
    yield from _agencies(sections)
    yield from _hubs(sections)
    yield from _receipts(sections)
    yield from _logs(sections)
    yield from _exceptions(sections, today)
    yield from check_seals(sections)
    yield from check_retention(sections)
    yield from check_metrics(sections.metrics)
    yield from check_console(sections.console, gateway=sections.gateway is not None)
    yield from check_alerts(sections.alerts, sections.mail, sections.offices)
    yield from _times(sections)
    yield from gateway_checks.check(sections.gateway, sections.offices)
    yield from axis_checks.check(sections.gateway, sections.offices)
    yield from axis_checks.check_axis(sections)
    yield from file_checks.find_file_mistakes(sections)
    for place, detail in in_the_clear(sections):
        yield Mistake(CLEAR, place, detail, tuple((*place, key) for key in ("kind", "host", "tls_ca")))
    opened = open_folder(sections.node.data)
    if opened is not None:
        yield Mistake(REMARK, ("node", "data"), Detail("node.data: {opened}", opened=opened))


def _names(sections: Sections) -> Iterator[Mistake]:
    """A peer is known only by its name, so no two may share one."""
    named: list[tuple[Place, str]] = [(("node", "name"), sections.node.name)]
    if sections.parent:
        named.append((("parent", "name"), sections.parent.name))
    named += [(("children", number, "name"), child.name) for number, child in enumerate(sections.children)]
    named += [(("offices", number, "name"), office.name) for number, office in enumerate(sections.offices)]
    first: dict[str, Place] = {}
    for place, name in named:
        if name in first:
            detail = Detail(
                "{place}: {name} is already taken by {first}",
                place=dotted(place),
                name=name,
                first=dotted(first[name]),
            )
            yield Mistake(WRONG, place, detail, (first[name],))
        first.setdefault(name, place)
    for place, name in _former(sections):  # or the mail of one would follow another
        if name in first:
            detail = Detail(
                "{place}: {name} is already taken by {first}",
                place=dotted(place),
                name=name,
                first=dotted(first[name]),
            )
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
            yield Mistake(REMARK, place, Detail("{child} has neither prefixes nor codes", child=child.name), either)
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
            yield Mistake(
                WRONG, place, Detail("prefix {text} is already in {first}", text=text, first=dotted(first)), (first,)
            )
        elif is_under(canonical, other) or is_under(other, canonical):
            outer, inner = (other, canonical) if is_under(canonical, other) else (canonical, other)
            why = Detail("is the same link") if owner == child else Detail("the longer one wins")
            yield Mistake(
                REMARK,
                place,
                Detail(
                    "prefixes {outer} and {inner} ({first}) overlap: {why}",
                    outer=outer,
                    inner=inner,
                    first=dotted(first),
                    why=why,
                ),
                (first,),
            )
    known.setdefault(canonical, (place, child))


def _code(text: str, place: Place, known: dict[str, Place]) -> Iterator[Mistake]:
    canonical = _canonical(text)
    if canonical is None:
        yield from _malformed(text, place)
        return
    if canonical in known:
        detail = Detail("agency {text} is already in {place}", text=text, place=dotted(known[canonical]))
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
            detail = Detail(
                "agency {text} is under prefix {prefix} of child {name}, who could send in its name",
                text=text,
                prefix=prefix,
                name=name,
            )
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
        yield Mistake(WRONG, place, Detail("{place}: {detail}", place=dotted(place), detail=refusal.finding.detail))


def _hubs(sections: Sections) -> Iterator[Mistake]:
    if sections.hub is None:
        if sections.children:
            yield Mistake(WRONG, ("children", 0), Detail("children need mailboxes: add a section [hub]"), (("hub",),))
        for number, office in enumerate(sections.offices):
            if office.attach == "amqp":
                place: Place = ("offices", number, "attach")
                detail = Detail('{office}: attach = "amqp" needs a section [hub]', office=office.name)
                yield Mistake(WRONG, place, detail, (("hub",), ("offices", number, "name")))
    else:
        yield from _hub(sections.hub, ("hub",))
    if sections.parent:
        yield from _hub(sections.parent.hub, ("parent", "hub"))
    yield from _users(sections)
    url = sections.store.url
    if url is not None:
        if "://" not in url:
            yield Mistake(WRONG, ("store", "url"), Detail("store.url is not a URL such as sqlite:///journal.db"))
        elif _has_password(url):
            yield Mistake(WRONG, ("store", "url"), Detail("store.url contains a password; use store.password_file"))
        elif urlsplit(url).scheme.split("+")[0] not in ("sqlite", "postgresql"):
            yield Mistake(WRONG, ("store", "url"), Detail("store.url: sqlite and postgresql are supported"))
    if (sections.node.key is None) != (sections.node.certificate is None):
        there = "key" if sections.node.key else "certificate"
        both: tuple[Place, ...] = (("node", "key"), ("node", "certificate"))
        yield Mistake(WRONG, ("node", there), Detail("node.key and node.certificate belong together"), both)


def _users(sections: Sections) -> Iterator[Mistake]:
    """Neighbours accept a node's messages only under its own name; offices do not check."""
    hubs: list[tuple[Place, HubSettings]] = []
    if sections.hub and sections.children:
        hubs.append((("hub",), sections.hub))
    if sections.parent:
        hubs.append((("parent", "hub"), sections.parent.hub))
    for place, hub in hubs:
        if hub.kind == "rabbitmq" and hub.user not in (None, sections.node.name):
            detail = Detail(
                "{place}.user is {user}: neighbours take messages of user {name} only",
                place=dotted(place),
                user=hub.user,
                name=sections.node.name,
            )
            yield Mistake(REMARK, (*place, "user"), detail, (("node", "name"),))


def _receipts(sections: Sections) -> Iterator[Mistake]:
    """How the receipts of each neighbour are verified."""
    neighbours: list[tuple[Place, ChildSettings | ParentSettings]] = [
        (("children", number), child) for number, child in enumerate(sections.children)
    ]
    if sections.parent:
        neighbours.append((("parent",), sections.parent))
    for place, one in neighbours:
        if not one.certificate and one.authority is None:
            what = Detail("count without proof") if one.unsigned_receipts else Detail("do not count (EDX411)")
            detail = Detail(
                "{place} names neither certificate nor authority: receipts of {name} {what}",
                place=dotted(place),
                name=one.name,
                what=what,
            )
            yield Mistake(REMARK, place, detail, ((*place, "certificate"), (*place, "authority"), (*place, "name")))


def _logs(sections: Sections) -> Iterator[Mistake]:
    """A log has one owner, and one name while it lasts."""
    if sections.journal.key and sections.node.formerly and sections.journal.origin is None:
        detail = Detail("journal.origin is missing: a node that was renamed names its log as before")
        yield Mistake(WRONG, ("journal",), detail, (("journal", "key"), ("node", "formerly")))
    keyed: list[tuple[Place, str, tuple[str, ...]]] = [
        (("children", number), child.name, child.log_keys) for number, child in enumerate(sections.children)
    ]
    if sections.parent:
        keyed.append((("parent",), sections.parent.name, sections.parent.log_keys))
    owners = {sections.origin: sections.node.name}
    for place, name, keys in keyed:
        for number, origin in enumerate(key.partition("+")[0] for key in keys):
            if owners.setdefault(origin, name) != name:
                where = (*place, "log_keys", *((number,) if len(keys) > 1 else ()))
                detail = Detail(
                    "{place}: {origin} is the log of {owner} already",
                    place=dotted(where),
                    origin=origin,
                    owner=owners[origin],
                )
                yield Mistake(WRONG, where, detail)


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
            yield Mistake(
                WRONG, place, Detail('{name}.path is missing (kind = "local")', name=name), (kind, (*place, "path"))
            )
        for key, value in broker.items():
            if value is not None:
                yield Mistake(
                    WRONG,
                    (*place, key),
                    Detail('{name}.{key} has no meaning with kind = "local"', name=name, key=key),
                    (kind,),
                )
        return
    if hub.path is not None:
        yield Mistake(
            WRONG, (*place, "path"), Detail('{name}.path has no meaning with kind = "rabbitmq"', name=name), (kind,)
        )
    by_certificate = hub.login == "certificate"
    for key in ("host", "tls_certificate" if by_certificate else "password_file"):
        if broker[key] is None:
            detail = Detail('{name}.{key} is missing (kind = "rabbitmq")', name=name, key=key)
            yield Mistake(WRONG, place, detail, (kind, login, (*place, key)))
    if by_certificate and hub.password_file is not None:
        detail = Detail('{name}.password_file has no meaning with login = "certificate"', name=name)
        yield Mistake(WRONG, (*place, "password_file"), detail, (kind, login))
    if (hub.tls_certificate is None) != (hub.tls_key is None):
        both = ((*place, "tls_certificate"), (*place, "tls_key"))
        yield Mistake(
            WRONG, place, Detail("{name}.tls_certificate and {name}.tls_key belong together", name=name), (kind, *both)
        )
    for key in ("tls_crls", "tls_certificate", "server_name"):
        if broker[key] is not None and hub.tls_ca is None:
            detail = Detail("{name}.{key} has no effect without {name}.tls_ca", name=name, key=key)
            yield Mistake(WRONG, (*place, key), detail, (kind, (*place, "tls_ca")))


def _exceptions(sections: Sections, today: date) -> Iterator[Mistake]:
    for peer, exception in _unsigned(sections):
        if exception.until < today:
            detail = Detail(
                "{peer}: the exception for unsigned envelopes ended on {until}",
                peer=dotted(peer),
                until=exception.until,
            )
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
        detail = Detail("delivery.retry_first is longer than retry_ceiling")
        yield Mistake(WRONG, ("delivery", "retry_first"), detail, (("delivery", "retry_ceiling"),))
    if delivery.lease >= delivery.lifetime:
        detail = Detail("delivery.lease must be shorter than lifetime")
        yield Mistake(WRONG, ("delivery", "lease"), detail, (("delivery", "lifetime"),))
    if delivery.require_proof and sections.trust.node_anchors is None:
        detail = Detail("delivery.require_proof needs trust.node_anchors: without them nothing is proven")
        yield Mistake(WRONG, ("delivery", "require_proof"), detail)
    if sections.trust.anchors is None and sections.offices and not all(o.unsigned for o in sections.offices):
        detail = Detail("without trust.anchors no signature can be accepted (EDX316)")
        yield Mistake(REMARK, ("trust",), detail, (("trust", "anchors"), ("offices",)))
