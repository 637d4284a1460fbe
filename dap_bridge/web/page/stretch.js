// What a person knows of a stretch of time: that one stem alone is heard there, or that it is silent; and the clip separated
// again with what is known, which is then looked at.
// Listens to `loop`, `boxes` and `job`; changes `boxes`, and `wanted`.

import { isSpan, ONLY, SILENT, spansAsText, tooMany } from "./boxes.js";
import { byId, clicks } from "./dom.js";
import { OPENED } from "./jobs.js";
import { focusBox } from "./layer.js";
import { say } from "./status.js";
import { stretch as words, titleOf } from "./words.js";

/** Where no stretch is chosen, a span is so much of the view, from the playhead on. */
const SHARE = 1 / 8;

/** Whether it is what `separate` makes. */
export const isSeparation = ({ opened }) => opened.stems.every(({ role }) => role === "source" || role === "residual");

/** The clip separated again with what is known by spans, and by what else the message says: a job that is wanted. */
export function separatedAgain({ opened }, spans, more = {}) {
  const { preset, seed, stems, session } = opened;
  const sources = stems.filter(({ role }) => role === "source").length;
  const residual = stems.length > sources;
  const message = { verb: "separate", preset, seed, sources, residual, label: titleOf(opened), ...spansAsText(spans), ...more };
  return { kind: OPENED, message, about: session };
}

export function showStretch(state) {
  const { boxes, opened, view } = state;

  /** The chosen stretch, or one at the playhead, for whoever has no pointer. */
  function here() {
    if (state.stretch) return state.stretch;
    const wide = (view.end - view.start) * SHARE;
    const start = Math.min(state.position / opened.rate, state.seconds - wide);
    return { start, end: start + wide };
  }

  const add = (op) => focusBox(boxes.add({ ...here(), stem: boxes.next.stem, op }).id);
  const only = () => add(ONLY);
  const silent = () => add(SILENT);

  const parts = isSeparation(state);

  function again() {
    if (state.job || !parts) return;
    const spans = boxes.list.filter(isSpan);
    const trouble = spans.length ? tooMany(spans) : "Say first where only one of the stems is heard, or where one is silent.";
    if (trouble) {
      say(trouble, true);
      return;
    }
    state.set({ wanted: separatedAgain(state, spans) });
  }

  function show() {
    const { stem } = boxes.next;
    byId("stretch-says").textContent = state.stretch ? words(state.stretch.start, state.stretch.end) : "Drag along the time axis.";
    byId("only").textContent = `Only stem ${stem} here`;
    byId("silent").textContent = `Stem ${stem} silent here`;
    byId("again").hidden = !parts || !boxes.list.some(isSpan);
    byId("again").disabled = state.job !== null;
  }

  clicks({ only, silent, again });
  state.on("loop boxes job", show);
  show();
  return { only, silent, again };
}
