// The whole clip as a waveform, and on it the stretch that is looked at: dragged, it moves the view; at its edges, resizes it.
// Listens to `view`, `position` and `loop`; changes `view`.

import { loadWaveform } from "./api.js";
import { prepared } from "./axes.js";
import { onThemeChange } from "./colours.js";
import { byId, eachFrame } from "./dom.js";
import { attempt } from "./status.js";
import { clock } from "./words.js";

/** Pixels from an edge of the window that are meant for the edge. */
const NEAR = 7;

export function showOverview(state) {
  const { view } = state;
  const [place, canvas] = [byId("overview"), byId("waveform")];
  let extremes = new Float32Array();
  const xOf = (seconds) => (seconds / state.seconds) * place.clientWidth;

  const draw = eachFrame(() => {
    const context = prepared(canvas);
    const style = getComputedStyle(canvas);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (state.stretch) {
      context.fillStyle = style.getPropertyValue("--line");
      context.fillRect(xOf(state.loop.start), 0, Math.max(1, xOf(state.loop.end) - xOf(state.loop.start)), height);
    }
    context.fillStyle = style.getPropertyValue("--edge");
    const columns = extremes.length / 2;
    const loudest = extremes.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const y = (value) => (height / 2) * (1 - (0.94 * value) / loudest);
    for (let x = 0; x < width && columns; x++) {
      const [from, to] = [Math.floor((x * columns) / width), Math.max(Math.ceil(((x + 1) * columns) / width), 1)];
      let [least, most] = [Infinity, -Infinity];
      for (let column = from; column < Math.min(to, columns); column++) {
        least = Math.min(least, extremes[2 * column]);
        most = Math.max(most, extremes[2 * column + 1]);
      }
      context.fillRect(x, y(most), 1, Math.max(1, y(least) - y(most)));
    }
    context.fillStyle = style.getPropertyValue("--text");
    context.fillRect(xOf(state.position / state.opened.rate), 0, 1, height);
    showWindow();
  });

  function showWindow() {
    const [left, right] = [xOf(view.start), xOf(view.end)];
    Object.assign(byId("window").style, { left: `${left}px`, width: `${Math.max(3, right - left)}px` });
    const share = (100 * view.start) / Math.max(1e-9, state.seconds - (view.end - view.start));
    place.setAttribute("aria-valuenow", String(Math.round(Math.min(100, share))));
    place.setAttribute("aria-valuetext", `${clock(view.start)} to ${clock(view.end)}`);
  }

  function listen() {
    let held = null; // {part, from: seconds, start, end}
    const at = (event) => ((event.clientX - place.getBoundingClientRect().left) / place.clientWidth) * state.seconds;

    /** Which part of the window a pointer takes; beside it, the window comes to the pointer first. */
    function partAt(seconds) {
      const near = (edge) => Math.abs(xOf(edge) - xOf(seconds)) < NEAR;
      const narrow = xOf(view.end) - xOf(view.start) < 3 * NEAR;
      if (near(view.end) && !(narrow && seconds < view.end)) return "end";
      if (near(view.start) && !(narrow && seconds > view.start)) return "start";
      return "middle";
    }

    place.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const from = at(event);
      const part = partAt(from);
      if (part === "middle" && (from < view.start || from > view.end)) {
        const half = (view.end - view.start) / 2;
        view.setTimes(from - half, from + half);
      }
      place.setPointerCapture(event.pointerId);
      view.held = true;
      held = { part, from, start: view.start, end: view.end };
    });
    place.addEventListener("pointermove", (event) => {
      if (!held) {
        place.dataset.part = partAt(at(event));
        return;
      }
      const moved = at(event) - held.from;
      if (held.part === "start") view.setTimes(Math.min(Math.max(0, held.start + moved), held.end), held.end);
      else if (held.part === "end") view.setTimes(held.start, Math.max(held.start, Math.min(state.seconds, held.end + moved)));
      else view.setTimes(held.start + moved, held.end + moved);
    });
    const release = () => {
      held = null;
      view.held = false;
    };
    place.addEventListener("pointerup", release);
    place.addEventListener("pointercancel", release);
    place.addEventListener("dblclick", () => view.setTimes(0, state.seconds));
  }

  async function load() {
    extremes = await loadWaveform(state.opened);
    draw();
  }

  listen();
  state.on("view position loop", draw);
  onThemeChange(draw);
  new ResizeObserver(draw).observe(place);
  attempt(load);
}
