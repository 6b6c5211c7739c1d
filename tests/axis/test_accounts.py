"""Systems and their secrets, as the settings name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.problems import Refusal
from edxml_router.services.axis.accounts import Accounts

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def settings(folder: Path, shared: str = "một bí mật đủ dài") -> Settings:
    file = folder / "so.secret"
    file.write_text(f"{shared}\n", encoding="utf-8")
    file.chmod(0o600)
    (folder / "node.toml").write_text(
        """
[node]
name = "h53"
[gateway]
listen = ["127.0.0.1:0"]
plain = true
[gateway.national]
[[offices]]
name = "so"
agencies = ["H53.09"]
system_id = "000.00.09.H53"
secret_file = "so.secret"
unsigned = { until = 2099-12-31, reason = "thử" }
""",
        encoding="utf-8",
    )
    return load(folder / "node.toml")


def refused(code: str, act: object, *arguments: object) -> None:
    with pytest.raises(Refusal) as caught:
        act(*arguments)  # type: ignore[operator]
    assert caught.value.code == code


def test_a_secret_that_anybody_could_guess_is_a_mistake(tmp_path: Path) -> None:
    for weak in ("", "1234567"):
        with pytest.raises(ConfigErrors, match="EDX922"):
            settings(tmp_path, weak)
    found = settings(tmp_path)
    (tmp_path / "so.secret").write_text("", encoding="utf-8")  # emptied after the settings were read
    refused("EDX922", Accounts, found)


def test_a_log_in_is_known_until_it_ends_or_the_secret_changes(tmp_path: Path) -> None:
    accounts = Accounts(settings(tmp_path))
    account = accounts.log_in("000.00.09.H53", "một bí mật đủ dài")
    assert (account.office, account.old) == ("so", True)
    token = accounts.begin(account, NOW + timedelta(minutes=30))
    again = Accounts(settings(tmp_path))  # another process
    assert again.resume(token, NOW) == account
    refused("EDX423", again.resume, token, NOW + timedelta(minutes=30))
    refused("EDX422", Accounts(settings(tmp_path, "một bí mật mới hơn")).resume, token, NOW)
    for wrong in ("", "zz", "00", token[:-2], token + "00", "7c7c", "39" * 3000):
        refused("EDX422", again.resume, wrong, NOW)


@pytest.mark.parametrize(("system", "secret"), [("", ""), ("H53.09", "một bí mật đủ dài"), ("000.00.09.H53", "")])
def test_a_stranger_is_told_nothing(tmp_path: Path, system: str, secret: str) -> None:
    refused("EDX422", Accounts(settings(tmp_path)).log_in, system, secret)
