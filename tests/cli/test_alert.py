"""Alerts: what is told to whom and how often, against a real mail server and a real receiver of calls."""

from __future__ import annotations

import base64
import email.policy
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from structlog.testing import capture_logs

from edxml_router.config import Settings, load
from edxml_router.core.problems import Finding
from edxml_router.credentials.ed25519_keys import load_ed25519_key, make_ed25519_key
from edxml_router.services import trial_authority
from edxml_router.services.alerts.choosing import choose_tidings, key_of
from edxml_router.services.alerts.memory import FILE, AlertMemory
from edxml_router.services.alerts.overdue import overdue_before
from edxml_router.services.alerts.switch import alerting
from edxml_router.services.alerts.telling import AlertTelling
from edxml_router.services.alerts.values import ToldAlert
from edxml_router.services.health.report import CheckResult
from edxml_router.services.overview.values import Need, Overview, Vitals
from tests.cli.conftest import OneNode, rows
from tests.contract.receiver import Receiver

NOW = datetime(2026, 11, 27, 2, 45, tzinfo=UTC)  # a Friday morning in Vietnam
STEP = timedelta(minutes=5)
DAY = timedelta(days=1)


# --- what is news -------------------------------------------------------------------------------------


def need(code: str, where: str = "h53-01", check: str = "mailboxes") -> Need:
    return Need(check, Finding(code, where), NOW - STEP, route=f"link:{where}")


def seen(*needs: Need, unread: Finding | None = None) -> Overview:
    checks = [CheckResult(one.check, "", one.finding) for one in needs]
    return Overview("h53", NOW, list(needs), [], Vitals(), checks, unread)


AWAY, FULL = need("EDX709"), need("EDX601", "data", "disk")
TOLD = {key_of(AWAY): ToldAlert(NOW - STEP, NOW)}


def test_what_two_looks_have_seen_is_told_once() -> None:
    first = choose_tidings({}, seen(AWAY), seen(), NOW, DAY)
    assert not first.any
    second = choose_tidings(first.known, seen(AWAY), seen(AWAY), NOW, DAY)
    assert second.new == [AWAY]
    third = choose_tidings(second.known, seen(AWAY), seen(AWAY), NOW + STEP, DAY)
    assert (third.any, third.standing) == (False, [AWAY])


def test_what_comes_and_goes_is_neither_told_nor_over() -> None:
    assert not choose_tidings({}, seen(), seen(AWAY), NOW, DAY).any
    assert not choose_tidings(TOLD, seen(), seen(AWAY), NOW, DAY).any
    assert not choose_tidings(TOLD, seen(AWAY), seen(), NOW, DAY).any


def test_what_two_looks_miss_is_over() -> None:
    found = choose_tidings(TOLD, seen(FULL), seen(FULL), NOW, DAY)
    assert found.over == [(key_of(AWAY), NOW - STEP)]
    assert list(found.known) == [key_of(FULL)]


def test_what_stays_broken_is_told_again_and_what_is_only_odd_is_not() -> None:
    odd = need("EDX907", "links", "links")
    known = {**TOLD, key_of(odd): ToldAlert(NOW, NOW)}
    assert not choose_tidings({key_of(odd): ToldAlert(NOW, NOW)}, seen(odd), seen(odd), NOW + 9 * DAY, DAY).any
    again = choose_tidings(known, seen(AWAY, odd), seen(AWAY, odd), NOW + DAY, DAY)
    assert again.due
    assert not choose_tidings(again.known, seen(AWAY, odd), seen(AWAY, odd), NOW + DAY + STEP, DAY).any


def test_what_was_not_looked_at_is_not_over() -> None:
    lost = Finding("EDX602", "store.url")
    gone = need("EDX602", "store.url", "database")
    blind = seen(gone, unread=lost)
    known = {**TOLD, key_of(FULL): ToldAlert(NOW, NOW)}
    found = choose_tidings(known, blind, blind, NOW, DAY)
    assert [key.check for key, _ in found.over] == ["disk"]  # which is looked at without the database
    assert key_of(AWAY) in found.known
    wrong = seen(need("EDX901", "node.toml", "config"))
    assert not choose_tidings(TOLD, wrong, wrong, NOW, DAY).over


# --- how it is told -----------------------------------------------------------------------------------


@dataclass
class MailServer:
    """A mail server that keeps what it takes; what it refuses is told."""

    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refusing: str = ""
    unknown: str = ""

    async def handle_RCPT(  # noqa: N802  # its name in the library
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address == self.unknown:
            return "550 unknown"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(  # noqa: N802  # its name in the library
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        if self.refusing:
            return self.refusing
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=email.policy.default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.taken.append((envelope.rcpt_tos, message))
        return "250 taken"


class AnyPort(Controller):
    """Listens where there is room, which the library's own does not."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def served(server: MailServer, **options: Any) -> Iterator[int]:
    controller = AnyPort(server, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture
def port(server: MailServer) -> Iterator[int]:
    with served(server) as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def settings_of(node: OneNode, text: str) -> Settings:
    written = node.config.read_text(encoding="utf-8")
    node.config.write_text(f"{written}\n{text}", encoding="utf-8")
    return load(node.config)


def by_mail(port: int, more: str = "") -> str:
    return f"""
[mail]
server = "127.0.0.1:{port}"
security = "none"
sender = "edxml@example.vn"
[alerts]
mail = ["truc@example.vn", "phong@example.vn"]
{more}
"""


def looks(telling: AlertTelling, count: int, begin: datetime) -> datetime:
    for _ in range(count):
        telling.look(begin)
        begin += STEP
    return begin


def alarmed(server: MailServer) -> list[str]:
    return [str(message["Subject"]) for _, message in server.taken]


def test_an_operator_is_told_once_what_to_do_and_when_it_is_over(
    node: OneNode, server: MailServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(node, by_mail(port, 'language = "en"'))
    node.work()
    damaged = node.folder / "hub"
    damaged.rename(node.folder / "away")
    damaged.touch()  # a file where the hub should be
    telling = AlertTelling(settings, AlertMemory())
    begin = looks(telling, 1, NOW)
    assert server.taken == []
    begin = looks(telling, 3, begin)
    [(to, message)] = server.taken
    assert to == ["truc@example.vn", "phong@example.vn"]
    assert str(message["Subject"]).strip().startswith("[edxml-router] h53: ")
    body = message.get_content()
    assert "EDX701" in body
    assert "The turn of" in body or "Next, the operator" in body
    assert message["Auto-Submitted"] == "auto-generated"
    # A restart knows what was told; mended, it is over.
    damaged.unlink()
    (node.folder / "away").rename(damaged)
    again = AlertTelling(settings, AlertMemory.read(settings.node.data))
    looks(again, 4, begin)
    assert len(server.taken) == 2
    assert "Over:\n- EDX701" in server.taken[1][1].get_content().replace("\r", "")


def test_a_mail_server_that_is_away_is_doctors_business_and_told_later(node: OneNode, server: MailServer) -> None:
    with served(server) as port:
        settings = settings_of(node, by_mail(port))
    telling = AlertTelling(settings, AlertMemory())
    begin = looks(telling, 3, NOW)
    [row] = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "alerts"]
    assert row["problem"]["code"] == "EDX718"
    assert f"127.0.0.1:{port}" in row["problem"]["where"]
    with served(server) as other:
        assert settings.mail is not None
        telling.settings = replace(settings, mail=replace(settings.mail, server=f"127.0.0.1:{other}"))
        looks(telling, 1, begin)
    assert len(server.taken) == 1
    [row] = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "alerts"]
    assert row["result"] == "ok"


def test_who_is_refused_keeps_the_others_from_nothing_and_brings_them_nothing_twice(
    node: OneNode, server: MailServer, port: int
) -> None:
    server.unknown = "phong@example.vn"
    looks(AlertTelling(settings_of(node, by_mail(port)), AlertMemory()), 4, NOW)
    assert [to for to, _ in server.taken] == [["truc@example.vn"]]
    [row] = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "alerts"]
    assert (row["problem"]["code"], row["problem"]["where"]) == ("EDX718", "phong@example.vn")


def test_a_list_that_fails_on_one_way_comes_once_on_the_other(
    node: OneNode, server: MailServer, port: int, receiver: Receiver
) -> None:
    more = f'overdue = "00:00"\nwebhook = "{receiver.url}"\n[webhooks]\nnetworks = ["127.0.0.0/8"]'
    settings = settings_of(node, by_mail(port, more))
    node.send("05-QD-UBND", ["H53.01"])
    node.work()
    receiver.status = 500
    looks(AlertTelling(settings, AlertMemory()), 3, datetime.now(UTC) + 9 * DAY)
    lists = [message for _, message in server.taken if "quá hạn" in str(message["Subject"])]
    assert len(lists) == 1


def test_what_the_server_refuses_is_told_in_its_words(node: OneNode, server: MailServer, port: int) -> None:
    server.refusing = "554 khong nhan"
    settings_of(node, by_mail(port))
    answer = node.call("alert", "test")
    assert answer.exit_code == 75
    assert "EDX718" in answer.stderr
    assert "554 khong nhan" in answer.stderr
    server.refusing = ""
    answer = node.call("alert", "test", "--lang", "vi")
    assert answer.exit_code == 0, answer.stderr
    assert "truc@example.vn" in answer.stdout
    assert "thử" in alarmed(server)[0]


def tls_files(folder: Path, name: str) -> tuple[Path, Path, Path]:
    now = datetime.now(UTC)
    trial_authority.init(folder, now)
    trial_authority.issue_node(folder, name, now)
    return folder / "anchors.pem", folder / f"{name}.cert.pem", folder / f"{name}.key.pem"


def test_the_password_goes_only_to_the_server_that_proves_its_name(
    node: OneNode, server: MailServer, tmp_path: Path
) -> None:
    heard: list[bytes] = []

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        heard.append(data.password)
        return AuthResult(success=data.password == b"mat khau")

    ca, certificate, key = tls_files(tmp_path / "ca", "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    (node.folder / "mail.password").write_bytes(b"mat khau\n")
    (node.folder / "mail.password").chmod(0o600)
    login = f'user = "edxml"\npassword_file = "mail.password"\nca = "{ca}"\n[alerts]'
    options = {"tls_context": context, "authenticator": authenticator, "auth_required": True}
    with served(server, require_starttls=True, **options) as port:
        text = by_mail(port).replace('security = "none"', 'security = "starttls"').replace("[alerts]", login)
        settings_of(node, text.replace("127.0.0.1", "localhost"))
        answer = node.call("alert", "test")
        assert answer.exit_code == 0, answer.output
        assert heard == [b"mat khau"]
        written = node.config.read_text(encoding="utf-8")
        node.config.write_text(written.replace("localhost:", "127.0.0.1:"), encoding="utf-8")
        wrong = node.call("alert", "test")  # the certificate is another's
        assert wrong.exit_code == 75
        assert len(heard) == 1
    with served(server, authenticator=authenticator, auth_require_tls=False) as plain:  # somebody took out STARTTLS
        node.config.write_text(written.replace(f"localhost:{port}", f"localhost:{plain}"), encoding="utf-8")
        assert node.call("alert", "test").exit_code == 75
        assert len(heard) == 1


def test_a_program_is_called_with_the_same(node: OneNode, receiver: Receiver) -> None:
    make_ed25519_key(node.folder / "webhook.key")
    text = f"""
[webhooks]
keys = ["webhook.key"]
networks = ["127.0.0.0/8"]
[alerts]
webhook = "{receiver.url}/hook?key=s3cret"
"""
    settings = settings_of(node, text)
    telling = AlertTelling(settings, AlertMemory())
    receiver.status = 500
    with capture_logs() as logs:
        begin = looks(telling, 2, NOW)
    assert "alert.not-told" in str(logs)
    for told in (str(logs), node.call("doctor", "--json").output, node.call("alert", "test").output):
        assert urlsplit(receiver.url).netloc in told
        assert "s3cret" not in told
    [row] = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "alerts"]
    assert row["problem"]["code"] == "EDX719"
    receiver.status = 204
    looks(telling, 2, begin)
    assert len(receiver.calls) == 3  # the one that failed, the trial, and the repetition
    headers, document = receiver.calls[-1]
    assert document["type"] == "node.alerts"
    codes = {one["problem"]["code"] for one in document["data"]["new"]}
    assert codes
    assert all(code in document["data"]["text"] for code in codes)
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    load_ed25519_key(node.folder / "webhook.key").public_key().verify(base64.b64decode(signature), content)


def test_an_office_reads_that_letters_came_and_nothing_of_them(node: OneNode, server: MailServer, port: int) -> None:
    written = node.config.read_text(encoding="utf-8")
    node.config.write_text(
        written.replace('name = "vpcp"\n', 'name = "vpcp"\nemail = "vanthu@vpcp.example.vn"\n'), encoding="utf-8"
    )
    settings = settings_of(node, by_mail(port).partition("[alerts]")[0])
    telling = AlertTelling(settings, AlertMemory())
    looks(telling, 1, NOW)
    assert server.taken == []
    for number in ("01", "02"):
        node.send(f"{number}-QD-UBND", ["G22"])
    node.work()
    looks(telling, 2, NOW)
    [(to, message)] = server.taken
    assert to == ["vanthu@vpcp.example.vn"]
    told = f"{message['Subject']}\n{message.get_content()}"
    assert "2" in str(message["Subject"])
    assert "liên thông" not in told  # the subject
    assert "QD-UBND" not in told
    node.send("03-QD-UBND", ["G22"])
    node.work()
    again = AlertTelling(settings, AlertMemory.read(settings.node.data))
    looks(again, 2, NOW)
    assert len(server.taken) == 2
    assert "3" in alarmed(server)[1]


def test_the_list_of_the_day_names_what_is_overdue(node: OneNode, server: MailServer, port: int) -> None:
    settings = settings_of(node, by_mail(port, 'overdue = "07:30"\nlanguage = "en"'))
    node.send("04-QD-UBND", ["H53.01", "G22"])
    node.work()
    telling = AlertTelling(settings, AlertMemory())
    later = (datetime.now(UTC) + 9 * DAY).replace(hour=0, minute=29)  # 07:29 in Vietnam
    telling.look(later)
    assert server.taken == []
    telling.look(later + timedelta(minutes=1))
    telling.look(later + timedelta(hours=1))
    lists = [message.get_content() for _, message in server.taken if "overdue" in str(message["Subject"])]
    assert len(lists) == 1
    assert "- link:h53-01, H53.01: 1" in lists[0]
    assert "04-QD-UBND → G22" in lists[0]


def test_due_is_what_the_reports_call_so() -> None:
    friday = datetime(2026, 11, 27, 3, tzinfo=UTC)
    assert overdue_before(friday, urgent=True) == datetime(2026, 11, 26, 17, tzinfo=UTC)  # yesterday's and older
    assert overdue_before(friday, urgent=False) == datetime(2026, 11, 25, 17, tzinfo=UTC)  # Thursday's has today
    monday = friday + 3 * DAY
    assert overdue_before(monday, urgent=False) == datetime(2026, 11, 26, 17, tzinfo=UTC)  # Friday's has today


def test_a_memory_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"known": {"mail": [["a"]]}, "offices": {}, "overdue_on": "", "failed": {}}', "\0"):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        assert AlertMemory.read(tmp_path) == AlertMemory()


def test_a_running_node_tells_and_takes_new_settings(node: OneNode, server: MailServer, port: int) -> None:
    before = load(node.config)
    settings = settings_of(node, by_mail(port))
    quick = replace(settings, alerts=replace(settings.alerts, interval=timedelta(seconds=0.05)))
    with alerting(before, first=0.0) as taken:
        taken(quick)
        wait_for(lambda: bool(server.taken))
    assert "h53" in alarmed(server)[0]


def wait_for(come: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not come():
        assert time.monotonic() < until
        time.sleep(0.02)
