// What the selected box says, or else the next one: take out or bring in, how strongly, and its exact edges.
// Listens to `boxes`, and changes them.

import { BRING_IN, TAKE_OUT } from "./boxes.js";
import { byId, radios } from "./dom.js";

/** Decimals that are shown, of seconds and of Hz. */
const EDGES = Object.entries({ start: 3, end: 3, low: 0, high: 0 });

export function showInspector(state) {
  const { boxes } = state;
  const showOp = radios("op", (op) => boxes.set({ op }));
  const strength = byId("strength");

  const turn = () => boxes.set({ op: boxes.next.op === BRING_IN ? TAKE_OUT : BRING_IN });
  const strengthen = (by) => boxes.set({ strength: Math.min(1, Math.max(0, boxes.next.strength + by)) });

  function show() {
    const { current, next } = boxes;
    const percent = Math.round(100 * next.strength);
    byId("box-title").textContent = current ? `Box ${boxes.list.indexOf(current) + 1}` : "Next box";
    showOp(next.op);
    byId("box-says").textContent = `What sounds there is ${next.op === BRING_IN ? "" : "not "}stem ${next.stem}.`;
    strength.value = percent;
    byId("strength-value").textContent = `${percent} %`;
    byId("exact").hidden = !current;
    if (current) for (const [edge, digits] of EDGES) byId(`box-${edge}`).value = Number(current[edge].toFixed(digits));
  }

  strength.addEventListener("input", () => boxes.set({ strength: strength.value / 100 }, "strength"));
  strength.addEventListener("change", () => boxes.settle());
  for (const [edge] of EDGES) {
    byId(`box-${edge}`).addEventListener("change", ({ target }) => {
      if (Number.isFinite(target.valueAsNumber)) boxes.set({ [edge]: target.valueAsNumber });
      show(); // also where nothing was taken
    });
  }
  state.on("boxes", show);
  show();
  return { turn, weaker: () => strengthen(-0.1), stronger: () => strengthen(0.1) };
}
