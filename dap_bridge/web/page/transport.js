// Playing: the buttons, the clock and the playhead, what is played alone, and a stretch that is looped by dragging on the time
// axis.
// Owns `loop`, `playing`, `until`, `only`, `preroll` and `whole`; listens to them, to `boxes`, `position` and `view`; changes
// them, and the playhead.

import { byId, clicks, STILL } from "./dom.js";
import { habits } from "./habits.js";
import { say } from "./status.js";
import { clock } from "./words.js";

const PREROLLS = ["0", "0.5", "1", "2"];

export function showTransport(state) {
  const { boxes, view } = state;
  /** What is chosen: a box, else a stretch of time; or null. */
  const selection = () => boxes.current ?? state.stretch;
  /** The time before, but for a box that is heard alone: it is silent there. */
  const before = (seconds) => Math.max(0, seconds - (state.only ? 0 : state.preroll));

  function begin(seconds, until) {
    if (!state.playable) return;
    state.seek(before(seconds));
    state.set({ playing: true, until });
  }

  function play() {
    if (state.playing) state.set({ playing: false, until: null });
    else if (state.preroll) begin(state.position / state.opened.rate, null);
    else if (state.playable) state.set({ playing: true, until: null });
  }

  const playView = () => begin(view.start, null);

  function playSelection() {
    const { start, end } = selection() ?? view;
    begin(start, end);
  }

  /** Nothing but what lies in the selected box is heard, or all again. */
  function solo() {
    if (state.only) return state.set({ only: null });
    if (!boxes.current) return say("Select a box first: what lies in it is then heard alone.");
    state.set({ only: inside(boxes.current) });
    return playSelection();
  }

  const whole = () => state.set({ whole: !state.whole });
  const change = (values) => state.set({ loop: { ...state.loop, ...values } });
  const loop = () => change({ looping: !state.loop.looping });
  const loopAll = () => change({ start: 0, end: state.seconds });

  function loopBox() {
    if (!boxes.current) return loopAll();
    const { start, end } = boxes.current;
    change({ start, end });
    return state.seek(start);
  }

  function follow() {
    byId("solo-box").disabled = !boxes.current && !state.only;
    if (!state.only) return;
    const now = boxes.current && inside(boxes.current);
    if (!now || Object.keys(now).some((edge) => now[edge] !== state.only[edge])) state.set({ only: now });
  }

  function show() {
    const pressed = { loop: state.loop.looping, "solo-box": state.only, whole: state.whole };
    for (const [id, on] of Object.entries(pressed)) byId(id).setAttribute("aria-pressed", String(Boolean(on)));
    byId("preroll").value = String(state.preroll);
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

  const { preroll } = habits.kept;
  if (PREROLLS.includes(preroll)) state.set({ preroll: Number(preroll) });
  byId("preroll").addEventListener("change", ({ target }) => {
    state.set({ preroll: Number(target.value) });
    habits.keep({ preroll: target.value });
  });
  clicks({ play, loop, "loop-box": loopBox, "play-view": playView, "play-selection": playSelection, "solo-box": solo, whole });
  listenToAxis(byId("times"));
  state.on("loop playing only whole preroll", show);
  state.on("position view", move);
  state.on("boxes only", follow);
  show();
  move();
  follow();
  return { play, loop, loopBox, playView, playSelection, soloBox: solo, whole };
}

/** Of a box, what is heard. */
const inside = ({ start, end, low, high }) => ({ start, end, low, high });
