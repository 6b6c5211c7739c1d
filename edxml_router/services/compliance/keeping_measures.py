"""Measures of what the node keeps: that letters are whole, copied, restorable, and on a disk that is locked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from edxml_router.config import RabbitHub, Settings
from edxml_router.core.delivery.journal import BODY_MENDED
from edxml_router.core.detail import Detail
from edxml_router.services.compliance.situation import Measurement, Situation, gap, met, not_measured
from edxml_router.services.health import machine
from edxml_router.store import upkeep
from edxml_router.store.bodies.damaged import damaged_bodies

HASHED: Final = 50  # letters, the newest
SCRUB_WITHIN: Final = timedelta(days=31)
_QUARTER: Final = timedelta(days=92)
_HALF_YEAR: Final = timedelta(days=184)
_DM_CRYPT: Final = "CRYPT-"


def hashed_at_arrival(situation: Situation) -> Measurement:
    """Whether letters still have the digest under which they were accepted."""
    in_effect = Detail("SHA-256 of every letter, before it is accepted")
    views = situation.ledger.views
    accepted = [one.envelope.digest for one in views.find_envelopes(limit=HASHED)]
    gone = views.removed_bodies(accepted)  # on purpose, which is no damage
    wanted = [digest for digest in accepted if digest not in gone]
    if not wanted:
        return not_measured(in_effect, Detail("there is no letter to be hashed"))
    whole = situation.bodies.open(wanted)
    if missing := [digest for digest in wanted if digest not in whole]:
        told = Detail("of the newest {all} letters {count} are damaged or gone", all=len(wanted), count=len(missing))
        return gap(in_effect, told)
    return met(in_effect, Detail("the newest {all} letters were hashed again", all=len(wanted)))


def checked_by_itself(situation: Situation) -> Measurement:
    in_effect = _scrubbing(situation.settings)
    if not situation.settings.store.scrub_bytes:
        return gap(in_effect, Detail("letters are not read again"))
    done = upkeep.last(situation.ledger.engine, upkeep.SCRUB)
    if done is None:
        return gap(in_effect, Detail("that has not happened"))
    told = Detail("last on {at:%Y-%m-%d %H:%M} UTC", at=done.at)
    if not done.sound:
        return gap(in_effect, Detail("{told}: something was damaged", told=told))
    return met(in_effect, told) if situation.now - done.at <= SCRUB_WITHIN else gap(in_effect, told)


def repaired(situation: Situation) -> Measurement:
    """Whether what was damaged was mended from a neighbour. Where nothing was damaged, nothing shows that it would."""
    settings, views = situation.settings, situation.ledger.views
    in_effect = _scrubbing(settings)
    if not settings.store.scrub_bytes:
        return gap(in_effect, Detail("letters are not read again"))
    if settings.parent is None and not settings.children:
        return gap(in_effect, Detail("there is no neighbour to ask"))
    if waiting := damaged_bodies(situation.ledger.engine, HASHED):
        return gap(in_effect, Detail("{count} letters are damaged", count=len(waiting)))
    if mended := views.lines(event=BODY_MENDED, limit=1):
        return met(in_effect, Detail("mended since {at:%Y-%m-%d %H:%M} UTC", at=mended[0].entry.at))
    return not_measured(in_effect, Detail("nothing was damaged yet"))


def _scrubbing(settings: Settings) -> Detail:
    return Detail("store.scrub_bytes {size}", size=settings.store.scrub_bytes)


def encrypted_at_rest(situation: Situation) -> Measurement:
    """By what the kernel says of the device (dm-crypt), and of every device beneath it."""
    settings = situation.settings
    in_effect = str(settings.node.data)
    if settings.store.url is not None and settings.store.url.startswith("postgresql"):
        return not_measured(in_effect, Detail("the journal is on the server of PostgreSQL"))
    found = is_encrypted(settings.node.data)
    if found is None:
        return not_measured(in_effect, Detail("this machine does not tell what lies beneath the folder"))
    if found:
        return met(in_effect, Detail("on a device of dm-crypt"))
    return gap(in_effect, Detail("on no device of dm-crypt; encryption below the machine cannot be seen"))


def is_encrypted(folder: Path, machine_folder: Path = Path("/sys")) -> bool | None:
    """Whether a folder is on dm-crypt; None where its file system is on no device of this machine's."""
    try:
        number = folder.stat().st_dev
    except OSError:
        return None
    device = machine_folder / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    return any(_devices(device.resolve())) if device.exists() else None


def _devices(device: Path, depth: int = 8) -> Iterator[bool]:
    """For a device and those beneath it, whether it is one of dm-crypt."""
    uuid = device / "dm" / "uuid"
    yield uuid.is_file() and uuid.read_text(errors="replace").startswith(_DM_CRYPT)
    beneath = device / "slaves"
    for each in sorted(beneath.iterdir()) if depth and beneath.is_dir() else ():
        yield from _devices(each.resolve(), depth - 1)


def alarm_before_full(situation: Situation) -> Measurement:
    reserve = situation.settings.store.reserve_bytes
    in_effect = Detail("store.reserve_bytes {size} MiB", size=reserve // 1024**2)
    [(told, finding)] = list(machine.disk(situation.settings))
    return gap(in_effect, told) if finding or not reserve else met(in_effect, told)


def copies(situation: Situation) -> Measurement:
    """That there is a copy can be seen; how many, on which media, and whether one is offline, cannot."""
    age = situation.settings.store.backup_age
    in_effect = Detail("store.backup_age {age}", age=age)
    done = upkeep.last(situation.ledger.engine, upkeep.BACKUP)
    if done is None:
        return gap(in_effect, Detail("there is no back-up"))
    told = Detail("the last is of {at:%Y-%m-%d %H:%M} UTC", at=done.at)
    if not done.sound or (age and situation.now - done.at > age):
        return gap(in_effect, told)
    return not_measured(in_effect, Detail("{told}; how many copies there are, and where, cannot be seen", told=told))


def restored_each_quarter(situation: Situation) -> Measurement:
    return _restored(situation, _QUARTER)


def restored_each_half_year(situation: Situation) -> Measurement:
    return _restored(situation, _HALF_YEAR)


def _restored(situation: Situation, within: timedelta) -> Measurement:
    in_effect = Detail("a copy is restored for trial every {days} days", days=within.days)
    done = upkeep.last(situation.ledger.engine, upkeep.DRILL)
    if done is None:
        return gap(in_effect, Detail("no copy was restored for trial"))
    told = Detail("last on {at:%Y-%m-%d %H:%M} UTC", at=done.at)
    if not done.sound:
        return gap(in_effect, Detail("{told}: something was damaged", told=told))
    return met(in_effect, told) if situation.now - done.at <= within else gap(in_effect, told)


def keys_apart(situation: Situation) -> Measurement:
    """Whether key files are outside of the folder that copies are made of, and for their owner alone."""
    paths = sorted(set(_key_files(situation.settings)))
    in_effect = Detail("{count} key files", count=len(paths))
    if not paths:
        return not_measured(in_effect, Detail("no key is in a file"))
    data = situation.settings.node.data.resolve()
    wrong = [path.name for path in paths if data in path.resolve().parents or _open_to_others(path)]
    if wrong:
        told = Detail("in node.data, or readable by other accounts: {names}", names=", ".join(wrong))
        return gap(in_effect, told)
    return met(in_effect, Detail("outside of node.data, for their owner alone"))


def _key_files(settings: Settings) -> Iterator[Path]:
    for key in (settings.node.key, settings.journal.key, settings.gateway.key if settings.gateway else None):
        if isinstance(key, Path):
            yield key
    for seal in settings.seals:
        if isinstance(seal.key, Path):
            yield seal.key
    for hub in settings.hubs.values():
        if isinstance(hub, RabbitHub) and hub.tls and hub.tls.client:
            yield hub.tls.client.key


def _open_to_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return True  # nobody can say that it is for its owner alone


def second_factor(_situation: Situation) -> Measurement:
    told = Detail("who may act is decided by the account of the machine; its second factor cannot be seen")
    return not_measured(Detail("acts of operators, and removals, are journalled"), told)
