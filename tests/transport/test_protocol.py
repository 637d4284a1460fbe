"""The table: what is well-formed arrives as it was sent by either door, what is not is refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from dap_bridge import messages
from dap_bridge.errors import BadRequest
from dap_bridge.transport import control, events, osc, protocol
from dap_bridge.verbs.adopt.request import Adopt
from dap_bridge.verbs.choose.request import Choose
from dap_bridge.verbs.coseparate.request import Coseparate
from dap_bridge.verbs.denoise.request import Denoise
from dap_bridge.verbs.refine.request import Refine
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from dap_bridge.verbs.undo.request import Undo

CLIP = {"clip": "/music/é 日本.wav"}
BOX = "stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000"
EXAMPLES: list[messages.Message] = [
    control.Hello(reply_port=9000),
    control.Status(),
    control.Status(job="a"),
    control.Cancel(job="a"),
    control.Resume(job="a"),
    control.Import(job="a", session="b"),
    control.RenameStem(session="job-1", stem=2, to="Crow"),
    Separate(**CLIP),
    Separate(
        job="j-1",
        channel=("0:/x%L.wav", "1:/stereo:colon.wav"),
        start=2**40,
        frames=7,
        rate=44100,
        sources=3,
        preset="paper",
        seed=5,
        device="cpu",
        label="tab\tand\nnewline \\",
        format="24",
        out="/out",
    ),
    Refine(session="a", box=(BOX, BOX.replace("stem=1", "stem=2")), keep=False, fit=False, seed=3),
    Undo(session="/out/manifest.json"),
    Choose(session="a", alternative=2, label="é"),
    Separate(**CLIP, alternatives="auto", residual=True),
    Separate(**CLIP, alternatives="4"),
    control.ListSessions(),
    control.ListResults(),
    control.Rename(job="a", title="é"),
    control.Remove(job="a"),
    events.ResultEvent(result="a", verb="refine", state="done", title="é", seconds=1.5, ended=1_790_000_000, kept=True),
    events.Removed(job="a"),
    events.SessionEvent(session="a", label="é", clip="/c.wav", boxes=2, stored=True, manifest="/m.json"),
    Adopt(
        job="a",
        clip="/music/song.wav",
        stem=("0:::/music/vocals.wav", "12:48000:44100:"),
        stem_channel=("2:0:/music/band.wav",),
        labels=("vocals",),
        improve=True,
    ),
    Coseparate(
        item=("0:::/a:b.wav", "7:9:48000:"),
        channel=("2:0:/l.wav", "2:1:/r.wav"),
        labels=("é", ""),
    ),
    Denoise(**CLIP, strength=0.25, swap=True, preset="denoise"),
    Texture(
        job="t",
        channel=("0:/a.wav",),
        mode="fill",
        length=44_100,
        after_channel=("1:/b.wav",),
        after_start=3,
        after_frames=5,
        variation=0.25,
        variations=4,
    ),
    events.Welcome(version="1", pid=1, device="", device_reason="", spool="/s", jobs=0),
    events.Accepted(job="a", verb="separate"),
    events.Queued(job="a", place=2, behind="b", behind_verb="separate", seconds=4.5),
    events.Progressed(
        job="a", fraction=0.5, stage="s", iteration=1, iterations=2, seconds_left=-1, device="cpu", device_reason="é"
    ),
    events.Done(job="a", manifest="/m.json"),
    events.Done(job="a", manifest="/m.json", stem=("1:shared:2:stem-1.wav:a: é", "2:source::stem-2.wav:b")),
    events.Failed(job="", code="c", message="m", hint=""),
    events.CancelledEvent(job="a"),
    events.Interrupted(job="a"),
    events.Chosen(job="a", session="b", manifest="/m.json"),
    events.Renamed(session="job-1", stem=2, to="Crow"),
    events.StatusEvent(job="a", verb="separate", state="running"),
]


def by_osc(message: messages.Message) -> messages.Message:
    (received,) = osc.decode(osc.encode(message))
    if isinstance(message, events.Event):
        return protocol.parse_event(received.address, received.params)
    return protocol.parse(*protocol.osc_fields(received.address, received.params))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_by_osc_as_it_was_sent(message: messages.Message) -> None:
    assert by_osc(message) == message


def test_every_verb_and_event_has_been_tried() -> None:
    assert {type(message) for message in EXAMPLES} == {*protocol.VERBS.values(), *events.EVENTS.values()}


def test_both_doors_read_the_same_request() -> None:
    fields = {"channel": ["0:/a.wav", "1:/b.wav"], "start": 3, "label": "é"}
    arguments = ["channel", "0:/a.wav", "channel", "1:/b.wav", "start", 3.0, "label", "é"]
    by_file = protocol.parse_object({"verb": "separate", **fields})
    assert protocol.parse(*protocol.osc_fields("/dap/separate", arguments)) == by_file


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "either clip or channel"),
        ({**CLIP, "channel": ["0:/a.wav"]}, "either clip or channel"),
        ({"clip": "relative.wav"}, "absolute"),
        ({"clip": "/nul\0.wav"}, "zero character"),
        ({"channel": ["0:relative.wav"]}, "absolute"),
        ({"channel": ["/a.wav"]}, "channel"),
        ({**CLIP, "sources": 1}, "sources"),
        ({**CLIP, "sources": 2.5}, "sources"),
        ({**CLIP, "sources": float("nan")}, "sources"),
        ({**CLIP, "seed": 10**30}, "seed"),
        ({**CLIP, "start": -1}, "start"),
        ({**CLIP, "device": "tpu"}, "device"),
        ({**CLIP, "job": "../etc"}, "job"),
        ({**CLIP, "job": "a\n"}, "job"),
        ({**CLIP, "preset": "/etc/passwd"}, "preset"),
        ({**CLIP, "sauces": 2}, "sauces"),
        ({"clip": "\ud800"}, "clip"),
        ({**CLIP, "\ud800": 1}, "UTF-8"),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_what_is_wrong(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(BadRequest) as refused:
        protocol.parse("separate", fields)
    assert word in refused.value.message
    refused.value.message.encode()  # fit to be sent


@pytest.mark.parametrize("value", [None, [], 1, "text", {}, {"verb": 1}, {"verb": "fly"}, {"verb": "\ud800"}])
def test_a_drop_file_that_is_no_request_is_refused(value: object) -> None:
    with pytest.raises(BadRequest) as refused:
        protocol.parse_object(value)
    refused.value.message.encode()


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("/other/hello", []),
        ("/dap/fly", []),
        ("/dap/separate", ["clip"]),
        ("/dap/separate", [1, 2]),
        ("/dap/separate", ["clip", "/a.wav", "clip", "/b.wav"]),
        ("/dap/separate", ["clip", ["/a.wav"]]),
        ("/dap/separate", ["clip", b"/a.wav\xff"]),
        ("/dap/separate", ["channel", None]),
    ],
)
def test_an_osc_message_that_is_no_request_is_refused(address: str, arguments: list[Any]) -> None:
    with pytest.raises(BadRequest):
        protocol.parse(*protocol.osc_fields(address, arguments))


def test_lines_hold_one_value_each_whatever_it_contains() -> None:
    text = protocol.as_lines(events.Failed(job="a", code="c", message="tab\there\nnew \\ line\r", hint=""))
    pairs = dict(line.split("\t") for line in text.splitlines())
    assert pairs["message"] == r"tab\there\nnew \\ line\r"
    assert pairs["event"] == "failed"


def test_what_a_job_is_does_not_depend_on_who_asks_or_by_what_name() -> None:
    assert Separate(**CLIP, job="a", reply_port=1).request() == Separate(**CLIP, job="b").request()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"item": ["0:::/a.wav"]}, "item"),
        ({"item": ["0:::/a.wav", "0:::"]}, "item 2"),
        ({"item": ["0:::/a.wav", "0:::/b.wav"], "channel": ["2:0:/b.wav"]}, "item 2"),
        ({"item": ["0:::/a.wav", "0:::/b.wav"], "channel": ["3:0:/b.wav"]}, "item 3"),
        ({"item": ["0:::/a.wav", "0:::b.wav"]}, "absolute"),
        ({"item": ["0:::/a.wav", "-1:::/b.wav"]}, "item"),
        ({"item": ["0:::/a.wav", "0:::/b.wav"], "labels": ["a", "b", "c"]}, "labels"),
    ],
)
def test_clips_that_are_not_named_once_each_are_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        protocol.parse("coseparate", fields)


@pytest.mark.parametrize("sent", [24, "24"])
def test_a_format_may_be_a_number(sent: object) -> None:
    verb = protocol.parse("separate", CLIP | {"format": sent})
    assert isinstance(verb, Separate)
    assert verb.format == "24"
    for other in (24.0, True, 8, "mp3"):
        with pytest.raises(BadRequest, match="'float32', '24', '16' or 'flac'"):
            protocol.parse("separate", CLIP | {"format": other})


@pytest.mark.parametrize("count", [3, "3"])
def test_so_many_alternatives_are_a_number_or_text(count: object) -> None:
    assert protocol.parse("separate", CLIP | {"alternatives": count}) == Separate(**CLIP, alternatives="3")


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("separate", CLIP | {"alternatives": 0}),
        ("separate", CLIP | {"alternatives": 5}),
        ("separate", CLIP | {"alternatives": "many"}),
        ("choose", {"session": "a", "alternative": 1}),
        ("choose", {"session": "a", "alternative": 5}),
        ("choose", {"session": "a"}),
    ],
)
def test_as_many_alternatives_as_there_cannot_be_are_refused(verb: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="alternative"):
        protocol.parse(verb, fields)
