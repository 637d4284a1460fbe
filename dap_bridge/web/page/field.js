// The spectrogram as something to touch: boxes are drawn, moved, resized with mouse, pen, finger or keys; the view is moved.
// Changes `boxes`, `draft`, `similar`, `view`, and with a click the playhead; reads what dragging does from `tool` and `how`.
//
// A drawing tool draws wherever a drag begins, in a box, too. What is drawn is moved by its tag, and the selected one by its
// outline; with the tool `select`, or with Ctrl in every tool, from anywhere inside.

import { byId, STILL } from "./dom.js";
import { addAt, draftOf, draws, finish } from "./drawing.js";
import { ARROWS } from "./keys.js";
import { moveBox } from "./moving.js";

const NUDGE = 8;
const FINE = 1;
const LEFT = 0;
const MIDDLE = 1;
/** The other end of a pen. */
const ERASER = 5;

export function listenToField(state) {
  const field = new Field(state);
  return { newBox: () => addAt(state, state.position / state.opened.rate), onBox: (event) => field.key(event) };
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

  /**
   * A key on a focused box, or Escape while something is drawn or offered; gives whether it was one. Shift moves the far
   * edges; Alt goes in fine steps.
   */
  key(event) {
    if (event.key === "Escape" && this._giveUp()) return true;
    const box = this.boxes.current;
    const direction = ARROWS[event.key];
    if (!box || !event.target.closest(".box") || !direction || event.ctrlKey || event.metaKey) return false;
    const step = event.altKey ? FINE : NUDGE;
    moveBox(this.state, box, direction[0] * step, direction[1] * step, event.shiftKey ? ["end", "high"] : null, "key");
    return true;
  }

  /** Whether there was something to give up. */
  _giveUp() {
    const { draft, similar } = this.state;
    if (draft) Object.assign(this, { gesture: null }).view.held = false;
    this.state.set({ draft: null, similar: null });
    return draft !== null || similar !== null;
  }

  _at(event) {
    const { left, top } = this.place.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  _down(event) {
    if (event.button > MIDDLE && event.button !== ERASER) return;
    const at = this._at(event);
    this.pointers.set(event.pointerId, at);
    this.place.setPointerCapture(event.pointerId);
    this.view.held = true;
    if (this.pointers.size === 2) return this._beginPinch();
    event.preventDefault(); // no selection of text; the focus is set here
    const shown = event.target.closest(".box");
    const tool = event.button === MIDDLE ? "pan" : event.ctrlKey || event.metaKey ? "select" : this.state.tool;
    const how = this._how(event);
    // who adds or erases begins at the outline often enough
    const takes = event.target.closest(how === "new" ? ".handle, .tag, .grip" : ".handle, .tag") || tool === "select";
    if (shown && takes && event.button === LEFT) {
      shown.focus();
      const handle = event.target.closest(".handle");
      const edges = handle ? [handle.dataset.x, handle.dataset.y] : null;
      this.gesture = { kind: "edit", box: this.boxes.current, edges, from: at };
    } else {
      if (!shown || shown !== document.activeElement) this.place.focus({ preventScroll: true });
      const kind = draws(tool) ? "draw" : "pan";
      this.gesture = { kind, from: at, last: at, within: shown, tool, how, points: [at] };
    }
  }

  _how({ button, shiftKey, altKey }) {
    if (altKey || button === ERASER) return "erase";
    return shiftKey ? "add" : this.state.how;
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
    else if (gesture.kind === "draw") {
      gesture.points.push(...this._between(event), at);
      this.state.set({ draft: draftOf(this.state, gesture) });
    } else if (gesture.kind === "edit") {
      const { box, edges, from } = gesture;
      moveBox(this.state, box, at.x - from.x, at.y - from.y, edges, "drag", from.y);
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
    if (gesture.moved || gesture.tool === "comb") finish(this.state, gesture);
    else this._click(gesture.within, at);
  }

  /** Selects what lies there, or nothing, and puts the playhead there. */
  _click(shown, at) {
    this.boxes.select(shown ? Number(shown.dataset.id) : null);
    shown?.focus();
    this.state.seek(this.view.time(at.x));
  }

  /** Where a pen has been since the last event. */
  _between(event) {
    return (event.getCoalescedEvents?.() ?? []).slice(0, -1).map((one) => this._at(one));
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
