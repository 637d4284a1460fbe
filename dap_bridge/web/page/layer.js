// The boxes on the spectrogram, and the one that is being drawn; and how a layer keeps an element for each.
// Listens to `boxes`, `draft` and `view`; a box that gets the focus is selected.

import { isSpan } from "./boxes.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, eachFrame, element, painted } from "./dom.js";
import { sentence, tagOf } from "./words.js";

const HANDLES = [
  ["start", "high"], ["", "high"], ["end", "high"],
  ["start", ""], ["end", ""],
  ["start", "low"], ["", "low"], ["end", "low"],
];

const shownOf = (id) => document.querySelector(`.box[data-id="${id}"]`);

export function focusBox(id) {
  shownOf(id)?.focus();
}

/**
 * Keeps in `layer` an element for each of the boxes that `shows` says: a button with `handles`, [edge of time, edge of
 * frequency], which selects its box; `lay` puts it where the view has it. Elements stay who they are, so that the focus
 * does, too.
 */
export function keepLayer({ boxes }, layer, shows, handles, lay) {
  const known = new Map([...layer.children].map((child) => [Number(child.dataset.id), child]));
  const places = boxes.list.map((box, index) => [box, index + 1]).filter(([box]) => shows(box));
  places.forEach(([box, number], index) => {
    const shown = known.get(box.id) ?? made(boxes, box.id, handles);
    known.delete(box.id);
    shown.setAttribute("aria-label", sentence(box, number));
    shown.setAttribute("aria-pressed", String(box.id === boxes.selected));
    shown.querySelector(".tag").textContent = tagOf(box);
    lay(shown, box);
    if (layer.children[index] !== shown) layer.insertBefore(shown, layer.children[index] ?? null);
  });
  for (const gone of known.values()) {
    if (gone === document.activeElement) (shownOf(boxes.selected) ?? byId("field")).focus();
    gone.remove();
  }
}

function made(boxes, id, places) {
  const handles = places.map(([x, y]) => element("span", { class: "handle", "data-x": x, "data-y": y, "aria-hidden": "true" }));
  const tag = element("span", { class: "tag", "aria-hidden": "true" });
  const select = () => boxes.select(id);
  return element("button", { type: "button", class: "box", "data-id": id, onfocus: select }, tag, ...handles);
}

export function showBoxes(state) {
  const { view } = state;
  const show = () => keepLayer(state, byId("boxes"), (box) => !isSpan(box), HANDLES, lay);

  function lay(shown, { op, stem, start, end, low, high }) {
    const [left, right, top, bottom] = [view.x(start), view.x(end), view.y(high), view.y(low)];
    shown.dataset.op = op;
    Object.assign(painted(shown, stemColour(stem)).style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${Math.max(4, right - left)}px`,
      height: `${Math.max(4, bottom - top)}px`,
    });
  }

  function showDraft() {
    byId("draft").hidden = !state.draft;
    if (state.draft) lay(byId("draft"), state.draft);
  }

  onThemeChange(show);
  state.on("boxes", show);
  state.on("view", eachFrame(show));
  state.on("draft", showDraft);
  show();
}
