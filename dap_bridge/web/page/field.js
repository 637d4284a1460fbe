// The spectrogram as something to touch: boxes are drawn, moved, resized with mouse, finger or keys; the view is moved.
// Changes `boxes`, `draft`, `view`, with a click the playhead, and with a drag of full height the `loop`; reads what
// dragging does from `tool`.

import { byId, STILL } from "./dom.js";
import { ARROWS } from "./keys.js";
import { focusBox } from "./layer.js";
import { moveBox } from "./moving.js";

const NUDGE = 8;
const FINE = 1;
/** Pixels from the upper and the lower edge that are meant for the edge. */
const NEAR = 12;

export function listenToField(state) {
  const field = new Field(state);
  return { newBox: () => field.addAt(state.position / state.opened.rate), onBox: (event) => field.key(event) };
}

class Field {
  constructor(state) {
    Object.assign(this, { state, view: state.view, boxes: state.boxes });
    this.place = byId("field");
    this.pointers = new Map();
    this.gesture = null;
    const on = (name, act, options) => this.place.addEventListener(name, act, options);
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("pointerup", (event) => this._up(event));
    on("pointercancel", (event) => this._up(event, true));
    on("wheel", (event) => this._wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
  }

  /** A new box in the middle of what is looked at, for whoever has no pointer. */
  addAt(seconds) {
    const { view } = this;
    const wide = (view.end - view.start) / 8;
    const start = Math.min(Math.max(seconds, view.start), view.end - wide);
    const [high, low] = [0.4, 0.6].map((share) => view.frequency(share * view.height));
    this._add({ start, end: start + wide, low, high });
  }

  /** A key on a focused box; gives whether it was one. Shift moves the far edges; Alt goes in fine steps. */
  key(event) {
    const box = this.boxes.current;
    const direction = ARROWS[event.key];
    if (!box || !event.target.closest(".box") || !direction || event.ctrlKey || event.metaKey) return false;
    const step = event.altKey ? FINE : NUDGE;
    moveBox(this.state, box, direction[0] * step, direction[1] * step, event.shiftKey ? ["end", "high"] : null, "key");
    return true;
  }

  _at(event) {
    const { left, top } = this.place.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  _down(event) {
    if (event.button > 1) return;
    const at = this._at(event);
    this.pointers.set(event.pointerId, at);
    this.place.setPointerCapture(event.pointerId);
    this.view.held = true;
    if (this.pointers.size === 2) return this._beginPinch();
    const shown = event.target.closest(".box:not(#draft)");
    const handle = event.target.closest(".handle");
    event.preventDefault(); // no selection of text; the focus is set here
    if (shown && event.button === 0) {
      shown.focus();
      const box = this.boxes.current;
      const edges = handle ? [handle.dataset.x, handle.dataset.y] : null;
      this.gesture = { kind: "edit", box, edges, from: at };
    } else {
      this.place.focus({ preventScroll: true });
      const kind = event.button === 1 || this.state.tool === "pan" ? "pan" : "draw";
      this.gesture = { kind, from: at, last: at };
    }
  }

  _move(event) {
    const at = this._at(event);
    const { view } = this;
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, at);
    const { gesture } = this;
    if (!gesture) return;
    const moved = Math.hypot(at.x - (gesture.from?.x ?? 0), at.y - (gesture.from?.y ?? 0)) > STILL;
    gesture.moved ||= moved;
    if (gesture.kind === "pinch") this._pinch();
    else if (!gesture.moved) return;
    else if (gesture.kind === "draw") this._draft(gesture.from, at);
    else if (gesture.kind === "edit") {
      moveBox(this.state, gesture.box, at.x - gesture.from.x, at.y - gesture.from.y, gesture.edges, "drag");
    } else if (gesture.kind === "pan") {
      view.pan(gesture.last.x - at.x, gesture.last.y - at.y);
      gesture.last = at;
    }
  }

  _up(event, cancelled = false) {
    const at = this._at(event);
    const { gesture } = this;
    if (!this.pointers.delete(event.pointerId) || !gesture) return;
    if (gesture.kind === "pinch" && this.pointers.size) return;
    this.gesture = null;
    this.view.held = false;
    this.state.set({ draft: null });
    this.boxes.settle();
    if (cancelled || gesture.kind !== "draw") return;
    if (!gesture.moved) {
      this.boxes.select(null);
      this.state.seek(this.view.time(at.x));
      return;
    }
    const edges = this._between(gesture.from, at);
    if (this._full(gesture.from, at)) this._choose(edges);
    else this._add(edges);
  }

  /** Whether a drag goes from the bottom of the whole axis to its top, or down. */
  _full(from, to) {
    const { bottom, top, height } = this.view;
    const [upper, lower] = [from.y, to.y].sort((a, b) => a - b);
    return bottom === 0 && top === 1 && upper <= NEAR && lower >= height - NEAR;
  }

  /** Chooses a stretch of time, as a drag on the axis does. */
  _choose(edges) {
    const [start, end] = [edges.start, edges.end].sort((a, b) => a - b);
    this.state.set({ loop: { ...this.state.loop, start, end } });
  }

  _add(edges) {
    focusBox(this.boxes.add({ ...this.boxes.next, ...edges }).id);
  }

  _between(from, to) {
    const { view } = this;
    return { start: view.time(from.x), end: view.time(to.x), low: view.frequency(from.y), high: view.frequency(to.y) };
  }

  _draft(from, to) {
    const { start, end, low, high } = this._between(from, to);
    const [left, right] = [start, end].sort((a, b) => a - b);
    const [bottom, top] = [low, high].sort((a, b) => a - b);
    const box = { ...this.boxes.next, start: left, end: right, low: bottom, high: top };
    this.state.set({ draft: this._full(from, to) ? { ...box, op: null } : box });
  }

  _wheel(event) {
    event.preventDefault();
    const at = this._at(event);
    const factor = Math.exp(-event.deltaY / 300);
    if (event.altKey) this.view.zoomFrequency(factor, at.y);
    else if (event.shiftKey) this.view.pan(event.deltaY || event.deltaX);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.view.pan(event.deltaX);
    else this.view.zoomTime(factor, at.x);
  }

  _beginPinch() {
    this.state.set({ draft: null });
    this.gesture = { kind: "pinch", ...this._fingers() };
  }

  _fingers() {
    const [one, two] = [...this.pointers.values()];
    return { wide: Math.abs(one.x - two.x), x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
  }

  /** Two fingers: what is between them stays between them. */
  _pinch() {
    if (this.pointers.size < 2) return;
    const before = this.gesture;
    const now = this._fingers();
    if (before.wide > 20 && now.wide > 20) this.view.zoomTime(now.wide / before.wide, now.x);
    this.view.pan(before.x - now.x, before.y - now.y);
    Object.assign(this.gesture, now);
  }
}
