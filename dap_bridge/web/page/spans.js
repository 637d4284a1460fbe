// The spans, as bars on the time axis, in the colours of their stems; moved and resized there.
// Listens to `boxes` and `view`; changes `boxes`; a bar that gets the focus is selected.

import { isSpan } from "./boxes.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, eachFrame, painted, STILL } from "./dom.js";
import { handlesOf, keepLayer } from "./layer.js";
import { moveBox } from "./moving.js";

const ENDS = [["start", ""], ["end", ""]];
/** Of a bar, however short its span. CSS pixels */
const LEAST_WIDE = 6;

export function showSpans(state) {
  const { view } = state;
  const axis = byId("spans");
  const show = () => keepLayer(state, axis, isSpan, () => handlesOf(ENDS), lay);

  function lay(shown, { op, stem, start, end }) {
    shown.dataset.op = op;
    const left = `${view.x(start)}px`;
    const width = `${Math.max(LEAST_WIDE, view.x(end) - view.x(start))}px`;
    Object.assign(painted(shown, stemColour(stem)).style, { left, width });
  }

  listenToBars(state, axis);
  onThemeChange(show);
  state.on("boxes", show);
  state.on("view", eachFrame(show));
  show();
}

function listenToBars(state, axis) {
  const { boxes, view } = state;
  let held = null;

  function release() {
    held = null;
    view.held = false;
    boxes.settle();
  }

  axis.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest(".box");
    if (!bar || event.button) return;
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    bar.focus();
    const { x } = event.target.closest(".handle")?.dataset ?? {};
    held = { box: boxes.current, edges: x ? [x, ""] : null, from: event.clientX, moved: false };
    view.held = true;
  });
  axis.addEventListener("pointermove", (event) => {
    if (!held) return;
    const right = event.clientX - held.from;
    held.moved ||= Math.abs(right) > STILL;
    if (held.moved) moveBox(state, held.box, right, 0, held.edges, "drag");
  });
  axis.addEventListener("pointerup", release);
  axis.addEventListener("pointercancel", release);
}
