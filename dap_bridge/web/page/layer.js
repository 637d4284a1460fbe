// The boxes on the spectrogram, by their outlines, and what is being drawn; and how a layer keeps an element for each box.
// Listens to `boxes`, `draft` and `view`; a box that gets the focus is selected.

import { isSpan, kindOf } from "./boxes.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, eachFrame, element, painted, svg } from "./dom.js";
import { outline, xOf, yOf } from "./outlines.js";
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

/** [edge of time, edge of frequency] of each. */
export const handlesOf = (places) =>
  places.map(([x, y]) => element("span", { class: "handle", "data-x": x, "data-y": y, "aria-hidden": "true" }));

/**
 * Keeps in `layer` an element for each of the boxes that `shows` says: a button made with `parts()`, which selects its box;
 * `lay` puts it where the view has it. Elements stay who they are, so that the focus does, too.
 */
export function keepLayer({ boxes }, layer, shows, parts, lay) {
  const known = new Map([...layer.children].map((child) => [Number(child.dataset.id), child]));
  const places = boxes.list.map((box, index) => [box, index + 1]).filter(([box]) => shows(box));
  places.forEach(([box, number], index) => {
    const shown = known.get(box.id) ?? made(boxes, box.id, parts());
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

function made(boxes, id, parts) {
  const tag = element("span", { class: "tag", "aria-hidden": "true" });
  const select = () => boxes.select(id);
  return element("button", { type: "button", class: "box", "data-id": id, onfocus: select }, ...parts, tag);
}

/** What a hand can take, from the back to the front: what lies inside, what sets the line off, the line, what moves it. */
const PATHS = ["inside", "edge", "line", "grip"];

const drawing = () => svg("svg", { "aria-hidden": "true" }, ...PATHS.map((name) => svg("path", { class: name })));

export function showBoxes(state) {
  const { boxes, view } = state;

  /** Ranks by size, the smallest in front: what lies in another can be taken. */
  function show() {
    const size = ({ start, end, low, high }) => (view.x(end) - view.x(start)) * (view.y(low) - view.y(high));
    const order = boxes.list.filter((box) => !isSpan(box)).sort((one, other) => size(other) - size(one));
    const ranks = new Map(order.map(({ id }, rank) => [id, rank]));
    keepLayer(state, byId("boxes"), (box) => !isSpan(box), () => [drawing(), ...handlesOf(HANDLES)], (shown, box) =>
      lay(shown, box, ranks.get(box.id)),
    );
  }

  function lay(shown, box, rank) {
    const [left, right, top, bottom] = [xOf(view, box.start), xOf(view, box.end), yOf(view, box.high), yOf(view, box.low)];
    Object.assign(shown.dataset, { op: box.op, kind: kindOf(box) });
    Object.assign(painted(shown, stemColour(box.stem)).style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${Math.max(4, right - left)}px`,
      height: `${Math.max(4, bottom - top)}px`,
    });
    const picture = shown.querySelector("svg");
    picture.style.zIndex = rank;
    picture.setAttribute("viewBox", `${left} ${top} 1 1`);
    const path = outline(view, box);
    for (const part of picture.children) part.setAttribute("d", path);
  }

  function showDraft() {
    const { draft } = state;
    byId("draft").toggleAttribute("hidden", !draft);
    if (!draft) return;
    const shown = painted(byId("draft"), stemColour(draft.stem));
    Object.assign(shown.dataset, { op: draft.op ?? "", how: draft.how, brush: draft.wide ? "yes" : "" });
    for (const name of ["wide", "core"]) shown.style.setProperty(`--${name}`, draft[name] ? `${draft[name]}px` : "");
    for (const part of shown.children) part.setAttribute("d", draft.d);
  }

  onThemeChange(show);
  state.on("boxes", show);
  state.on("view", eachFrame(show));
  state.on("draft", showDraft);
  show();
}
