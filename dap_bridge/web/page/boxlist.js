// The list of boxes and spans beside the picture, with undo and redo.
// Listens to `boxes`; changes them, and brings one that is picked into `view`.

import { onThemeChange, stemColour } from "./colours.js";
import { byId, clicks, element, swatch } from "./dom.js";
import { focusBox } from "./layer.js";
import { nameOf, sentence, shortly } from "./words.js";

export function showBoxList(state) {
  const { boxes, view } = state;
  const list = byId("list");
  const undo = () => boxes.undo();
  const redo = () => boxes.redo();

  function pick({ id, start, end }) {
    boxes.select(id);
    if (end < view.start || start > view.end) view.showTime(start, end);
    focusBox(id);
  }

  function remove({ id }) {
    boxes.remove(id);
    (list.querySelector(".remove") ?? byId("field")).focus();
  }

  function row(box, index) {
    const pressed = String(box.id === boxes.selected);
    const picks = { type: "button", class: "pick", title: sentence(box, index + 1), "aria-pressed": pressed };
    const removes = { type: "button", class: "remove", "aria-label": `Remove ${nameOf(box, index + 1).toLowerCase()}` };
    return element(
      "li",
      {},
      element("button", { ...picks, onclick: () => pick(box) }, swatch(stemColour(box.stem)), element("span", {}, shortly(box))),
      element("button", { ...removes, onclick: () => remove(box) }, "×"),
    );
  }

  function show() {
    list.replaceChildren(...boxes.list.map(row));
    byId("no-boxes").hidden = boxes.list.length > 0;
    byId("undo").disabled = !boxes.past.length;
    byId("redo").disabled = !boxes.future.length;
  }

  clicks({ undo, redo });
  onThemeChange(show);
  state.on("boxes", show);
  show();
  return { undo, redo, remove: () => boxes.current && boxes.remove(boxes.selected) };
}
