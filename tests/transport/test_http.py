"""The HTTP door from outside: what it answers, and everything that it must not answer."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from tests.processes import STUB, Process, until
from tests.transport.door import JSON, Door
from tests.web.finished import finished, tones

RATE = 8000
# Where the stem of an alternative does not lie.
STRAYED = (
    "../../../../secret.wav",
    "alternative-2/../../../../../secret.wav",
    "{home}/secret.wav",
    "alternative-2/../stem-1.wav",
    "alternative-3/stem-1.wav",
    "alternative-2",
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A daemon with one finished session, `demo`, and a stub for its worker; `strayed` names files of others."""
    home = tmp_path_factory.mktemp("http")
    others = {"by timbre alone": tones(RATE, 2.0)[::-1]}
    demo = finished(home / "data", "demo", tones(RATE, 2.0), RATE, others=others)
    (home / "secret.wav").write_bytes(demo.with_name("stem-1.wav").read_bytes())
    clip = {"path": str(home / "secret.wav"), "relative": None, "start": 100, "channels": [0, 1]}
    demo.write_text(json.dumps(json.loads(demo.read_text()) | {"inputs": [clip]}))
    finished(home / "data", "no-clip", tones(RATE, 0.5), RATE)
    strayed = finished(home / "data", "strayed", tones(RATE, 0.5), RATE)
    manifest = json.loads(strayed.read_text())
    manifest["stems"][0]["path"] = "../../../../secret.wav"
    strayed.write_text(json.dumps(manifest))
    for number, path in enumerate(STRAYED):
        strayed = finished(home / "data", f"strayed-{number}", tones(RATE, 0.5), RATE, others=others)
        manifest = json.loads(strayed.read_text())
        manifest["alternatives"][1]["stems"][0]["path"] = path.format(home=home)
        strayed.write_text(json.dumps(manifest))
    process = Process(home, "-m", STUB)
    yield Door(process)
    process.client.close()
    process.end()


def test_the_page_and_all_it_is_made_of(door: Door) -> None:
    page = door.get("edit/demo")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    for name, kind in {"main.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}.items():
        asset = door.get(f"assets/{name}")
        assert asset.status == 200 and asset.headers["content-type"].startswith(kind)


def test_a_session_without_the_paths_of_its_files(door: Door) -> None:
    session = door.get("sessions/demo").json
    assert (session["rate"], session["frames"], session["channels"]) == (RATE, 2 * RATE, 2)
    assert session["stems"][0] == {"index": 1, "name": "demo - stem 1", "role": "source"}
    assert str(door.daemon.home) not in json.dumps(session)


def test_the_stems_to_the_sample(door: Door) -> None:
    answer = door.get("sessions/demo/stems/2?start=500&frames=1000")
    expected, _ = soundfile.read(door.daemon.data / "jobs/demo/result/stem-2.wav", dtype="float32")
    np.testing.assert_array_equal(np.frombuffer(answer.body, "<f4").reshape(-1, 2), expected[500:1500])


def test_the_stems_of_an_alternative_are_those_that_the_manifest_names(door: Door) -> None:
    folder = door.daemon.data / "jobs/demo/result"
    named = door.get("sessions/demo").json["alternatives"]
    assert [(one["index"], one["what"]) for one in named] == [(1, "as first answered"), (2, "by timbre alone")]
    assert [stem["index"] for stem in named[1]["stems"]] == [1, 2] and "path" not in named[1]["stems"][0]
    for number, place in {1: folder, 2: folder / "alternative-2"}.items():
        answer = door.get(f"sessions/demo/alternatives/{number}/stems/2?start=500&frames=1000")
        expected, _ = soundfile.read(place / "stem-2.wav", dtype="float32")
        np.testing.assert_array_equal(np.frombuffer(answer.body, "<f4").reshape(-1, 2), expected[500:1500])
    first, second = (door.get(f"sessions/demo{below}/tiles/1/0/0").body for below in ("", "/alternatives/2"))
    assert len(first) == len(second) and first != second


@pytest.mark.parametrize("number", range(len(STRAYED)), ids=STRAYED)
def test_a_manifest_that_names_a_file_elsewhere_is_none(door: Door, number: int) -> None:
    for path in ("", "/alternatives/2/stems/1?start=0&frames=10", "/alternatives/2/tiles/1/0/0"):
        reply = door.get(f"sessions/strayed-{number}{path}")
        assert (reply.status, reply.code) == (404, "clip_unreadable")


def test_a_message_about_a_session_is_about_its_clip(door: Door) -> None:
    message = {"verb": "separate", "job": "again", "clip": "/etc/passwd"}
    (accepted,) = door.post(message, about="sessions/demo/").json
    assert accepted == {"event": "accepted", "job": "again", "verb": "separate"}
    with closing(sqlite3.connect(door.daemon.data / "jobs.sqlite")) as table:
        (text,) = table.execute("SELECT request FROM jobs WHERE id = 'again'").fetchone()
    asked, clip = json.loads(text), str(door.daemon.home / "secret.wav")
    assert (asked["clip"], asked["channel"]) == (None, [f"0:{clip}", f"1:{clip}"])
    assert (asked["start"], asked["frames"], asked["rate"]) == (100, 2 * RATE, RATE)
    for session, code in {
        "nobody": "unknown_session",
        "strayed-0": "clip_unreadable",
        "no-clip": "clip_unreadable",
    }.items():
        assert door.post({"verb": "separate"}, about=f"sessions/{session}/").code == code
    assert door.post([], about="sessions/demo/").code == "bad_request"


def test_a_tile_is_kept_by_the_browser_and_a_session_is_not(door: Door) -> None:
    geometry = door.get("sessions/demo").json["tiles"]
    tile = door.get("sessions/demo/tiles/1/0/0")
    assert len(tile.body) % (3 * len(geometry["sets"][1]["hertz"])) == 0 and any(tile.body)
    assert "immutable" in tile.headers["cache-control"]
    assert door.get("sessions/demo").headers["cache-control"] == "no-store"


def test_messages_are_those_of_the_other_doors(door: Door) -> None:
    (welcome,) = door.post({"verb": "hello"}).json
    assert (welcome["event"], welcome["pid"]) == ("welcome", door.daemon.process.pid)
    fields = door.daemon.separate("by-http").model_dump(mode="json", exclude_none=True)
    (accepted,) = door.post({"verb": "separate", **fields}).json
    assert accepted == {"event": "accepted", "job": "by-http", "verb": "separate"}
    until(lambda: door.daemon.status_file("by-http").get("event") == "done")
    assert door.post({"verb": "cancel", "job": "nobody"}).status == 404


def test_what_is_sent_again_under_its_key_is_heard_once_and_answered_alike(door: Door) -> None:
    fields = door.daemon.separate("again").model_dump(mode="json", exclude={"job", "out"}, exclude_none=True)
    before = jobs(door)
    with ThreadPoolExecutor(4) as pages:
        sent = [pages.submit(door.post, {"verb": "separate", **fields}, {"idempotency-key": "one"}) for _ in range(4)]
        first, *rest = [one.result().json for one in sent]
    assert first[0]["event"] == "accepted" and rest == [first] * 3
    assert len(jobs(door)) == len(before) + 1
    until(lambda: door.daemon.status_file(first[0]["job"]).get("event") == "done")
    remove = {"verb": "remove", "job": first[0]["job"]}
    assert [door.post(remove, {"idempotency-key": key}).status for key in ("two", "two", "three")] == [200, 200, 404]
    (other,) = door.post({"verb": "separate", **fields}, {"idempotency-key": "four"}).json
    assert other["job"] != first[0]["job"]
    until(lambda: door.daemon.status_file(other["job"]).get("event") == "done")


def test_events_are_told_as_they_happen(door: Door) -> None:
    connection = http.client.HTTPConnection(door.address.hostname or "", door.address.port, timeout=20)
    fields = door.daemon.separate("told", "wait").model_dump(mode="json", exclude_none=True)
    door.post({"verb": "separate", **fields})
    connection.request("GET", f"{door.root}events?job=told")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = []
    while not told or told[-1]["event"] != "done":
        line = answer.readline().decode()
        if line.startswith("data: "):
            told.append(json.loads(line.removeprefix("data: ")))
            if told[-1]["event"] == "progress":
                door.daemon.go("told")
    connection.close()
    assert told[0]["event"] == "welcome"
    assert {"welcome", "status", "progress", "done"} <= {event["event"] for event in told}
    assert all(event["job"] in ("told", "") for event in told[1:])


def test_the_choice_stands_where_the_host_finds_it(door: Door) -> None:
    (chosen,) = door.post({"verb": "import", "job": "demo", "session": "strayed"}).json
    assert chosen["manifest"].endswith("manifest.json")
    lines = (door.daemon.spool / "outbox" / "demo.chosen").read_text().splitlines()
    assert dict(line.split("\t") for line in lines) == chosen
    for message in ({"job": "demo", "session": "nobody"}, {"job": "nobody", "session": "demo"}):
        assert door.post({"verb": "import", **message}).status == 404


def jobs(door: Door) -> list[tuple[Any, ...]]:
    """Everything the daemon has on disk about jobs."""
    with closing(sqlite3.connect(door.daemon.data / "jobs.sqlite")) as table:
        return table.execute("SELECT * FROM jobs ORDER BY id").fetchall()


def strangers(door: Door) -> dict[str, tuple[str, str, dict[str, str]]]:
    root, port = door.root, door.address.port
    wrong = root[:-2] + ("A" if root[-2] != "A" else "B") + "/"
    return {
        "no token": ("GET", "/sessions/demo", {}),
        "no token, the page": ("GET", "/edit/demo", {}),
        "nothing": ("GET", "/", {}),
        "another token": ("GET", f"{wrong}sessions/demo", {}),
        "part of the token": ("GET", f"{root[:-4]}/sessions/demo", {}),
        "more than the token": ("GET", f"{root[:-1]}x/sessions/demo", {}),
        "another name for this machine": ("GET", f"{root}sessions/demo", {"Host": f"evil.example:{port}"}),
        "another port": ("GET", f"{root}sessions/demo", {"Host": "127.0.0.1:1"}),
        "no host": ("GET", f"{root}sessions/demo", {"Host": ""}),
        "another origin": ("GET", f"{root}sessions/demo", {"Origin": "https://evil.example"}),
        "no origin to speak of": ("GET", f"{root}sessions/demo", {"Origin": "null"}),
        "another port's page": ("GET", f"{root}sessions/demo", {"Origin": "http://127.0.0.1:1"}),
        "a picture in another page": ("GET", f"{root}sessions/demo/tiles/1/0/0", {"Sec-Fetch-Site": "cross-site"}),
        "a sister site": ("GET", f"{root}edit/demo", {"Sec-Fetch-Site": "same-site"}),
        "a form of another page": ("POST", f"{root}messages", JSON | {"Origin": "https://evil.example"}),
        "a question beforehand": ("OPTIONS", f"{root}messages", {"Origin": f"http://127.0.0.1:{port}"}),
        "another method": ("DELETE", f"{root}sessions/demo", {}),
    }


def test_strangers_are_refused_and_nothing_changes(door: Door) -> None:
    before = jobs(door)
    for name, (method, path, headers) in strangers(door).items():
        reply = door.raw(method, path, headers, b'{"verb": "cancel", "job": "demo"}' if method == "POST" else b"")
        assert (reply.status, reply.code) == (403, "forbidden"), name
        assert not {header for header in reply.headers if header.startswith("access-control")}, name
        assert "default-src 'none'" in reply.headers["content-security-policy"], name
    assert jobs(door) == before


def useless_boxes() -> list[list[str]]:
    box = {"stem": 1, "op": "deactivate", "start": 0.5, "end": 1.0, "low": 200, "high": 400}
    wrong = [
        {"start": "nan"},
        {"high": "inf"},
        {"start": 1.0},
        {"end": 0.1},
        {"low": 400},
        {"high": 100},
        {"stem": 0},
        {"stem": "1e9"},
        {"op": "both"},
        {"strength": 2},
        {"feather": -1},
        {"start": -1},
        {"path": "/etc/passwd"},
        {"mask": "linear:513x1:0.513"},
        {"mask": "linear:2x2:4"},
        {"mask": "log:9999999999x1:0.1"},
    ]
    texts = [",".join(f"{name}={value}" for name, value in (box | values).items()) for values in [{}, *wrong]]
    return [texts[:1] * 10_000, *([text] for text in texts[1:]), [""]]


def test_events_like_the_one_in_a_box_are_told_the_likeliest_first(door: Door) -> None:
    """The demo clicks four times a second, in its second stem."""
    reply = door.get("sessions/demo/similar?stem=2&start=0.45&end=0.65&low=100&high=3900")
    assert reply.status == 200
    events = reply.json["events"]
    assert len(events) >= 4
    assert all(set(event) == {"start", "end", "likeness"} for event in events)
    assert all((event["start"] - 0.2) % 0.25 < 0.02 or (event["start"] - 0.2) % 0.25 > 0.23 for event in events)
    assert [event["likeness"] for event in events] == sorted((event["likeness"] for event in events), reverse=True)


def test_messages_that_are_none_are_refused_and_nothing_changes(door: Door) -> None:
    before = jobs(door)
    useless: list[Any] = [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        [],
        {"verb": "separate"},
        {"verb": "no such"},
        {"verb": "hello", "x": 1},
        {"verb": "separate", "clip": "relative.wav"},
        *({"verb": "refine", "session": "demo", "box": boxes} for boxes in useless_boxes()),
        {"verb": "refine", "session": "../demo", "box": []},
        b'{"verb": "hello", "reply_port": NaN}',
        b" " * (2 << 20),
    ]
    for message in useless:
        reply = door.post(message)
        assert (reply.status, reply.code) == (400, "bad_request"), message[:50]
    assert door.post({"verb": "hello"}, {"content-type": "text/plain"}).status == 400, "what a form can send"
    assert jobs(door) == before


def test_a_message_that_is_cut_short_is_no_matter(door: Door) -> None:
    head = f"POST {door.root}messages HTTP/1.1\r\nHost: {door.host}\r\nContent-Type: application/json\r\n"
    for _ in range(5):
        with socket.create_connection((door.address.hostname, door.address.port), 20) as connection:
            connection.sendall(f'{head}Content-Length: 99\r\n\r\n{{"verb": '.encode())
    assert door.get("edit/demo").status == 200
    assert "Traceback" not in door.daemon.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "sessions/nobody",
        "sessions/..%2f..%2fjobs.sqlite",
        "sessions/%2e%2e/%2e%2e/editor.json",
        "sessions/demo/../../editor.json",
        "sessions/demo/stems/3?start=0&frames=10",
        "sessions/demo/stems/1?start=-1&frames=10",
        "sessions/demo/stems/1?start=0&frames=99999999999999999999",
        "sessions/demo/stems/1?frames=10",
        "sessions/demo/stems/nan?start=0&frames=10",
        "sessions/demo/similar",
        "sessions/demo/similar?stem=1&start=0.1&end=0.2&low=100&high=nan",
        "sessions/demo/similar?stem=1&start=0.2&end=0.1&low=100&high=200",
        "sessions/demo/similar?stem=1&start=0.1&end=0.2&low=100&high=50",
        "sessions/demo/similar?stem=1&start=1e9&end=2e9&low=100&high=200",
        "sessions/demo/similar?stem=9&start=0.1&end=0.2&low=100&high=200",
        "sessions/demo/similar?stem=1e9&start=0.1&end=0.2&low=100&high=200",
        "sessions/demo/tiles/1/99/0",
        "sessions/demo/tiles/3/0/0",
        "sessions/demo/tiles/1/0/99999",
        "sessions/demo/tiles/1/-1/0",
        "sessions/demo/clips/1",
        "sessions/demo/clips/1/stems/1?start=0&frames=10",
        "assets/../__init__.py",
        "assets/..%2f__init__.py",
        "assets/%2fetc%2fpasswd",
        "assets/",
        "sessions/strayed/stems/1?start=0&frames=10",
        "sessions/demo/alternatives/3/stems/1?start=0&frames=10",
        "sessions/demo/alternatives/0/stems/1?start=0&frames=10",
        "sessions/demo/alternatives/2/stems/3?start=0&frames=10",
        "sessions/demo/alternatives/-1/tiles/1/0/0",
        "sessions/demo/alternatives/2/",
        "sessions/demo/alternatives/..%2f..%2fstems/1?start=0&frames=10",
        "",
    ],
)
def test_what_is_no_session_and_no_asset_is_not_there(door: Door, path: str) -> None:
    reply = door.get(path)
    assert reply.status in (400, 404)
    assert reply.code in ("bad_request", "unknown_session", "clip_unreadable")


def test_only_this_machine_is_listened_to(door: Door) -> None:
    listening = [c for c in psutil.Process(door.daemon.process.pid).net_connections("inet") if c.status != "NONE"]
    listening = [connection for connection in listening if connection.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_the_address_is_for_this_user_alone(door: Door) -> None:
    for path in (door.daemon.data / "editor.json", door.daemon.spool / "daemon.status"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    (welcome,) = door.post({"verb": "hello"}).json
    assert door.root.strip("/") not in json.dumps(welcome), "which any program may ask for over UDP"
    assert door.root.strip("/") not in door.daemon.log.read_text()


def test_a_daemon_that_comes_back_is_found_where_it_was(tmp_path: Path) -> None:
    process = Process(tmp_path, "-m", STUB)
    try:
        first = process.editor
        assert process.end() == 0
        process.start()
        until(lambda: (tmp_path / "spool" / "daemon.status").exists())
        assert process.editor == first
        process.process.kill()
        process.process.wait()
        process.start()
        assert process.editor == first
        assert "Traceback" not in process.log.read_text()
    finally:
        process.client.close()
        process.end()
