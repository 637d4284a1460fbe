"""The mask editor's page, as a test handles it."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import soundfile
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.processes import Process

# The page's own player, mixing into memory in place of the loudspeaker. steps: [second, gains by stem].
RENDER = """
async ({ session, seconds, loop, start, steps }) => {
  const script = document.querySelector("script[type=module]").src;
  const { Player, keyOf } = await import(new URL("player.js", script));
  const { loadSession } = await import(new URL("api.js", script));
  const about = await loadSession(session);
  const context = new OfflineAudioContext(about.channels, Math.round(seconds * about.rate), about.rate);
  const player = await Player.create(context, about, () => {});
  const hear = (gains) =>
    player.hear(Object.fromEntries(about.stems.map((stem, k) => [keyOf(about, stem), gains[k]])), true);
  player.offer([about]);
  player.setLoop(...(loop ?? [0, about.frames]), loop !== null);
  player.seek(start);
  hear(steps[0][1]);
  player.play();
  await player.ready();
  const heeded = () => new Promise((done) => setTimeout(done, 100));
  for (const [second, gains] of steps.slice(1)) {
    context.suspend(second).then(async () => {
      hear(gains);
      await heeded();
      context.resume();
    });
  }
  await heeded();
  const rendered = await context.startRendering();
  const channels = Array.from({ length: about.channels }, (_, channel) => rendered.getChannelData(channel));
  const read = (blob) =>
    new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result.split(",")[1]);
      reader.readAsDataURL(blob);
    });
  return Promise.all(channels.map((samples) => read(new Blob([samples]))));
}
"""


class Editor:
    """One tab. `complaints`: what the browser has complained of, a refused connection apart."""

    def __init__(self, page: Page, daemon: Process, session: str) -> None:
        self.page, self.daemon, self.session = page, daemon, session
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "net::ERR_" not in message.text:
            self.complaints.append(message.text)

    def open(self) -> None:
        self.page.goto(self.daemon.editor + self.session)
        self.ready()

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("body[data-ready]")

    def seen(self) -> None:
        """Until the picture shows all that is looked at."""
        self.page.wait_for_selector("#field[aria-busy=false]")

    def pixels(self) -> np.ndarray:
        """What is seen of the spectrogram: (rows, columns, 3)."""
        picture = Image.open(BytesIO(self.by_id("field").screenshot()))
        return np.asarray(picture.convert("RGB"), dtype=int)

    def by_id(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    @property
    def boxes(self) -> list[str]:
        """What the boxes say, in words."""
        labels = self.page.locator("#boxes .box").evaluate_all("all => all.map((b) => b.getAttribute('aria-label'))")
        return [str(label) for label in labels]

    @property
    def box(self) -> dict[str, float]:
        """Edges of the selected box: seconds and Hz."""
        return {edge: float(self.by_id(f"box-{edge}").input_value()) for edge in ("start", "end", "low", "high")}

    @property
    def clock(self) -> float:
        """Seconds at the playhead."""
        minutes, seconds = re.match(r"(\d+):([\d.]+)", self.by_id("clock").inner_text()).groups()  # type: ignore[union-attr]
        return 60 * int(minutes) + float(seconds)

    @property
    def results(self) -> list[str]:
        return [text.strip() for text in self.page.locator("#results label").all_inner_texts()]

    @property
    def names(self) -> list[str]:
        """The sessions of the results."""
        values = self.page.locator("#results input[type=radio]").evaluate_all("all => all.map((one) => one.value)")
        return [str(value) for value in values]

    @property
    def shown(self) -> str:
        return self.page.locator("#results label:has(input:checked)").inner_text().strip()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Shares of the spectrogram's width and height -> the screen."""
        place = self.by_id("field").bounding_box()
        assert place is not None
        return place["x"] + x * place["width"], place["y"] + y * place["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse, between two points given as shares."""
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=5)
        mouse.up()

    def says(self, pattern: str) -> None:
        """Until the status line says so."""
        expect(self.by_id("status")).to_have_text(re.compile(pattern), timeout=60_000)

    def objections(self) -> str:
        """What axe-core objects to, in its words, once all colours are what they turn into."""
        return objections(self.page)

    def render(
        self,
        seconds: float,
        steps: list[tuple[float, list[float]]],
        loop: tuple[int, int] | None = None,
        start: int = 0,
        session: str | None = None,
    ) -> np.ndarray:
        """What the page would play from frame `start`: (channels, frames)."""
        arguments: dict[str, Any] = {"session": session or self.session, "seconds": seconds, "start": start}
        rendered = self.page.evaluate(RENDER, arguments | {"loop": loop, "steps": steps})
        return np.stack([np.frombuffer(b64decode(channel), "<f4") for channel in rendered])


def objections(page: Page) -> str:
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished))")
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


def read(daemon: Process, session: str) -> np.ndarray:
    """(stems, channels, frames) as they lie on disk."""
    folder = daemon.data / "jobs" / session / "result"
    stems = [soundfile.read(path, dtype="float32", always_2d=True)[0] for path in sorted(folder.glob("*.wav"))]
    return np.stack(stems).transpose(0, 2, 1)


def energy(stem: np.ndarray, start: float, end: float, rate: int = 44_100) -> float:
    """Of (channels, frames), between two seconds."""
    return float(np.sum(stem[:, round(start * rate) : round(end * rate)].astype(float) ** 2))
