// What the selected box says, or else the next one: take out or bring in, how strongly, its exact edges, and over how long it
// fades out beyond them; of a comb, its fundamental; of a span, whether its stem alone is heard there, or silent.
// Listens to `boxes` and `tool`; changes `boxes`.

import { BRING_IN, isSpan, kindOf, ONLY } from "./boxes.js";
import { byId, radios } from "./dom.js";
import { nameOf } from "./words.js";

/** Decimals that are shown, of seconds and of Hz. */
const EDGES = Object.entries({ start: 3, end: 3, low: 0, high: 0 });
/** How many of what is shown are one of what is kept: ms, octaves. */
const FEATHERS = Object.entries({ feather: 1000, feather_octaves: 1 });

export function showInspector(state) {
  const { boxes } = state;
  const showOp = radios("op", (op) => boxes.set({ op }));
  const showSpanOp = radios("span-op", (op) => boxes.set({ op }));
  const strength = byId("strength");

  /** A span has no strength. */
  function strengthen(by) {
    if (!(boxes.current && isSpan(boxes.current))) boxes.set({ strength: Math.min(1, Math.max(0, boxes.next.strength + by)) });
  }

  function says({ current, next }) {
    if (current && isSpan(current)) {
      return current.op === ONLY ? `Nothing but stem ${current.stem} sounds there.` : `Stem ${current.stem} does not sound there.`;
    }
    return `What sounds there is ${next.op === BRING_IN ? "" : "not "}stem ${next.stem}.`;
  }

  function show() {
    const { current, next } = boxes;
    const percent = Math.round(100 * next.strength);
    const kind = current ? kindOf(current) : state.tool === "comb" ? "comb" : "box";
    byId("box-title").textContent = current ? nameOf(current, boxes.list.indexOf(current) + 1) : `Next ${kind}`;
    showOp(next.op);
    if (kind === "span") showSpanOp(current.op);
    for (const part of document.querySelectorAll("[data-of]")) part.hidden = !part.dataset.of.split(" ").includes(kind);
    byId("box-says").textContent = says(boxes);
    strength.value = percent;
    byId("strength-value").textContent = `${percent} %`;
    byId("exact").hidden = !current;
    if (!current) return;
    for (const [edge, digits] of EDGES) byId(`box-${edge}`).value = Number(current[edge].toFixed(digits));
    for (const [edge, unit] of FEATHERS) {
      byId(`box-${edge}`).value = current[edge] === null ? "" : Number((current[edge] * unit).toFixed(2));
    }
    if (current.comb) byId("box-fundamental").value = Number(current.comb.fundamental.toFixed(1));
  }

  strength.addEventListener("input", () => boxes.set({ strength: strength.value / 100 }, "strength"));
  strength.addEventListener("change", () => boxes.settle());
  for (const [edge] of EDGES) {
    byId(`box-${edge}`).addEventListener("change", ({ target }) => {
      if (Number.isFinite(target.valueAsNumber)) boxes.set({ [edge]: target.valueAsNumber });
      show(); // also where nothing was taken
    });
  }
  for (const [edge, unit] of FEATHERS) {
    byId(`box-${edge}`).addEventListener("change", ({ target }) => {
      boxes.set({ [edge]: Number.isFinite(target.valueAsNumber) ? target.valueAsNumber / unit : null });
      show();
    });
  }
  byId("box-fundamental").addEventListener("change", ({ target }) => {
    if (Number.isFinite(target.valueAsNumber)) boxes.set({ comb: { ...boxes.current.comb, fundamental: target.valueAsNumber } });
    show();
  });
  state.on("boxes tool", show);
  show();
  return { turn: () => boxes.turn(), weaker: () => strengthen(-0.1), stronger: () => strengthen(0.1) };
}
