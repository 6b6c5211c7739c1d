"""What Prometheus is told of a node: how its processes report, that nothing grows without bound, when it is ready."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog.testing
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families

from edxml_router.config import Settings, load
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.problems import PROBLEMS, Finding, Setback
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import free_port
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.observe import measures, tally
from edxml_router.observe.tally import Tally
from edxml_router.services.health.machine import metrics as metrics_check
from edxml_router.services.metrics import gauges, node_metrics
from edxml_router.services.metrics.cached import Cached
from edxml_router.services.metrics.endpoint import AT_ONCE, Endpoint
from edxml_router.services.metrics.exposition import exposition
from edxml_router.services.metrics.gathering import MOST_SERIES, Gathered
from edxml_router.services.metrics.gauges import PREFIX, shown_names
from edxml_router.services.metrics.node_metrics import NodeMetrics
from tests.scenarios.world import until

START = datetime(2026, 11, 28, tzinfo=UTC)
HOSTILE = 'a"b\\c\nd{}=é '
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(text: str) -> Series:
    found = [sample for family in families(text) for sample in family.samples]
    named = {(one.name.removeprefix(PREFIX), tuple(sorted(one.labels.items()))): one.value for one in found}
    assert len(named) == len(found)  # no series twice
    return named


def get(port: int, path: str, accept: str = "") -> tuple[int, str, str]:
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    call.request("GET", path, headers={"Accept": accept})
    answer = call.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read().decode()


# --- a running node ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {"tw": free_port(), "tinh": free_port()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, int]) -> Iterator[Tree]:
    plans = [
        NodePlan(name, "Nút", codes, above, codes if above else (), further=f'[metrics]\nlisten = "127.0.0.1:{port}"')
        for (name, port), codes, above in zip(ports.items(), (("G22",), ("H53",)), (None, "tw"), strict=True)
    ]
    with Tree(tmp_path_factory.mktemp("metrics"), plans) as running:
        running.start()
        yield running


def test_a_letter_is_counted_on_its_way_and_its_names_are_not_told(tree: Tree, ports: dict[str, int]) -> None:
    letter = tree.folder / "letter.edxml"
    letter.write_bytes(Post(tree.pki).document("G22", ["H53"], 7, "V/v việc số 7"))
    [sent] = tree.ask("tw", "send", letter, "--as", "vanthu-tw")
    odd = tree.folder / "odd.edxml"
    odd.write_bytes(b"<!DOCTYPE a><a/>")
    assert tree.run("tw", "send", odd, "--as", "vanthu-tw").returncode
    ordinary, link = ("urgency", "ordinary"), ("route", "link:tinh")
    offered = ("deliveries_offered_total", (("route", "office:vanthu-tinh"), ordinary))
    until(lambda: offered in series(get(ports["tinh"], "/metrics")[2]), "the letter")
    [mail] = tree.ask("tinh", "inbox", "--office", "vanthu-tinh")
    assert tree.run("tinh", "confirm", mail["letter"]).returncode == 0

    ended = ("deliveries_ended_total", (("code", ""), ("outcome", "confirmed"), link, ordinary))
    until(lambda: ended in series(get(ports["tw"], "/metrics")[2]), "the end of it")
    status, kind, text = get(ports["tw"], "/metrics")
    found = series(text)
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    accepted = ("envelopes_accepted_total", (("kind", "document"), ("peer", "vanthu-tw"), ordinary))
    assert found[accepted] == 1  # by a command, which is no child of the node
    assert found["envelopes_refused_total", (("code", "EDX104"), ("peer", "vanthu-tw"))] == 1
    assert found["deliveries_forwarded_total", (link, ordinary)] == 1
    assert found[ended] == 1
    below = series(get(ports["tinh"], "/metrics")[2])
    assert below["envelopes_accepted_total", (("kind", "document"), ("peer", "tw"), ordinary)] == 1
    assert below[offered] == 1
    for stage in ("receive", "forward"):
        assert found["stage_duration_seconds_count", (("stage", stage),)] >= 1
    assert found["commit_duration_seconds_count", ()] >= 3
    assert found["journal_entries", ()] > 3
    assert found["database_up", ()] == found["workers_reporting", ()] == found["workers_wanted", ()] == 1
    assert found["hub_up", (("hub", "hub"),)] == 1
    assert found["disk_free_bytes", ()] > 0
    assert found["journal_cosigned_entries", (("peer", "tinh"),)] > 0
    assert found["trust_expiry_timestamp_seconds", (("kind", "own"),)] > START.timestamp()
    shown = {family.name for family in families(text)}
    assert shown <= {name.removesuffix("_total") for name in shown_names()}
    for secret in (sent["digest"], "G22", "H53", "việc"):
        assert secret not in text


def test_promtool_and_the_parser_of_openmetrics_find_nothing_wrong(ports: dict[str, int], tree: Tree) -> None:
    _, _, text = get(ports["tw"], "/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    _, kind, open_text = get(ports["tw"], "/metrics", "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert {family.name for family in open_families(open_text)} == {one.name for one in families(text)}


def test_the_node_is_ready_until_its_hub_is_away(tree: Tree, ports: dict[str, int]) -> None:
    port = ports["tw"]
    assert json.loads(get(port, "/healthz")[2]) == {"ready": None}
    assert (get(port, "/readyz")[0], json.loads(get(port, "/readyz")[2])) == (200, {"ready": True})
    assert get(port, "/")[0] == get(port, "/metricsx")[0] == 404
    away = tree.hub("tw").rename(tree.hub("tw").with_name("away"))
    until(lambda: get(port, "/readyz")[0] == 503, "that the hub is missed")
    problem = json.loads(get(port, "/readyz")[2])
    assert (problem["where"], problem["status"]) == ("hub", PROBLEMS[problem["code"]].http_status)
    found = series(get(port, "/metrics")[2])
    assert found["hub_problem", (("code", problem["code"]), ("hub", "hub"))] == 1
    away.rename(tree.hub("tw"))
    until(lambda: get(port, "/readyz")[0] == 200, "that it is back")


def test_doctor_asks_the_endpoint(tree: Tree) -> None:
    [(told, finding)] = metrics_check(tree.settings("tw"))
    assert (told, finding) == (tree.settings("tw").metrics.listen, None)


def test_doctor_names_an_endpoint_that_is_not_there_or_another_program(tree: Tree, ports: dict[str, int]) -> None:
    config, text = tree.config("tinh"), tree.config("tinh").read_text()
    for port in (free_port(), None):
        with Endpoint(f"127.0.0.1:{free_port()}", lambda _path, _accept: (404, "text/plain", b"")) as other:
            listening(other)
            listen = f"127.0.0.1:{port}" if port else other._listen
            config.write_text(text.replace(f"127.0.0.1:{ports['tinh']}", listen))
            [(_, finding)] = metrics_check(tree.settings("tinh"))
            assert finding is not None
            assert (finding.code, finding.where) == ("EDX695", listen)
    config.write_text(text)


# --- the way of the numbers -------------------------------------------------------------------------


def test_numbers_of_several_processes_are_added_up(tmp_path: Path) -> None:
    gathered = Gathered()
    pipe = tally.open_pipe(tmp_path)
    gathered.follow(pipe)
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            own = Tally()
            own.report_in(tmp_path)
            for _ in range(1000):
                own.count(measures.FORWARDED, ("link:tinh", "urgent"))
                own.lasted(measures.COMMIT, 0.004)
            own.tell()
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    until(lambda: len(list(gathered.totals())) == 2, "the totals")
    until(lambda: dict(found(gathered))["deliveries_forwarded"] == [3000], "all of them")
    *counts, seconds = dict(found(gathered))["commit_duration_seconds"]
    assert (sum(counts), counts[3], round(seconds)) == (3000, 3000, 12)  # 0.0025 to 0.005
    tally.remove_pipe(tmp_path)
    assert not list(tmp_path.iterdir())


def found(gathered: Gathered) -> Iterator[tuple[str, list[float]]]:
    yield from ((measure.name, value) for measure, _, value in gathered.totals())


def test_where_nobody_listens_nothing_is_counted(tmp_path: Path) -> None:
    own = Tally()
    own.count(measures.LOGGED)
    own.report_in(tmp_path)
    os.mkfifo(tmp_path / tally.FILE)  # of a supervisor that was killed
    own.count(measures.LOGGED)
    (tmp_path / tally.FILE).unlink()
    (tmp_path / tally.FILE).write_bytes(b"")  # no pipe at all
    other = Tally()
    other.report_in(tmp_path)
    other.count(measures.LOGGED)
    assert (own.lines(), other.lines()) == ([], [])


def test_a_full_pipe_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / tally.FILE)
    pipe = os.open(tmp_path / tally.FILE, os.O_RDWR | os.O_NONBLOCK)
    own = Tally()
    own.report_in(tmp_path)
    own.count(measures.LOGGED, by=5)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(pipe, b"\n" * 4096)
    own.lasted(measures.SYNC, 0.3)
    own.tell()
    own.count(measures.LOGGED, by=2)
    left = own.lines()
    assert [json.loads(line)[2] for line in left if b"log_bytes" in line] == [7]
    assert [sum(json.loads(line)[2]) for line in left if b"sync" in line] == [1.3]
    os.close(pipe)


def test_what_no_process_of_ours_would_write_changes_nothing() -> None:
    gathered = Gathered()
    for line in (
        b"", b"{", b"\xff", b"[]", b"12", b'["none",[],1]', b'["log_bytes",["a"],1]', b'["log_bytes",[],-1]',
        b'["log_bytes",[],1e999]', b'["log_bytes",[],"x"]', b'["log_bytes",[],[1]]', b'["log_bytes",[],NaN]',
        b'["sync_duration_seconds",[],[1,2]]', b'["sync_duration_seconds",[],4]', b'["state",[],{}]',
        b'["state",[],{"process":"x"}]', b'["state",[],{"process":1,"a":"","b":"","c":""}]', b"[" * 100_000,
    ):  # fmt: skip
        gathered.add(line)
    assert not list(gathered.totals())
    assert gathered.workers() == 0


def test_each_measure_has_so_many_series_at_most_and_the_rest_together() -> None:
    gathered = Gathered()
    for number in range(MOST_SERIES + 7):
        gathered.add(json.dumps(["deliveries_forwarded", [f"link:{number}", "urgent"], 1]).encode())
    rows = {labels: value for _, labels, value in gathered.totals()}
    assert (len(rows), rows["other", "other"]) == (MOST_SERIES + 1, [7])


def test_hostile_labels_are_written_so_that_they_mean_themselves() -> None:
    text, _ = exposition([(measures.LOST_PROCESSES, (HOSTILE,), [3])], [(gauges.NODE, (HOSTILE,), 1)], "")
    assert text.count(b"\n") == len(text.splitlines())
    read = series(text.decode())
    assert read["processes_lost_total", (("process", HOSTILE),)] == 3
    assert read["node_info", (("node", HOSTILE),)] == 1


def test_names_that_strangers_chose_and_codes_that_nobody_knows_are_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(tally, "count", lambda _measure, labels=(), by=1: told.append(labels))
    odd = [
        Entry(START, measures.REFUSED_EVENT, actor=name, code=code)
        for name, code in (("xa", "EDX102"), ("nobody 4711", "EDX403"), ("xa", "EDX000"))
    ]
    measures.noted([], odd, {"xa"})
    assert told == [("xa", "EDX102"), ("strangers", "EDX403"), ("xa", "other")]


# --- readiness, and asking the database --------------------------------------------------------------


def test_many_who_ask_are_one_who_reads_and_nobody_waits_for_the_silent() -> None:
    asked, go = [], threading.Event()

    def read() -> int:
        asked.append(1)
        assert go.wait(60)
        return 42

    cached = Cached(read, 3600)
    assert [cached.get(0.01) for _ in range(20)] == [None] * 20
    assert cached.reading
    go.set()
    once = cached.get(60)
    assert (once is not None and once.value, len(asked)) == (42, 1)
    assert cached.get(60) is once  # an hour long


def test_what_was_known_before_stays_known_while_it_cannot_be_read() -> None:
    answers: list[int | Exception] = [7, Setback("EDX602"), ZeroDivisionError(), 8]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cached, seen = Cached(read, 0, 0), []  # what has been read is too old at once
    for _ in range(4):
        once = cached.get(60)
        assert once is not None
        seen.append((once.value, once.error.code if once.error else ""))
    assert seen == [(7, ""), (7, "EDX602"), (7, "EDX699"), (8, "")]


def settings_of(folder: Path, further: str = "") -> Settings:
    (folder / "node.toml").write_text(f'[node]\nname = "h53"\n{further}')
    (folder / "data").mkdir(exist_ok=True)
    return load(folder / "node.toml")


def test_a_node_without_workers_or_database_is_not_ready(tmp_path: Path) -> None:
    store = f'[store]\nurl = "postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"\n'
    metrics = NodeMetrics(settings_of(tmp_path, store))
    assert ready(metrics) == (503, "EDX698")
    metrics._gathered.add(json.dumps(["state", [], {"process": 1, "hub": ""}]).encode())
    assert ready(metrics) == (503, "EDX602")
    text = metrics.answer("/metrics", "")[2].decode()
    assert series(text)["database_up", ()] == 0


def ready(metrics: NodeMetrics) -> tuple[int, str]:
    status, _, body = metrics.answer("/readyz", "")
    return status, json.loads(body)["code"]


def test_one_worker_that_reaches_the_hub_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_metrics.figures, "probe", lambda _settings: None)
    metrics = NodeMetrics(settings_of(tmp_path))
    for process, code in ((1, "EDX701"), (2, "")):
        metrics._gathered.add(json.dumps(["state", [], {"process": process, "hub": code}]).encode())
    assert metrics.unready() is None
    metrics._gathered.add(json.dumps(["state", [], {"process": 2, "hub": "EDX701"}]).encode())
    assert metrics.unready() == Finding("EDX701", "hub")


# --- the endpoint -----------------------------------------------------------------------------------


def listening(endpoint: Endpoint) -> None:
    until(lambda: endpoint._server is not None, "that it listens")


def test_a_port_that_is_taken_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edxml_router.services.metrics.endpoint.RETRY_SECONDS", 0.05)
    port = free_port()
    taken = socket.create_server(("127.0.0.1", port))
    with (
        structlog.testing.capture_logs() as told,
        Endpoint(f"127.0.0.1:{port}", lambda path, _accept: (200, "text/plain", path.encode())) as endpoint,
    ):
        until(lambda: told, "the line of the log")
        taken.close()
        listening(endpoint)
        assert get(port, "/a?b") == (200, "text/plain", "/a")
    assert [line["event"] for line in told] == ["metrics.unavailable", "metrics.served"]
    assert told[0]["code"] == "EDX695"


def test_who_says_nothing_keeps_nobody_out() -> None:
    port = free_port()
    with Endpoint(f"127.0.0.1:{port}", lambda _path, _accept: (200, "text/plain", b"ok")) as endpoint:
        listening(endpoint)
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(AT_ONCE)]
        assert get(port, "/")[2] == "ok"
        assert silent[0].recv(1) == b""  # the one that was open longest
        for one in silent:
            one.close()


def test_nothing_but_get_and_head_is_answered() -> None:
    port = free_port()
    with Endpoint(f"127.0.0.1:{port}", lambda _path, _accept: (200, "text/plain", b"ok")) as endpoint:
        listening(endpoint)
        for method, status, body in (("HEAD", 200, b""), ("POST", 501, None), ("DELETE", 501, None)):
            call = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            call.request(method, "/metrics")
            answer = call.getresponse()
            assert (answer.status, body is None or answer.read() == body) == (status, True)
            assert "Python" not in (answer.headers["Server"] or "")
