// Playing: the buttons, the clock and the playhead, and a stretch that is looped by dragging on the time axis.
// Owns `loop` and `playing`; listens to them, to `position` and `view`; changes them, and the playhead.

import { byId, clicks, STILL } from "./dom.js";
import { clock } from "./words.js";

export function showTransport(state) {
  const { boxes, view } = state;

  function play() {
    if (state.playable) state.set({ playing: !state.playing });
  }

  const change = (values) => state.set({ loop: { ...state.loop, ...values } });
  const loop = () => change({ looping: !state.loop.looping });
  const loopAll = () => change({ start: 0, end: state.seconds });

  function loopBox() {
    if (!boxes.current) return loopAll();
    const { start, end } = boxes.current;
    change({ start, end });
    return state.seek(start);
  }

  function show() {
    byId("loop").setAttribute("aria-pressed", String(state.loop.looping));
    byId("play").textContent = state.playing ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", String(state.playing));
  }

  function move() {
    const seconds = state.position / state.opened.rate;
    byId("clock").textContent = `${clock(seconds)} / ${clock(state.seconds)}`;
    byId("playhead").style.transform = `translateX(${view.x(seconds)}px)`;
  }

  /** Dragging on the time axis loops a stretch; a click sets the playhead. */
  function listenToAxis(axis) {
    let from = null;
    const at = (event) => view.time(event.clientX - axis.getBoundingClientRect().left);
    const still = (event) => Math.abs(event.clientX - from.x) < STILL;
    axis.addEventListener("pointerdown", (event) => {
      axis.setPointerCapture(event.pointerId);
      from = { seconds: at(event), x: event.clientX };
    });
    axis.addEventListener("pointermove", (event) => {
      if (!from || still(event)) return;
      const [start, end] = [from.seconds, at(event)].sort((a, b) => a - b);
      change({ start, end });
    });
    axis.addEventListener("pointerup", (event) => {
      if (from && still(event)) state.seek(at(event));
      from = null;
    });
    axis.addEventListener("pointercancel", () => (from = null));
    axis.addEventListener("dblclick", loopAll);
  }

  clicks({ play, loop, "loop-box": loopBox });
  listenToAxis(byId("times"));
  state.on("loop playing", show);
  state.on("position view", move);
  show();
  move();
  return { play, loop, loopBox };
}
