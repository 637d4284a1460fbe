"""Files that a page uploads, and results with all that is kept for them: by plain HTTP and by messages."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import re
import socket
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest
import soundfile

from dap_bridge.domain import Stem
from dap_bridge.names import file_name
from tests.processes import STUB, Process, until
from tests.transport.door import Door, Reply
from tests.web.finished import finished, tones

RATE = 8000
BYTES = {"content-type": "application/octet-stream"}
MOST = 1 << 20


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A daemon that takes uploads of a mebibyte, with a stub for its worker."""
    home = tmp_path_factory.mktemp("uploads")
    for name in ("kept", "renamed"):
        finished(home / "data", name, tones(RATE, 0.5), RATE)
    stems = tuple(Stem(k, name, "source", f"stem-{k}.wav") for k, name in enumerate(("vocals", "drums"), 1))
    finished(home / "data", "song", tones(RATE, 0.5), RATE, stems=stems)
    process = Process(home, "-m", STUB, DAP_BRIDGE_UPLOAD_GIB=str(MOST / 2**30))
    yield Door(process)
    process.client.close()
    process.end()


def wav(seconds: float = 0.5, **options: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tones(RATE, seconds)[0].T, RATE, **({"format": "WAV"} | options))
    return file.getvalue()


def upload(door: Door, content: bytes, name: str = "Küche.wav", headers: dict[str, str] | None = None) -> Reply:
    return door.raw("POST", f"{door.root}uploads?name={quote(name)}", BYTES | (headers or {}), content)


def folder(door: Door) -> Path:
    return door.daemon.data / "uploads"


def left(door: Door) -> set[str]:
    return {path.name for path in folder(door).rglob("*")}


def test_an_upload_is_kept_as_it_is_and_known_by_an_id_alone(door: Door) -> None:
    about = upload(door, wav()).json
    assert (about["name"], about["rate"], about["channels"], about["frames"]) == ("Küche.wav", RATE, 2, RATE // 2)
    assert (folder(door) / about["upload"] / "Küche.wav").read_bytes() == wav()
    listed = door.get("uploads").json
    assert listed["uploads"][0] == about and listed["most_bytes"] == MOST
    assert str(door.daemon.home) not in json.dumps(listed)


def test_a_name_is_made_one_that_stays_in_its_folder(door: Door) -> None:
    about = upload(door, wav(0.1), "../../C:\\clips\\a<b>?\u202e\n.wav").json
    assert about["name"] == "a_b____.wav" and (folder(door) / about["upload"] / about["name"]).is_file()
    assert [file_name(text, "clip") for text in ("..", " . ", "a/b", "é.wav")] == ["clip", "clip", "a_b", "é.wav"]


USELESS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a name of 300 characters": ("x" * 300 + ".wav", wav),
    "a folder, or an empty file": ("folder", lambda: b""),
    "no audio": ("letter.wav", lambda: b"Dear Sir or Madam, " * 1000),
    "zeros": ("zeros.wav", lambda: bytes(MOST)),
    "more than is allowed": ("long.wav", lambda: bytes(MOST + 1)),
    "a zip bomb": ("bomb.zip", lambda: gzip.compress(bytes(64 << 20))),
    "a header alone": ("short.wav", lambda: wav()[:44]),
    "no samples but nonsense": ("nan.wav", lambda: nonsense()),
}


def nonsense() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(100, np.nan, np.float32), RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.mark.parametrize("what", USELESS)
def test_what_is_no_clip_is_refused_with_a_reason_and_leaves_nothing(door: Door, what: str) -> None:
    before = left(door)
    name, content = USELESS[what]
    reply = upload(door, content(), name)
    error = reply.json["error"]
    assert (reply.status, error["code"]) == (422, "upload_refused")
    assert re.match(r"\S.+\.$", error["message"]) and error["hint"] and str(door.daemon.home) not in json.dumps(error)
    assert left(door) == before


def test_two_gibibytes_are_refused_before_they_are_sent(door: Door) -> None:
    head = f"POST {door.root}uploads?name=x HTTP/1.1\r\nHost: {door.host}\r\nContent-Type: application/octet-stream\r\n"
    with socket.create_connection((door.address.hostname or "", door.address.port), 20) as connection:
        connection.sendall(f"{head}Content-Length: {2 << 30}\r\n\r\n".encode())
        assert b" 422 " in connection.recv(100)


def test_a_file_of_no_length_of_a_form_or_of_another_site_is_refused(door: Door) -> None:
    before = left(door)
    for headers, status in (
        ({"content-type": "multipart/form-data"}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ):
        assert upload(door, wav(), headers=headers).status == status
    assert left(door) == before


def test_a_file_that_is_cut_short_leaves_nothing(door: Door) -> None:
    before = left(door)
    head = f"POST {door.root}uploads?name=x HTTP/1.1\r\nHost: {door.host}\r\nContent-Type: application/octet-stream\r\n"
    with socket.create_connection((door.address.hostname or "", door.address.port), 20) as connection:
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode() + wav()[:500])
        until(lambda: left(door) != before)
    until(lambda: left(door) == before)


def events_of(door: Door, **message: Any) -> list[dict[str, Any]]:
    reply = door.post(message)
    assert reply.status == 200, reply.body
    return list(reply.json)


def test_a_message_names_uploads_and_stems_and_the_door_puts_their_paths_in(door: Door) -> None:
    about = upload(door, wav()).json
    here = str(folder(door) / about["upload"] / "Küche.wav")
    stem = str(door.daemon.data / "jobs/kept/result/stem-2.wav")
    like = [f"1:0:::upload:{about['upload']}", "2:10:20:8000:stem:kept:2"]
    (accepted,) = events_of(door, verb="separate", job="placed", clip=f"upload:{about['upload']}", like=like)
    assert accepted["event"] == "accepted"
    request = requested(door, "placed")
    assert request["clip"] == here and request["like"] == [f"1:0:::{here}", f"2:10:20:8000:{stem}"]
    stems = [f"0:::upload:{about['upload']}", "0:::stem:kept:2"]
    events_of(door, verb="adopt", job="adopted", clip=f"upload:{about['upload']}", stem=stems)
    assert requested(door, "adopted")["stem"] == [f"0:::{here}", f"0:::{stem}"]
    for clip, code in {"upload:" + "0" * 16: "unknown_upload", "upload:..": "unknown_upload"}.items():
        assert door.post({"verb": "separate", "clip": clip}).code == code
    assert door.post({"verb": "separate", "clip": "stem:kept:9"}).code == "unknown_session"
    assert door.post({"verb": "separate", "clip": "stem:../kept:1"}).code == "bad_request"


def requested(door: Door, job: str) -> dict[str, Any]:
    with closing(sqlite3.connect(door.daemon.data / "jobs.sqlite")) as table:
        (text,) = table.execute("SELECT request FROM jobs WHERE id = ?", (job,)).fetchone()
    return dict(json.loads(text))


def results(door: Door) -> dict[str, dict[str, Any]]:
    *listed, last = events_of(door, verb="results")
    assert last["result"] == "" and last["results"] == len(listed)
    return {event["result"]: event for event in listed}


def test_a_result_is_renamed_and_saved_under_its_new_name(door: Door) -> None:
    (told,) = events_of(door, verb="rename", job="renamed", title="Crow / tabla")
    assert told == results(door)["renamed"] and told["title"] == "Crow / tabla"
    reply = door.get("sessions/renamed/files/2")
    assert unquote(reply.headers["content-disposition"]).endswith("''Crow _ tabla - stem 2.wav")
    assert reply.body == (door.daemon.data / "jobs/renamed/result/stem-2.wav").read_bytes()
    archive = zipfile.ZipFile(io.BytesIO(door.get("sessions/renamed/files").body))
    assert archive.testzip() is None
    assert archive.namelist() == ["Crow _ tabla - stem 1.wav", "Crow _ tabla - stem 2.wav"]
    assert archive.read("Crow _ tabla - stem 2.wav") == reply.body
    assert door.get("sessions/renamed/files/3").code == "unknown_session"
    assert door.post({"verb": "rename", "job": "nobody", "title": "x"}).code == "unknown_job"


def test_a_result_is_not_called_after_stems_with_names_of_their_own_but_they_are_saved_after_it(door: Door) -> None:
    assert results(door)["song"]["title"] == "song"
    archive = zipfile.ZipFile(io.BytesIO(door.get("sessions/song/files").body))
    assert archive.namelist() == ["song - vocals.wav", "song - drums.wav"]


def test_an_upload_goes_with_the_last_of_its_results(door: Door) -> None:
    name = upload(door, wav()).json["upload"]
    for job in ("first", "last"):
        events_of(door, verb="separate", job=job, label="ok", clip=f"upload:{name}")
        until(lambda job=job: job in results(door))
    assert results(door)["first"]["upload"] and results(door)["first"]["kept"]
    assert events_of(door, verb="remove", job="first") == [{"event": "removed", "job": "first"}]
    assert (folder(door) / name).exists() and not (door.daemon.data / "jobs" / "first").exists()
    events_of(door, verb="remove", job="last")
    assert name not in " ".join(left(door)) and not {"first", "last"} & results(door).keys()


def test_a_page_is_told_of_every_job(door: Door) -> None:
    connection = http.client.HTTPConnection(door.address.hostname or "", door.address.port, timeout=20)
    connection.request("GET", f"{door.root}events?jobs=all")
    answer = connection.getresponse()

    def told() -> dict[str, Any]:
        while not (line := answer.readline().decode()).startswith("data: "):
            pass
        return dict(json.loads(line.removeprefix("data: ")))

    assert told()["event"] == "welcome"
    events_of(door, verb="separate", job="heard", label="ok", clip="/clip.wav")
    events = [told()]
    while events[-1]["event"] != "done":
        events.append(told())
    assert events[0] == {"event": "accepted", "job": "heard", "verb": "separate"}
    events_of(door, verb="rename", job="heard", title="Loud")
    assert (named := told())["event"] == "result" and named["title"] == "Loud"
    events_of(door, verb="remove", job="heard")
    assert told() == {"event": "removed", "job": "heard"}
    connection.close()


def test_files_in_a_folder_that_was_named_stay(door: Door) -> None:
    out = door.daemon.home / "out-named"
    events_of(door, verb="separate", job="named", label="ok", clip="/clip.wav", out=str(out))
    until(lambda: "named" in results(door))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert before and not results(door)["named"]["kept"]
    events_of(door, verb="remove", job="named")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before and "named" not in results(door)


def test_what_is_under_way_is_not_removed_and_neither_is_what_it_needs(door: Door) -> None:
    name = upload(door, wav()).json["upload"]
    events_of(door, verb="separate", job="needed", label="ok", clip=f"upload:{name}")
    until(lambda: "needed" in results(door))
    events_of(door, verb="separate", job="running", label="wait", clip="stem:needed:1")
    assert [door.post({"verb": "remove", "job": job}).code for job in ("running", "needed")] == ["bad_request"] * 2
    door.daemon.go("running")
    until(lambda: "running" in results(door))
    events_of(door, verb="remove", job="needed")
    assert door.post({"verb": "remove", "job": "needed"}).code == "unknown_job"


def test_what_did_not_arrive_before_the_daemon_ended_is_gone_with_the_next(tmp_path: Path) -> None:
    half = tmp_path / "data" / "uploads" / ("ab" * 8)
    half.mkdir(parents=True)
    (half / "clip.wav").write_bytes(b"RIFF")
    others = half.with_name("mine")
    others.mkdir()
    process = Process(tmp_path, "-m", STUB)
    process.client.close()
    assert process.end() == 0
    assert not half.exists() and others.exists()
