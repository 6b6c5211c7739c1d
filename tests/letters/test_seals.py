"""Keys that an operator has put into the node for an agency: their settings, and what the doctor says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.credentials import endings
from edxml_router.services.health import checks


def changed(settings: Settings, old: str, new: str) -> Settings:
    text = settings.path.read_text(encoding="utf-8")
    assert old in text
    settings.path.write_text(text.replace(old, new), encoding="utf-8")
    return load(settings.path)


def test_the_doctor_names_each_seal_and_one_whose_key_is_anothers(settings: Settings, pki: Path) -> None:
    found = list(checks.CHECKS["seals"](settings))
    assert [(detail.split(":")[0], finding) for detail, finding in found] == [("H01.151", None), ("H01", None)]
    wrong = changed(settings, f'key = "{pki}/H01.key.pem"', f'key = "{pki}/G22.key.pem"')
    [_, (_, finding)] = checks.CHECKS["seals"](wrong)
    assert finding is not None and (finding.code, finding.where) == ("EDX903", "seals[2]")


def test_a_seal_that_cannot_be_read_does_not_hide_the_others(settings: Settings, pki: Path) -> None:
    (settings.path.parent / "torn.pem").write_text("-----BEGIN", encoding="utf-8")
    torn = changed(settings, f'certificate = "{pki}/H01.151.cert.pem"', 'certificate = "torn.pem"')
    [(where, finding), (_, sound)] = checks.CHECKS["seals"](torn)
    assert finding is not None and (where, finding.code, sound) == ("seals[1]", "EDX902", None)


def test_a_seal_that_ends_is_told(settings: Settings) -> None:
    late = datetime.now(UTC) + timedelta(days=3650)
    told = [one.finding.code for one in endings.own(settings, late) if one.finding]
    assert told == ["EDX917", "EDX917"]


def test_a_seal_nobody_here_sends_with_is_a_mistake(settings: Settings) -> None:
    with pytest.raises(ConfigErrors, match="EDX925"):
        changed(settings, '[[seals]]\nagency = "H01"', '[[seals]]\nagency = "H53"')
    with pytest.raises(ConfigErrors, match="EDX925"):
        changed(settings, '[[seals]]\nagency = "H53"', '[[seals]]\nagency = "H01.151"')
