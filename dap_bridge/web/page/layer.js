// The boxes on the spectrogram, and the one that is being drawn.
// Listens to `boxes`, `draft` and `view`; a box that gets the focus is selected.

import { onThemeChange, stemColour } from "./colours.js";
import { byId, eachFrame, element, painted } from "./dom.js";
import { sentence, signOf } from "./words.js";

const HANDLES = [
  ["start", "high"], ["", "high"], ["end", "high"],
  ["start", ""], ["end", ""],
  ["start", "low"], ["", "low"], ["end", "low"],
];

const shownOf = (id) => [...byId("boxes").children].find((child) => Number(child.dataset.id) === id);

export function focusBox(id) {
  shownOf(id)?.focus();
}

export function showBoxes(state) {
  const { boxes, view } = state;
  const layer = byId("boxes");

  /** Puts the boxes where the view has them; elements stay who they are, so that the focus does, too. */
  function show() {
    const known = new Map([...layer.children].map((child) => [Number(child.dataset.id), child]));
    boxes.list.forEach((box, index) => {
      const shown = known.get(box.id) ?? made(box);
      known.delete(box.id);
      shown.setAttribute("aria-label", sentence(box, index + 1));
      shown.setAttribute("aria-pressed", String(box.id === boxes.selected));
      shown.querySelector(".tag").textContent = `${signOf(box)} ${box.stem}`;
      lay(shown, box);
      if (layer.children[index] !== shown) layer.insertBefore(shown, layer.children[index] ?? null);
    });
    for (const gone of known.values()) {
      if (gone === document.activeElement) (shownOf(boxes.selected) ?? byId("field")).focus();
      gone.remove();
    }
  }

  function made({ id }) {
    const handles = HANDLES.map(([x, y]) => element("span", { class: "handle", "data-x": x, "data-y": y, "aria-hidden": "true" }));
    const tag = element("span", { class: "tag", "aria-hidden": "true" });
    const select = () => boxes.select(id);
    return element("button", { type: "button", class: "box", "data-id": id, onfocus: select }, tag, ...handles);
  }

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
