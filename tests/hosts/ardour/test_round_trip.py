"""From selected regions to stems on new tracks, in the real program; read back from the saved session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.signal.windows import blackmanharris

from tests.hosts.ardour.conftest import Start
from tests.hosts.ardour.host import COSEPARATE, DEACTIVATE, DENOISE, EXTEND, audio_of
from tests.hosts.sound import NULL_DB, null_db, recording
from tests.processes import until

WAIT_S = 60.0
# Samples at 48 kHz: where regions stand, and how long one is to become.
BELLS = {1: 12 * 48000, 2: 15 * 48000 + 11}
RAIN = 21 * 48000 + 3
EXTENDED = 2 * 48000 + 1234
EDITED = 26 * 48000 + 5
# A box, relative to the region, and a copy of a part of a stem.
BOX = (24000, 48000)
BAND_HZ = (1000, 4000)
COPY, COPY_START, COPY_FRAMES = 30 * 48000 + 1, 10007, 30011
# A start alone may take long on a busy machine.
pytestmark = pytest.mark.timeout(600)


@dataclass
class Session:
    """A session as read back after it was saved and closed, and what was imported into it: (frames, channels)."""

    state: dict[str, Any]
    clips: dict[str, np.ndarray]

    def track(self, name: str) -> dict[str, Any]:
        return next(track for track in self.state["tracks"] if track["name"] == name)

    def names(self) -> list[str]:
        return [track["name"] for track in self.state["tracks"]]

    def versions(self, track: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Of a track whose mask was corrected: the region of before, and that of now."""
        regions = [one for one in self.track(track)["regions"] if one["position"] == EDITED]
        before, now = sorted(regions, key=lambda one: bool(one["muted"]), reverse=True)
        return before, now

    def region(self, track: str) -> dict[str, Any]:
        (region,) = self.track(track)["regions"]
        return region


def bells(rate: int) -> list[np.ndarray]:
    """Two mixtures, (frames, 1): noise with the same bell in each, somewhere else every time."""
    random, time = np.random.default_rng(3), np.arange(rate) / rate
    bell = 0.3 * np.exp(-4 * time) * (np.sin(2 * np.pi * 700 * time) + np.sin(2 * np.pi * 1930 * time))
    mixtures = []
    for number in (1, 2):
        samples = 0.02 * number * random.standard_normal(2 * rate)
        samples[number * 6000 : number * 6000 + rate] += bell
        mixtures.append(samples.astype(np.float32)[:, None])
    return mixtures


def level_in_the_box(audio: np.ndarray) -> float:
    """Root mean square of the middle of the box, in time and frequency, that was drawn; audio: (frames, channels)."""
    inside = audio[BOX[0] + 4800 : BOX[1] - 4800, 0]
    spectrum = np.abs(np.fft.rfft(inside * blackmanharris(len(inside))))
    hertz = np.fft.rfftfreq(len(inside), 1 / 48000)
    return float(np.sqrt(np.mean(spectrum[(hertz > 1.3 * BAND_HZ[0]) & (hertz < BAND_HZ[1] / 1.3)] ** 2)))


@pytest.fixture(scope="module")
def session(start_ardour: Start) -> Session:
    """48 kHz: a mono region with an offset and a stereo one separated at once, then one with gain and fades; two that
    share a bell, one of them with an offset; one to denoise; one to extend; and a stereo one whose mask is corrected
    once a part of its second stem has been copied.
    """
    ardour = start_ardour(48000, "My song 🎹")
    second = ardour.rate
    clips = {
        "mono": ardour.bring_in("mono", recording(48000, 1, 3), 2 * second),
        "stereo": ardour.bring_in("stereo", recording(48000, 2, 2), 5 * second + 7),
        "shaped": ardour.bring_in("shaped", recording(48000, 1, 2), 9 * second),
    }
    for number, bell in enumerate(bells(second), 1):
        clips[f"bell {number}"] = ardour.bring_in(f"bell {number}", bell, BELLS[number])
    clips["talk"] = ardour.bring_in("talk", bells(second)[0][:second], 18 * second)
    rain = 0.1 * np.random.default_rng(0).standard_normal((second, 2))
    clips["rain"] = ardour.bring_in("rain", rain.astype(np.float32), RAIN)
    ardour.lua(
        "for track in Session:get_tracks():iter() do\n"
        " for region in track:to_track():playlist():region_list():iter() do\n"
        " local audio = region:to_audioregion()\n"
        " if region:name() == 'mono' then region:trim_front(Temporal.timepos_t(2 * 48000 + 12345)) end\n"
        " if region:name() == 'bell 2' then region:trim_front(Temporal.timepos_t(15 * 48000 + 11 + 5000)) end\n"
        " if region:name() == 'shaped' then audio:set_scale_amplitude(0.5) audio:set_fade_in_length(9600) end\n"
        "end end"
    )
    ardour.separate("mono", "stereo")
    ardour.separate("shaped")
    ardour.do("Editor/zoom-to-session")
    ardour.lua("return true")
    ardour.display.picture("ardour-stems")
    ardour.select("bell 1", "bell 2")
    ardour.act(COSEPARATE)
    ardour.select("talk")
    ardour.act(DENOISE)
    ardour.select_range("rain", RAIN + 4800, RAIN + EXTENDED)
    ardour.act(EXTEND)
    clips["edited"] = ardour.bring_in("edited", recording(48000, 2, 2), EDITED)
    ardour.separate("edited")
    ardour.lua(
        "local playlist = Session:route_by_name('edited - stem 2'):to_track():playlist()\n"
        "for region in playlist:region_list():iter() do\n"
        " local copy = ARDOUR.RegionFactory.clone_region(region, true, false)\n"
        " region:set_name('mine')\n"
        f" copy:set_length(Temporal.timecnt_t({COPY_FRAMES})) copy:set_start(Temporal.timepos_t({COPY_START}))\n"
        f" playlist:add_region(copy, Temporal.timepos_t({COPY}), 1, false, 0, 0, false)\n"
        "end"
    )
    ardour.remember(refine_low=BAND_HZ[0], refine_high=BAND_HZ[1])
    ardour.select_range("edited - stem 1", EDITED + BOX[0], EDITED + BOX[1])
    ardour.edit(DEACTIVATE)
    until(lambda: not ardour.waiting(), WAIT_S)
    ardour.quit()
    return Session(ardour.headless.read_session(ardour.session), clips)


def test_tracks_stand_below_their_source_in_order(session: Session) -> None:
    stems = [f"{name} - stem {number}" for name in ("mono", "stereo", "shaped") for number in (1, 2)]
    assert session.names() == [
        "mono", *stems[:2], "stereo", *stems[2:4], "shaped", *stems[4:],
        "bell 1", "bell 1 - shared", "bell 1 - own", "bell 2", "bell 2 - shared", "bell 2 - own", "Shared sound",
        "talk", "talk - speech", "talk - noise", "rain", "rain - texture 1",
        "edited", "edited - stem 1", "edited - stem 2",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "position", "start", "frames"), [
    ("mono", 2 * 48000 + 12345, 12345, 3 * 48000 - 12345), ("stereo", 5 * 48000 + 7, 0, 2 * 48000),
])  # fmt: skip
def test_stems_sum_to_the_region_where_it_is(
    session: Session, name: str, position: int, start: int, frames: int
) -> None:
    stems = [session.region(f"{name} - stem {number}") for number in (1, 2)]
    for stem in stems:
        assert (stem["position"], stem["start"], stem["frames"]) == (position, 0, frames)
        assert stem["name"].startswith(f"{name} - stem ")
    clip = session.clips[name][start : start + frames]
    assert all(audio_of(stem).shape == clip.shape for stem in stems)
    assert null_db(sum(map(audio_of, stems)), clip) <= NULL_DB
    late = np.roll(clip, 1, axis=0)
    assert null_db(sum(map(audio_of, stems)), late) > NULL_DB
    assert session.region(name)["muted"]


def test_gain_and_fades_are_separated_as_heard(session: Session) -> None:
    stems = [session.region(f"shaped - stem {number}") for number in (1, 2)]
    total = sum(map(audio_of, stems))
    clip = session.clips["shaped"]
    inside = slice(9600, -64)
    assert null_db(total[inside], 0.5 * clip[inside]) <= NULL_DB
    assert np.abs(total[0]).max() < 1e-4
    assert np.mean(total[:4800] ** 2) < 0.2 * np.mean((0.5 * clip[:4800]) ** 2)
    assert not any(stem["fade_in"] or stem["fade_out"] for stem in stems)


def test_stems_are_a_group_that_changes_no_sound(session: Session) -> None:
    groups = {group["name"]: group for group in session.state["groups"]}
    assert groups["mono stems"]["tracks"] == ["mono - stem 1", "mono - stem 2"]
    assert not any(group["gain"] or group["mute"] for group in groups.values())


def test_nothing_is_left_of_the_waiting(session: Session) -> None:
    assert session.state["markers"] == []


@pytest.mark.parametrize(("name", "position", "start"), [("bell 1", BELLS[1], 0), ("bell 2", BELLS[2] + 5000, 5000)])
def test_what_regions_share_and_the_rest_stand_where_each_is(
    session: Session, name: str, position: int, start: int
) -> None:
    stems = [session.region(f"{name} - {part}") for part in ("shared", "own")]
    clip = session.clips[name][start:]
    assert {(stem["position"], stem["frames"]) for stem in stems} == {(position, len(clip))}
    assert null_db(sum(map(audio_of, stems)), clip) <= NULL_DB
    assert session.region(name)["muted"]
    groups = {group["name"]: group["tracks"] for group in session.state["groups"]}
    assert groups[f"{name} stems"] == [f"{name} - shared", f"{name} - own"]


def test_the_shared_sound_by_itself_starts_with_the_first_region(session: Session) -> None:
    shared = session.region("Shared sound")
    assert shared["position"] == BELLS[1]
    assert np.abs(audio_of(shared)).max() > 0


def test_speech_and_noise_sum_to_the_region(session: Session) -> None:
    speech, noise = (session.region(f"talk - {role}") for role in ("speech", "noise"))
    assert {(stem["position"], stem["frames"]) for stem in (speech, noise)} == {(18 * 48000, 48000)}
    assert null_db(audio_of(speech) + audio_of(noise), session.clips["talk"]) <= NULL_DB
    assert session.region("talk")["muted"]


def test_a_texture_starts_as_the_region_and_ends_with_the_range(session: Session) -> None:
    longer = session.region("rain - texture 1")
    assert (longer["position"], longer["frames"]) == (RAIN, EXTENDED)
    audio, clip = audio_of(longer), session.clips["rain"]
    assert null_db(audio[: len(clip) // 2], clip[: len(clip) // 2]) <= NULL_DB
    assert np.std(audio[len(clip) :]) > 0.01
    assert session.region("rain")["muted"]


def test_a_corrected_mask_is_a_new_version_above_the_old_one(session: Session) -> None:
    versions = [session.versions(f"edited - stem {number}") for number in (1, 2)]
    for before, now in versions:
        assert (before["muted"], now["muted"]) == (True, False)
        assert now["layer"] > before["layer"]
        for name in ("position", "start", "frames", "gain"):
            assert now[name] == before[name]
    clip = session.clips["edited"]
    assert null_db(sum(audio_of(before) for before, _ in versions), clip) <= NULL_DB
    assert null_db(sum(audio_of(now) for _, now in versions), clip) <= NULL_DB
    before, now = (level_in_the_box(audio_of(region)) for region in versions[0])
    assert now < 1e-3 * before


def test_a_part_of_a_stem_elsewhere_is_corrected_too(session: Session) -> None:
    regions = [one for one in session.track("edited - stem 2")["regions"] if one["position"] == COPY]
    before, now = sorted(regions, key=lambda one: bool(one["muted"]), reverse=True)
    assert (before["muted"], now["muted"]) == (True, False)
    assert (now["start"], now["frames"]) == (before["start"], before["frames"]) == (COPY_START, COPY_FRAMES)
    whole = audio_of(session.versions("edited - stem 2")[1])
    assert np.array_equal(audio_of(now), whole[COPY_START : COPY_START + COPY_FRAMES])
    assert not np.array_equal(audio_of(now), audio_of(before))
