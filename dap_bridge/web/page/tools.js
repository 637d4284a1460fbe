// The tools and their settings: which one is at work, how it draws, how large the brush is, how wide a comb is.
// Owns `tool`, `how`, `brush` and `comb`; listens to them and to `boxes`; changes them, and a comb that is selected.

import { byId, radios } from "./dom.js";

const STEP = 1.25;
const [SMALLEST, LARGEST] = [4, 200];

export function showTools(state) {
  const { boxes } = state;
  const choose = (tool) => state.set({ tool });
  const showTool = radios("tool", choose);
  const showHow = radios("how", (how) => state.set({ how }));

  function resize(factor) {
    const size = Math.min(Math.max(Math.round(state.brush.size * factor), SMALLEST), LARGEST);
    state.set({ brush: { ...state.brush, size } });
  }

  /** The next comb, and the one that is selected. */
  function tune(values) {
    const { current } = boxes;
    state.set({ comb: { ...state.comb, ...values } });
    if (current?.comb) boxes.change(current.id, { comb: { ...current.comb, ...values } }, "comb");
  }

  function show() {
    showTool(state.tool);
    showHow(state.how);
    for (const part of byId("tools").querySelectorAll("[data-tool]")) {
      part.hidden = !part.dataset.tool.split(" ").includes(state.tool);
    }
    byId("field").dataset.tool = state.tool;
    const { cents, partials } = boxes.current?.comb ?? state.comb;
    const { size, hardness } = state.brush;
    write("brush-size", size, `${size} px`);
    write("brush-hardness", Math.round(100 * hardness), `${Math.round(100 * hardness)} %`);
    write("comb-cents", cents, `${cents} cents`);
    write("comb-partials", partials, String(partials));
  }

  /** How large the brush is, around the pointer. */
  function showBrush({ type, pointerType, clientX, clientY }) {
    const { left, top } = byId("field").getBoundingClientRect();
    const shows = state.tool === "brush" && pointerType !== "touch" && type !== "pointerleave";
    const values = { cx: clientX - left, cy: clientY - top, r: shows ? state.brush.size / 2 : 0 };
    for (const [name, value] of Object.entries(values)) byId("brush-at").firstElementChild.setAttribute(name, value);
  }

  for (const name of ["pointermove", "pointerleave"]) byId("field").addEventListener(name, showBrush);
  slides("brush-size", (size) => state.set({ brush: { ...state.brush, size } }));
  slides("brush-hardness", (percent) => state.set({ brush: { ...state.brush, hardness: percent / 100 } }));
  slides("comb-cents", (cents) => tune({ cents }), boxes);
  slides("comb-partials", (partials) => tune({ partials }), boxes);
  state.on("tool how brush comb boxes", show);
  show();
  const tools = ["box", "brush", "lasso", "comb", "select", "pan"].map((tool) => [tool, () => choose(tool)]);
  return { ...Object.fromEntries(tools), smaller: () => resize(1 / STEP), larger: () => resize(STEP) };
}

function write(id, value, words) {
  byId(id).value = value;
  byId(`${id}-value`).textContent = words;
}

/** `changed` is told of a slider's value; one drag is one step to undo. */
function slides(id, changed, boxes = null) {
  byId(id).addEventListener("input", ({ target }) => changed(target.valueAsNumber));
  if (boxes) byId(id).addEventListener("change", () => boxes.settle());
}
