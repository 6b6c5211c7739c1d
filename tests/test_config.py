"""The configuration: values, defaults, lines, remarks, and the texts made from it. Mistakes: tests/bad_configs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from edxml_router.config import ConfigErrors, DeliverySettings, LimitsSettings, Settings, load
from edxml_router.config.positions import dotted, line_of, positions
from edxml_router.config.settings import Sections
from edxml_router.config.text import duration, example, reference
from edxml_router.config.values import About, SettingsTable, read_duration, read_size
from edxml_router.core.delivery.terms import DeliveryTerms, IntakeLimits

TREE = """\
[node]
name = "h53"  # [not a table]
title = '''
Tỉnh [x]
name = "no"
'''
data = "var/data"

[hub]
kind = "local"
path = "/srv/hub"

[[children]]
name = "a"
prefixes = [
  "H53.31",  # first
  "H53.32",
]
unsigned = { until = 2026-12-31, reason = "old = \\"#1\\"", senders = ["H53.31"] }

[[children]]
name = "b"
"codes" = ["H53.40"]

[children.unsigned]
until = 2099-01-01
reason = "old"

[[offices]]
name = "vp"
agencies = ["H53", "000.00.40.H53"]

[delivery]
lifetime = "1d12h"
chunk_bytes = "1 MiB"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path, text: str, today: date = date(2026, 6, 1)) -> Settings:
    return load(write(folder, text), today=today)


# --- values -------------------------------------------------------------------------------------------


def test_a_name_is_all_it_takes(tmp_path: Path) -> None:
    loaded = settings(tmp_path, '[node]\nname = "h53"\n')
    assert loaded.node.data == tmp_path / "data"
    assert loaded.database_url == f"sqlite:///{tmp_path}/data/journal.db"
    assert (loaded.hub, loaded.parent, loaded.children, loaded.offices) == (None, None, (), ())
    assert loaded.remarks == ()


def test_paths_are_relative_to_the_file_and_values_have_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, TREE.replace("H53.40", "H53.41"))
    monkeypatch.chdir(tmp_path.parent)
    loaded = load(Path(tmp_path.name) / "node.toml", today=date(2026, 6, 1))
    assert loaded.node.data == tmp_path / "var" / "data"
    assert loaded.hub is not None
    assert loaded.hub.path == Path("/srv/hub")
    assert loaded.delivery.lifetime == timedelta(days=1, hours=12)
    assert loaded.delivery.chunk_bytes == 1024 * 1024
    assert loaded.children[0].unsigned is not None
    assert loaded.children[0].unsigned.until == date(2026, 12, 31)
    assert loaded.children[1].codes == ("H53.41",)


def test_a_database_file_is_beside_the_configuration(tmp_path: Path) -> None:
    relative = settings(tmp_path, '[node]\nname = "a"\n[store]\nurl = "sqlite:///my.db"\n')
    assert relative.database_url == f"sqlite:///{tmp_path}/my.db"
    absolute = settings(tmp_path, '[node]\nname = "a"\n[store]\nurl = "sqlite:////srv/my.db"\n')
    assert absolute.database_url == "sqlite:////srv/my.db"
    server = settings(tmp_path, '[node]\nname = "a"\n[store]\nurl = "postgresql://r@db.example.vn/r"\n')
    assert server.database_url == "postgresql://r@db.example.vn/r"


def test_the_same_file_from_another_system(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'[node]\r\nname = "h53"\r\ntitle = "x"\r\n')
    assert load(path).node.title == "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(minutes=90)),
        ("200ms", timedelta(milliseconds=200)),
        ("10d", timedelta(days=10)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert read_duration(text) == expected
    assert duration(expected) == text


@pytest.mark.parametrize("text", ["", " ", "10", "10 s", "1m1h", "-1s", "1.5h", "s", "999999999999d", 5, None, True])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        read_duration(text)


def test_sizes() -> None:
    assert [read_size(each) for each in (5, "5", "2 KiB", "2MiB", "1 GiB")] == [5, 5, 2048, 2 * 1024**2, 1024**3]
    for bad in ("", "1 MB", "1.5 MiB", -1.0, True, None):
        with pytest.raises(ValueError, match="size"):
            read_size(bad)


def test_what_is_given_and_what_is_default(tmp_path: Path) -> None:
    loaded = settings(tmp_path, TREE.replace("000.00.40.H53", "H53.50"))
    rows = {name: (value, given) for name, value, given in loaded.as_table()}
    assert rows["node.name"] == ("h53", True)
    assert rows["node.workers"] == (0, False)
    assert rows["children.1.codes"] == (("H53.40",), True)
    assert rows["children.0.unsigned.reason"] == ('old = "#1"', True)
    assert rows["offices.0.attach"] == ("pull", False)
    assert rows["parent"] == (None, False)


# --- remarks ------------------------------------------------------------------------------------------


def test_a_broker_user_that_neighbours_would_not_take_for_this_node(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    hub = 'kind = "rabbitmq", host = "localhost", password_file = "secret"'
    text = f'[node]\nname = "h53"\n[parent]\nname = "vn"\ncertificate = "secret"\nhub = {{ {hub}, user = "router" }}\n'
    [remark] = settings(tmp_path, text).remarks
    assert (remark.code, "parent.hub.user is router" in remark.detail) == ("EDX907", True)
    assert settings(tmp_path, text.replace("router", "h53")).remarks == ()


def test_doubtful_settings_are_remarks_not_mistakes(tmp_path: Path) -> None:
    text = TREE.replace("000.00.40.H53", "H53.50").replace('"codes" = ["H53.40"]', 'prefixes = ["H53.31.05"]')
    loaded = settings(tmp_path, text, today=date(2027, 1, 1))
    said = [(finding.code, finding.where.rpartition(", ")[2], finding.detail) for finding in loaded.remarks]
    neither = "names neither certificate nor authority: receipts of"
    assert sorted(said) == [
        ("EDX907", "line 1", "without trust.anchors no signature can be accepted (EDX316)"),
        ("EDX907", "line 13", f"children[1] {neither} a do not count (EDX411)"),
        ("EDX907", "line 19", "children[1]: the exception for unsigned envelopes ended on 2026-12-31"),
        ("EDX907", "line 21", f"children[2] {neither} b do not count (EDX411)"),
        ("EDX907", "line 23",
         "prefixes H53.31 and H53.31.05 (children[1].prefixes[1]) overlap: the longer one wins"),
    ]  # fmt: skip


def test_an_exception_holds_on_its_last_day(tmp_path: Path) -> None:
    text = TREE.replace("000.00.40.H53", "H53.50") + "[trust]\nanchors = 'node.toml'\n"
    said = [finding.detail for finding in settings(tmp_path, text, today=date(2026, 12, 31)).remarks]
    assert [detail for detail in said if "exception" in detail] == []


# --- mistakes, all at once ------------------------------------------------------------------------------

GOOD = """\
[node]
name = "h53"
workers = 2
key = "secret"
certificate = "plain"
[store]
url = "sqlite:///x.db"
[hub]
kind = "rabbitmq"
host = "mq"
login = "certificate"
tls_ca = "plain"
tls_certificate = "plain"
tls_key = "secret"
server_name = "mq.example.vn"
[parent]
name = "national"
certificate = "plain"
[parent.hub]
kind = "local"
path = "hub"
[[children]]
name = "a"
prefixes = ["H53.31"]
codes = ["H53.40"]
certificate = "plain"
[[children]]
name = "b"
certificate = "plain"
codes = ["H53.41"]
[[offices]]
name = "vp"
agencies = ["H53"]
attach = "amqp"
[[offices]]
name = "snv"
agencies = ["H53.02"]
[offices.unsigned]
until = 2099-01-01
reason = "old"
[trust]
anchors = "plain"
[[trust.ocsp]]
url = "http://ocsp"
issuer = "plain"
[[trust.ocsp]]
url = "http://ocsp"
issuer = "secret"
[delivery]
lifetime = "5d"
lease = "1h"
retry_first = "1h"
retry_ceiling = "2h"
"""


@given(
    st.lists(
        st.tuples(st.integers(0, GOOD.count("\n") - 1), st.sampled_from(["1.5", "[1.5, 2.5]", "misspelt", "gone"])),
        min_size=1, max_size=6, unique_by=lambda change: change[0],
    )
)  # fmt: skip
@settings_of_hypothesis(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mistake_is_made_up_because_of_another(tmp_path: Path, changes: list[tuple[int, str]]) -> None:
    """Whatever is wrong in a good file, each mistake that is named is one of those that were put into it."""
    for name in ("secret", "plain"):
        (tmp_path / name).touch(mode=0o600)
    lines = GOOD.splitlines()
    broken = set()
    for at, how in changes:
        key, _, _ = lines[at].partition(" = ")
        if lines[at].startswith("["):
            continue
        if how == "gone":
            if key not in ("name", "kind", "agencies", "until", "reason", "issuer"):  # what is required
                continue
            lines[at] = ""
        else:
            lines[at] = f"{key[:-1]}{key[-1] * 2} = 1.5" if how == "misspelt" else f"{key} = {how}"
        broken.add(at + 1)
        header = next(each for each in range(at, -1, -1) if GOOD.splitlines()[each].startswith("["))
        broken |= {header + 1} if how in ("misspelt", "gone") else set()
    try:
        loaded = settings(tmp_path, "\n".join(lines) + "\n")
    except ConfigErrors as errors:
        named = {int(finding.where.rpartition(" ")[2]) for finding in (*errors.findings, *errors.remarks)}
        assert named
        assert named <= broken, errors
    else:
        assert not broken
        assert loaded.remarks == ()


def test_every_setting_that_is_required_has_an_example() -> None:
    """Or a mistake there would hide all others."""
    def required(kind: Any) -> Iterator[About]:
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            if field.default is MISSING and field.default_factory is MISSING:
                yield next(each for each in hints[field.name].__metadata__ if isinstance(each, About))
            plain = get_type_hints(kind)[field.name]
            for inner in (plain, *get_args(plain)):
                if isinstance(inner, type) and issubclass(inner, SettingsTable):
                    yield from required(inner)

    found = list(required(Sections))
    assert len(found) > 10
    assert [about for about in found if not about.example] == []


# --- lines --------------------------------------------------------------------------------------------


def test_positions_of_keys_tables_and_elements() -> None:
    found = positions(TREE)
    expected = {
        ("node",): 1,
        ("node", "name"): 2,
        ("node", "title"): 3,
        ("node", "data"): 7,
        ("children",): 13,
        ("children", 0, "name"): 14,
        ("children", 0, "prefixes", 0): 16,
        ("children", 0, "prefixes", 1): 17,
        ("children", 0, "unsigned", "reason"): 19,
        ("children", 0, "unsigned", "senders", 0): 19,
        ("children", 1): 21,
        ("children", 1, "codes"): 23,
        ("children", 1, "unsigned", "until"): 26,
        ("offices", 0, "agencies", 1): 31,
        ("delivery", "chunk_bytes"): 35,
    }
    assert {path: found.get(path) for path in expected} == expected
    assert ("name",) not in found  # not fooled by the text of the title


def test_positions_of_odd_but_legal_toml() -> None:
    text = (
        "a.b.'c.d' = 1\n"
        'x = [ [1, 2], # ]\n  { y = "}" } ]\n'
        '"quoted \\u0061" = """\n]]] "" \\""""\n'
        "z = ''''''\n"
        "[ t . u ]\n"
        "v = 1979-05-27T07:32:00-08:00\n"
        "[[t.w]]\n[[t.w.deep]]\nk=1\n[[t.w]]\n[t.w.deep2]\nk=2\n"
    )
    found = positions(text)
    assert found["a", "b", "c.d"] == 1
    assert found["x", 0, 1] == 2
    assert found["x", 1, "y"] == 3
    assert found[("quoted a",)] == 4
    assert found[("z",)] == 6
    assert found["t", "u", "v"] == 8
    assert found["t", "w", 0, "deep", 0, "k"] == 11
    assert found["t", "w", 1, "deep2", "k"] == 14


def test_a_place_that_is_not_in_the_file_is_the_nearest_that_is() -> None:
    found = positions("\n\n[node]\nname = 1\n")
    assert line_of(found, ("node", "workers")) == 3
    assert line_of(found, ("hub", "kind")) == 1
    assert dotted(("offices", 0, "agencies", 1)) == "offices[1].agencies[2]"


def test_positions_of_rubbish_end() -> None:
    for text in ("]", "= = =", "[[[", 'a = "', "a = [1, =", "a = {", "\\", "[a", "a = '''"):
        positions(text)


# --- texts --------------------------------------------------------------------------------------------


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    loaded = settings(tmp_path, example("xa-long-chu", "Xã Long Chữ"))
    assert (loaded.node.name, loaded.node.title) == ("xa-long-chu", "Xã Long Chữ")
    same = settings(tmp_path, '[node]\nname = "xa-long-chu"\ntitle = "Xã Long Chữ"\n')
    assert [row[:2] for row in loaded.as_table()] == [row[:2] for row in same.as_table()]


def test_removing_the_marks_of_the_example_makes_settings_of_all_lines(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?! )", "", example())
    text = re.sub(r"(?ms)^\[axis[].].*?(?=^\[+(?!axis))", "", text)  # in the place of [parent], not beside it
    # Each hub is of one kind only, and the files that are named are not there.
    text = re.sub(r'(?m)^(path = "hub"|attach = .*)$', r"#\1", text)
    text = re.sub(r'(?m)^\w+ = "[\w-]+(\.\w+)?\.(pem|password|secret|csv|key)"$|^(tls_)?crls = .*$', "", text)
    unset = "catalogue|extra|server_name|name = \"h53-31\"|codes|system_id|folder|webhook|keys|user"
    text = re.sub(rf"(?m)^({unset})( = .*)?$", "", text)
    text = text.replace("[[children]]", '[[children]]\nname = "child"').replace(
        'host = "mq.example.vn"', 'host = "mq.example.vn"\npassword_file = "secret"'
    )
    text = text.replace('certificate_name = "so-yte.example.vn"', "").replace(
        "[gateway]", '[gateway]\ncertificate = "secret"\nkey = "secret"'
    )
    text = text.replace("[[trust.ocsp]]", '[[trust.ocsp]]\nissuer = "secret"')
    text = text.replace("[journal]", '[journal]\nkey = "secret"')
    text = text.replace("[[journal.stamps]]", '[[journal.stamps]]\nanchors = "secret"')
    text = text.replace('name = "h53-31"', "").replace('agencies = ["H53.31"]', 'agencies = ["H53"]')
    text = text.replace("[[seals]]", '[[seals]]\nkey = "secret"\ncertificate = "secret"')
    text = text.replace('agency = "H53.31"', 'agency = "H53"')
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    loaded = settings(tmp_path, text)
    assert loaded.parent is not None
    assert loaded.offices[0].unsigned is not None
    assert loaded.trust.ocsp[0].url == "http://ocsp.ca.example.vn"
    defaults = settings(tmp_path, '[node]\nname = "h53"\n')
    assert (loaded.limits, loaded.delivery, loaded.log) == (defaults.limits, defaults.delivery, defaults.log)


def test_the_reference_names_every_setting(tmp_path: Path) -> None:
    text = reference()
    for name, _, _ in settings(tmp_path, TREE.replace("000.00.40.H53", "H53.50")).as_table():
        last = name.rpartition(".")[2]
        assert f"| `{last}` |" in text or re.search(rf"## \[+(\w+\.)?{last}\]", text), name


def test_defaults_are_those_of_the_code_that_they_are_for() -> None:
    for settings, values in ((LimitsSettings, IntakeLimits), (DeliverySettings, DeliveryTerms)):
        named = {field.name: field.default for field in fields(settings)}
        assert named == {field.name: field.default for field in fields(values)}
