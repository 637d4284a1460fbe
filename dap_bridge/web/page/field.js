// The spectrogram as something to touch: boxes are drawn, moved, resized with mouse, finger or keys; the view is moved.

import { BRING_IN } from "./boxes.js";
import { stemColour } from "./colours.js";
import { byId, element } from "./dom.js";
import { clock, pitch } from "./view.js";

/** Pixels that a pointer may tremble in a click. */
const STILL = 4;
const NUDGE = 8;
const FINE = 1;
const EDGES = [
  ["start", "high"], ["", "high"], ["end", "high"],
  ["start", ""], ["end", ""],
  ["start", "low"], ["", "low"], ["end", "low"],
];

export const signOf = ({ op }) => (op === BRING_IN ? "+" : "−");

/** What a box says, in words. */
export function sentence({ stem, op, start, end, low, high, strength }, number) {
  const what = op === BRING_IN ? `bring into stem ${stem}` : `take out of stem ${stem}`;
  const where = `${clock(start)} to ${clock(end)}, ${pitch(low)} to ${pitch(high)}`;
  return `Box ${number}: ${what}, ${where}, strength ${Math.round(100 * strength)} %`;
}

/**
 * view, boxes: the model; tool(): "draw" or "pan"; template(): what a new box has; looked(): the view has changed;
 * seek(seconds): a click without a drag.
 */
export class Field {
  constructor({ view, boxes, tool, template, looked, seek }) {
    Object.assign(this, { view, boxes, tool, template, looked, seek });
    this.place = byId("field");
    this.layer = byId("boxes");
    this.draft = byId("draft");
    this.pointers = new Map();
    this.gesture = null;
    const on = (name, act, options) => this.place.addEventListener(name, act, options);
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("pointerup", (event) => this._up(event));
    on("pointercancel", (event) => this._up(event, true));
    on("pointerleave", () => (byId("pointer-at").textContent = ""));
    on("wheel", (event) => this._wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
  }

  /** Puts the boxes where the view has them; elements stay who they are, so that the focus does, too. */
  draw() {
    const known = new Map([...this.layer.children].map((child) => [Number(child.dataset.id), child]));
    this.boxes.list.forEach((box, index) => {
      const shown = known.get(box.id) ?? this._made(box);
      known.delete(box.id);
      shown.dataset.op = box.op;
      shown.setAttribute("aria-label", sentence(box, index + 1));
      shown.setAttribute("aria-pressed", String(box.id === this.boxes.selected));
      shown.querySelector(".tag").textContent = `${signOf(box)} ${box.stem}`;
      shown.style.setProperty("--stem", stemColour(box.stem));
      this._lay(shown, box);
      if (this.layer.children[index] !== shown) this.layer.insertBefore(shown, this.layer.children[index] ?? null);
    });
    for (const gone of known.values()) {
      if (gone === document.activeElement) (this._shown(this.boxes.selected) ?? this.place).focus();
      gone.remove();
    }
  }

  focusBox(id) {
    this._shown(id)?.focus();
  }

  /** A new box in the middle of what is looked at, for whoever has no pointer. */
  addAt(seconds) {
    const { view } = this;
    const wide = (view.end - view.start) / 8;
    const start = Math.min(Math.max(seconds, view.start), view.end - wide);
    const [high, low] = [0.4, 0.6].map((share) => view.frequency(share * view.height));
    const made = this.boxes.add({ ...this.template(), start, end: start + wide, low, high });
    this.focusBox(made.id);
  }

  /** A key on a focused box; gives whether it was one. Shift moves the far edges; Alt goes in fine steps. */
  key(event) {
    const box = this.boxes.current;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!box || !event.target.closest(".box") || !direction || event.ctrlKey || event.metaKey) return false;
    const step = event.altKey ? FINE : NUDGE;
    this._drag(box, direction[0] * step, direction[1] * step, event.shiftKey ? ["end", "high"] : null, "key");
    return true;
  }

  _shown(id) {
    return [...this.layer.children].find((child) => Number(child.dataset.id) === id);
  }

  _made(box) {
    const handles = EDGES.map(([x, y]) => element("span", { class: "handle", "data-x": x, "data-y": y, "aria-hidden": "true" }));
    const tag = element("span", { class: "tag", "aria-hidden": "true" });
    const made = element("button", { type: "button", class: "box", "data-id": box.id }, tag, ...handles);
    made.addEventListener("focus", () => this.boxes.select(box.id));
    return made;
  }

  _lay(shown, { start, end, low, high }) {
    const { view } = this;
    const [left, right, top, bottom] = [view.x(start), view.x(end), view.y(high), view.y(low)];
    Object.assign(shown.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${Math.max(4, right - left)}px`,
      height: `${Math.max(4, bottom - top)}px`,
    });
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
      const kind = event.button === 1 || this.tool() === "pan" ? "pan" : "draw";
      this.gesture = { kind, from: at, last: at };
    }
  }

  _move(event) {
    const at = this._at(event);
    const { view } = this;
    if (event.pointerType === "mouse") {
      byId("pointer-at").textContent = `${clock(view.time(at.x))}  ${pitch(view.frequency(at.y))}`;
    }
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, at);
    const { gesture } = this;
    if (!gesture) return;
    const moved = Math.hypot(at.x - (gesture.from?.x ?? 0), at.y - (gesture.from?.y ?? 0)) > STILL;
    gesture.moved ||= moved;
    if (gesture.kind === "pinch") this._pinch();
    else if (!gesture.moved) return;
    else if (gesture.kind === "draw") this._draft(gesture.from, at);
    else if (gesture.kind === "edit") this._drag(gesture.box, at.x - gesture.from.x, at.y - gesture.from.y, gesture.edges, "drag");
    else if (gesture.kind === "pan") {
      view.pan(gesture.last.x - at.x, gesture.last.y - at.y);
      gesture.last = at;
      this.looked();
    }
  }

  _up(event, cancelled = false) {
    const at = this._at(event);
    const { gesture } = this;
    if (!this.pointers.delete(event.pointerId) || !gesture) return;
    if (gesture.kind === "pinch" && this.pointers.size) return;
    this.gesture = null;
    this.draft.hidden = true;
    this.boxes.settle();
    if (cancelled || gesture.kind !== "draw") return;
    if (!gesture.moved) {
      this.boxes.select(null);
      this.seek(this.view.time(at.x));
      return;
    }
    const made = this.boxes.add({ ...this.template(), ...this._between(gesture.from, at) });
    this.focusBox(made.id);
  }

  _between(from, to) {
    const { view } = this;
    return { start: view.time(from.x), end: view.time(to.x), low: view.frequency(from.y), high: view.frequency(to.y) };
  }

  _draft(from, to) {
    const { start, end, low, high } = this._between(from, to);
    const { op, stem } = this.template();
    this.draft.hidden = false;
    this.draft.dataset.op = op;
    this.draft.style.setProperty("--stem", stemColour(stem));
    const [left, right] = [start, end].sort((a, b) => a - b);
    const [bottom, top] = [low, high].sort((a, b) => a - b);
    this._lay(this.draft, { start: left, end: right, low: bottom, high: top });
  }

  /** Moves a box, or the named edges of it, by so many pixels from where `box` has it. */
  _drag(box, dx, dy, edges, gesture) {
    const { view } = this;
    const time = (seconds) => view.time(view.x(seconds) + dx);
    const hertz = (hz) => view.frequency(view.y(hz) + dy);
    const changed = {};
    if (edges) {
      const [x, y] = edges;
      if (x) changed[x] = time(box[x]);
      if (y) changed[y] = hertz(box[y]);
      if (gesture === "key") for (const edge of edges) if (!this._moves(edge, dx, dy)) delete changed[edge];
      if (this._crossed({ ...box, ...changed })) return;
    } else {
      const shift = Math.min(Math.max(time(box.start) - box.start, -box.start), view.seconds - box.end);
      if (dx) Object.assign(changed, { start: box.start + shift, end: box.end + shift });
      if (dy && view.y(box.high) + dy >= view.y(view.nyquist) && view.y(box.low) + dy <= view.y(0)) {
        Object.assign(changed, { low: hertz(box.low), high: hertz(box.high) });
      }
    }
    this.boxes.change(box.id, changed, gesture);
  }

  _moves(edge, dx, dy) {
    return edge === "start" || edge === "end" ? dx !== 0 : dy !== 0;
  }

  _crossed({ start, end, low, high }) {
    return start >= end || low >= high;
  }

  _wheel(event) {
    event.preventDefault();
    const at = this._at(event);
    const factor = Math.exp(-event.deltaY / 300);
    if (event.altKey) this.view.zoomFrequency(factor, at.y);
    else if (event.shiftKey) this.view.pan(event.deltaY || event.deltaX);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.view.pan(event.deltaX);
    else this.view.zoomTime(factor, at.x);
    this.looked();
  }

  _beginPinch() {
    this.draft.hidden = true;
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
    this.looked();
  }
}
