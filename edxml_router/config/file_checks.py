"""Checks of the files and addresses that settings name. Files must exist and be readable; whether a certificate is a
good one is found out by whoever loads it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from edxml_router.config.mistake import REMARK, UNREADABLE, UNSAFE, WRONG, Mistake
from edxml_router.config.peers import ChildSettings, HubSettings, ParentSettings
from edxml_router.config.positions import Place, dotted
from edxml_router.config.settings import Sections
from edxml_router.core.detail import Detail
from edxml_router.core.wording import in_words


def find_file_mistakes(sections: Sections) -> Iterator[Mistake]:
    """Mistakes of this kind, in no particular order."""
    yield from _lists(sections)
    yield from _stamps(sections)
    yield from _files(sections)
    yield from _webhooks(sections)
    yield from _office_folders(sections)


def _lists(sections: Sections) -> Iterator[Mistake]:
    for number, url in enumerate(sections.trust.crl_urls):
        place: Place = ("trust", "crl_urls", number)
        if not _is_address(url, ("http", "https", "file")):
            yield Mistake(WRONG, place, Detail("{place}: not an address of http, https or file", place=dotted(place)))
        elif url in sections.trust.crl_urls[:number]:
            yield Mistake(REMARK, place, Detail("{place} is there twice", place=dotted(place)))
    for number, responder in enumerate(sections.trust.ocsp):
        place = ("trust", "ocsp", number)
        if not _is_address(responder.url, ("http", "https")):
            yield Mistake(
                WRONG, (*place, "url"), Detail("{place}.url: not an address of http or https", place=dotted(place))
            )
        earlier = [each.issuer for each in sections.trust.ocsp[:number]]
        if responder.issuer in earlier:
            first = ("trust", "ocsp", earlier.index(responder.issuer), "issuer")
            detail = Detail("{place}.issuer: this authority has a responder already", place=dotted(place))
            yield Mistake(WRONG, (*place, "issuer"), detail, (first,))


def _stamps(sections: Sections) -> Iterator[Mistake]:
    asked = sections.journal.stamps
    for number, authority in enumerate(asked):
        place: Place = ("journal", "stamps", number)
        if not _is_address(authority.url, ("http", "https")):
            detail = Detail("{place}.url: not an address of http or https", place=dotted(place))
            yield Mistake(WRONG, (*place, "url"), detail)
        elif authority.url in [each.url for each in asked[:number]]:
            yield Mistake(WRONG, (*place, "url"), Detail("{place} is there twice", place=dotted((*place, "url"))))
    if sections.journal.tiles is not None and sections.journal.key is None:
        detail = Detail("journal.tiles needs journal.key: tiles are written under signed checkpoints")
        yield Mistake(WRONG, ("journal", "tiles"), detail, (("journal", "key"),))
    if asked and sections.journal.key is None:
        detail = Detail("journal.stamps need journal.key: only signed checkpoints are stamped")
        yield Mistake(WRONG, ("journal", "stamps", 0), detail, (("journal", "key"),))


def _webhooks(sections: Sections) -> Iterator[Mistake]:
    for number, office in enumerate(sections.offices):
        place: Place = ("offices", number, "webhook")
        if office.webhook is None:
            continue
        if not _is_address(office.webhook, ("http", "https")) or "@" in office.webhook:
            yield Mistake(WRONG, place, Detail("{place}: not an address of http or https", place=dotted(place)))
        elif not sections.webhooks.keys:
            detail = Detail("{place}: nothing signs the calls (webhooks.keys)", place=dotted(place))
            yield Mistake(WRONG, place, detail, (("webhooks", "keys"),))
        elif sections.gateway is None:
            detail = Detail("{place}: only the gateway makes calls, and there is none", place=dotted(place))
            yield Mistake(REMARK, place, detail, (("gateway",),))


def _is_address(url: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.path if parts.scheme == "file" else parts.hostname)
    except ValueError:
        return False


def _files(sections: Sections) -> Iterator[Mistake]:
    secret: list[tuple[Place, Path | None]] = [
        *((("webhooks", "keys", number), path) for number, path in enumerate(sections.webhooks.keys)),
        (("node", "key"), sections.node.key if isinstance(sections.node.key, Path) else None),
        (("store", "password_file"), sections.store.password_file),
        (("journal", "key"), sections.journal.key),
        (("mail", "password_file"), sections.mail.password_file if sections.mail else None),
    ]
    plain: list[tuple[Place, Path | None]] = [
        (("node", "certificate"), sections.node.certificate),
        (("trust", "anchors"), sections.trust.anchors),
        (("trust", "intermediates"), sections.trust.intermediates),
        (("trust", "bindings"), sections.trust.bindings),
        (("webhooks", "ca"), sections.webhooks.ca),
        (("mail", "ca"), sections.mail.ca if sections.mail else None),
    ]
    plain += [(("trust", "crls", number), path) for number, path in enumerate(sections.trust.crls)]
    authorities = sections.journal.stamps
    plain += [(("journal", "stamps", number, "anchors"), one.anchors) for number, one in enumerate(authorities)]
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
    for number, office in enumerate(sections.offices):
        plain += [
            (("offices", number, "certificate", *((index,) if len(office.certificate) > 1 else ())), path)
            for index, path in enumerate(office.certificate)
        ]
        secret.append((("offices", number, "secret_file"), office.secret_file))
    if sections.axis:
        plain.append((("axis", "ca"), sections.axis.ca))
        secret.append((("axis", "secret_file"), sections.axis.secret_file))
    if sections.gateway:
        place = ("gateway",)
        plain += [((*place, name), getattr(sections.gateway, name)) for name in ("certificate", "client_anchors")]
        secret.append(((*place, "key"), sections.gateway.key))
    if sections.console:
        secret.append((("console", "key"), sections.console.key))
    for number, seal in enumerate(sections.seals):
        plain.append((("seals", number, "certificate"), seal.certificate))
        secret.append((("seals", number, "key"), seal.key if isinstance(seal.key, Path) else None))
    yield from _readable(plain, private=False)
    yield from _readable(secret, private=True)
    folders: list[tuple[Place, Path | None]] = [(("agencies", "catalogue"), sections.agencies.catalogue)]
    folders += [(("agencies", "extra", number), path) for number, path in enumerate(sections.agencies.extra)]
    for place, folder in folders:
        if folder is not None and not folder.is_dir():
            yield Mistake(
                UNREADABLE, place, Detail("{place}: {folder}: not a folder", place=dotted(place), folder=folder)
            )


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
            yield Mistake(
                UNREADABLE,
                place,
                Detail("{place}: {path}: {reason}", place=dotted(place), path=path, reason=in_words(error)),
            )
            continue
        if not stat.S_ISREG(mode) or not os.access(path, os.R_OK):
            yield Mistake(
                UNREADABLE,
                place,
                Detail("{place}: {path}: not a file that can be read", place=dotted(place), path=path),
            )
        elif private and mode & 0o077:
            yield Mistake(
                UNSAFE,
                place,
                Detail(
                    "{place}: {path}: mode {mode:04o}, not 0600",
                    place=dotted(place),
                    path=path,
                    mode=stat.S_IMODE(mode),
                ),
            )


def _office_folders(sections: Sections) -> Iterator[Mistake]:
    """Each belongs to one office and lies outside the node's own folders. That they exist is checked while the node
    runs.
    """
    own: list[tuple[Place, Path]] = [(("node", "data"), sections.node.data)]
    hubs = [(("hub",), sections.hub), (("parent", "hub"), sections.parent.hub if sections.parent else None)]
    own += [((*place, "path"), hub.path) for place, hub in hubs if hub is not None and hub.path is not None]
    taken = list(own)
    for number, office in enumerate(sections.offices):
        attach: Place = ("offices", number, "attach")
        place: Place = ("offices", number, "folder")
        if office.attach == "folder" and office.folder is None:
            detail = Detail('{office}: attach = "folder" needs a folder', office=office.name)
            yield Mistake(WRONG, attach, detail, (place, ("offices", number, "name")))
        elif office.attach != "folder" and office.folder is not None:
            detail = Detail('{office}: folder has no meaning without attach = "folder"', office=office.name)
            yield Mistake(WRONG, place, detail, (attach,))
        if office.folder is None:
            continue
        for other, path in taken:
            if _overlap(office.folder, path):
                detail = Detail(
                    "{place}: {folder} and {other} lie in one another",
                    place=dotted(place),
                    folder=office.folder,
                    other=dotted(other),
                )
                yield Mistake(WRONG, place, detail, (other,))
                break
        taken.append((place, office.folder))


def _overlap(one: Path, other: Path) -> bool:
    first, second = one.resolve(), other.resolve()
    return first.is_relative_to(second) or second.is_relative_to(first)
