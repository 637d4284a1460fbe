"""What libsndfile does not read, decoded by an ffmpeg that the user has: the first sound of a file, at its own rate."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO

from ...errors import ClipUnreadable
from .decoded import Decoded, scratch, unwritable

INSTALL = "Installing ffmpeg, so that it is on the PATH, lets m4a, wma, WavPack, video and more be read."
# Nothing written for so long: it waits for something that does not come.
STALLED_S = 20.0
POLL_S = 0.1
# Its demuxers that read one file and follow no names written in it, as playlists do.
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,ast,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,mxf,ogg,oma,rm,shn,tak,truehd,tta,voc,w64,wav,wv,xwma"
)
# No network, no other file; said to ffmpeg and ffprobe alike, before the file's name.
_READING = ("-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i")
# Frames that an encoder fills up at most, so that its last block is whole.
CODEC_BLOCK = 4096
AU = struct.Struct(">4sIIIII")


def command() -> str | None:
    """Where ffmpeg is, None where it is not."""
    return shutil.which("ffmpeg")


def rate(path: Path) -> int:
    """Hz. Raises ClipUnreadable."""
    decoded, _ = _decode(path, lambda: None, "-frames:a", "1")
    decoded.close()
    return decoded.rate


def decode(path: Path, checkpoint: Callable[[], None]) -> tuple[Decoded, str]:
    """The sound, and what ffmpeg complained of last, empty where it did not.

    checkpoint is called again and again meanwhile, and may raise. Raises ClipUnreadable, OutputUnwritable.
    """
    decoded, complaint = _decode(path, checkpoint)
    length = _length(path, decoded)
    if length is not None and 0 < decoded.frames - length <= CODEC_BLOCK:
        decoded.frames = length
    return decoded, complaint


def _decode(path: Path, checkpoint: Callable[[], None], *options: str) -> tuple[Decoded, str]:
    asked = [
        command() or "ffmpeg",
        *("-nostdin", *_READING, f"file:{path.absolute()}", "-map", "0:a:0", *options),
        # Big-endian floats behind rate and channels, of a length that need not be known: fit for a pipe.
        *("-map_metadata", "-1", "-f", "au", "-c:a", "pcm_f32be", "pipe:1"),
    ]
    target = scratch()
    try:
        with scratch() as complaints:
            try:
                status = _run(path, asked, target, complaints, checkpoint)
            except OSError as error:
                raise unwritable(error) from error
            complaint = _last_line(complaints, path)
        decoded = _behind_header(target)
        if decoded is None or (status != 0 and decoded.frames == 0):
            raise ClipUnreadable(f"{path} is not audio that can be read: ffmpeg says: {complaint or 'nothing'}.")
        return decoded, complaint
    except BaseException:
        with suppress(OSError):
            target.close()
        raise


def _length(path: Path, decoded: Decoded) -> int | None:
    """Frames of the sound as an MPEG-4 file says; ffmpeg gives whole blocks of the codec.

    None where it is no such file, or there is no ffprobe to tell.
    """
    probe = shutil.which("ffprobe")
    if probe is None:
        return None
    asked = [probe, *_READING, f"file:{path.absolute()}", "-select_streams", "a:0", "-of", "json"]
    asked += ["-show_entries", "stream=duration_ts,time_base:format=format_name"]
    try:
        told = json.loads(
            subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=STALLED_S).stdout
        )
        if "mp4" not in told["format"]["format_name"].split(","):
            return None
        stream = told["streams"][0]
        length: int = round(stream["duration_ts"] * Fraction(stream["time_base"]) * decoded.rate)
        return length
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, IndexError, TypeError, ArithmeticError):
        return None


def _run(path: Path, asked: list[str], target: IO[bytes], complaints: IO[bytes], checkpoint: Callable[[], None]) -> int:
    """Have what ffmpeg writes in `target`; returns its exit status."""
    try:
        process = subprocess.Popen(asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)
    except OSError as error:
        raise ClipUnreadable(f"ffmpeg cannot be run: {error.strerror}.", INSTALL) from error
    with process, ThreadPoolExecutor(1) as pump:
        copied = pump.submit(_copy, process, target)
        try:
            _wait(path, copied, target, checkpoint)
        except BaseException:
            process.kill()
            raise
        return process.wait()


def _copy(process: subprocess.Popen[bytes], target: IO[bytes]) -> None:
    assert process.stdout is not None
    shutil.copyfileobj(process.stdout, target, 1 << 18)
    target.flush()


def _wait(path: Path, copied: Future[None], target: IO[bytes], checkpoint: Callable[[], None]) -> None:
    size, since = 0, time.monotonic()
    while True:
        checkpoint()
        try:
            return copied.result(timeout=POLL_S)
        except TimeoutError:
            now = target.tell()
            if now > size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                raise ClipUnreadable(f"{path} cannot be read: ffmpeg has waited for {STALLED_S:g} s.") from None


def _behind_header(file: IO[bytes]) -> Decoded | None:
    """The samples that ffmpeg wrote, None where it wrote none."""
    file.seek(0)
    head = file.read(AU.size)
    if len(head) < AU.size:
        return None
    _, first, _, _, hz, channels = AU.unpack(head)
    return Decoded(file, hz, channels, first, ">f4") if hz and channels else None


def _last_line(complaints: IO[bytes], path: Path) -> str:
    """What ffmpeg said last, without the file's name and its own addresses."""
    complaints.seek(0, 2)
    complaints.seek(max(0, complaints.tell() - 4096))
    lines = [line for line in complaints.read().decode(errors="replace").splitlines() if line.strip()]
    said = lines[-1].replace(f"file:{path.absolute()}: ", "") if lines else ""
    return re.sub(r"^\[[^\]]*\] ", "", said).strip().rstrip(".")
