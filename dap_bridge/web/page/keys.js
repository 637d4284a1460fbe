// Keys. One table serves for the keyboard and for the list that "?" shows; the parts of the page give the actions.

import { byId, clicks, element } from "./dom.js";

/** Side by side on every keyboard, from the first alternative on. */
export const ALTERNATIVE_KEYS = "FGHJ";

/** [key, name of its action, meaning]. Keys that are letters can be switched off (WCAG 2.1.4). */
const KEYS = [
  ["Space", "play", "Play or pause"],
  ["L", "loop", "Loop on or off"],
  ["B", "loopBox", "Loop the selected box"],
  ["Q", "playSelection", "Play the selected box, or the chosen stretch, once"],
  ["W", "playView", "Play from the left edge of the view"],
  ["X", "soloBox", "Hear nothing but what lies in the selected box, or all again"],
  ["A", "compare", "A/B: this result, or the one that it is compared with"],
  ["U", "whole", "The clip as it is, or the stems as they are mixed"],
  [[...ALTERNATIVE_KEYS].join(" "), null, "Hear and see alternative 1, 2, 3, 4"],
  ["K", "keep", "Keep the alternative that is heard"],
  ["1 … 8", null, "Choose a stem, also for the selected box"],
  ["M", "mute", "Mute the chosen stem"],
  ["S", "solo", "Solo the chosen stem"],
  ["N", "newBox", "New box at the playhead, or comb, where that is the tool"],
  ["O", "only", "Only the chosen stem is heard in the chosen stretch of time"],
  ["I", "silent", "The chosen stem is silent there"],
  ["T", "turn", "Take out or bring in; of a span: only, or silent"],
  ["[", "weaker", "Less strength"],
  ["]", "stronger", "More strength"],
  ["Delete", "remove", "Remove the selected box or span"],
  ["Arrows", null, "Move the focused box; with Shift its end and top; with Alt finely. Else: move the view"],
  ["Ctrl Z", "undo", "Undo"],
  ["Ctrl Shift Z", "redo", "Redo (also Ctrl Y)"],
  ["C", "carry", "Long clips: correct the whole clip, or only around the boxes"],
  ["P", "preview", "Preview"],
  ["R", "refine", "Refine"],
  ["E", "again", "Separate again, with the spans as examples"],
  ["Escape", "escape", "Give up what is drawn or offered; cancel the job; else select nothing"],
  ["D", "box", "Dragging draws a box"],
  ["Shift B", "brush", "Dragging paints a region"],
  ["Shift L", "lasso", "Dragging draws around a region"],
  ["Shift C", "comb", "Dragging draws a comb: a partial and its multiples"],
  ["Z", "select", "Dragging moves what is drawn; in every tool with Ctrl held"],
  ["V", "pan", "Dragging moves the view"],
  ["Shift, Alt", null, "While drawing: add to the selected box, take from it"],
  [",", "smaller", "A smaller brush"],
  [".", "larger", "A larger brush"],
  ["Shift S", "similar", "Offer similar events of the selected box"],
  ["Enter", "addSimilar", "Add what is offered"],
  ["+", "zoomIn", "Show less, in more detail"],
  ["-", "zoomOut", "Show more"],
  ["0", "fit", "Show the whole clip"],
  ["Wheel", null, "Zoom time; with Alt frequency; with Shift move; over an axis, zoom that axis"],
  ["?", "help", "This list"],
];

const NAMED = { " ": "Space", "=": "+", "−": "-", Backspace: "Delete" };
const ALWAYS = new Set(["Space", "Delete", "Escape", "Enter"]);

/** Arrow -> [right, down]. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Shows the list of keys, and listens. actions: name -> function, of those in the list, and `stem(index)`,
 * `alternative(index)`, `arrow([right, down], far)`, and `onBox(event)`, which may take a key for itself.
 */
export function listenToKeys(actions) {
  const help = () => byId("keys").showModal();
  byId("key-list").append(
    ...KEYS.map(([key, , meaning]) => element("p", {}, element("kbd", {}, key), element("span", {}, meaning))),
  );
  clicks({ help });
  listen({ ...actions, help });
}

function listen(actions) {
  const byKey = new Map(KEYS.filter(([, name]) => name).map(([key, name]) => [key, actions[name]]));
  for (const [key, act] of byKey) if (!act) throw new Error(`nobody acts on ${key}`);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const writes = target.matches("input[type=number], input[type=text], select, textarea");
    const slides = target.matches("input[type=range], input[type=radio]") && event.key.startsWith("Arrow");
    if (writes || slides) return;
    const name = keyName(event);
    // A focused button or switch has Space for itself, a button or a link Enter.
    if (name === "Space" && target.matches("button:not(.box), input")) return;
    if (name === "Enter" && target.matches("button:not(.box), a, summary")) return;
    if (actions.onBox(event)) return event.preventDefault();
    const single = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (single && !ALWAYS.has(name) && !(name in ARROWS) && !byId("single-keys").checked) return;
    if (single && /^[1-8]$/.test(name)) actions.stem(Number(name));
    else if (single && name.length === 1 && ALTERNATIVE_KEYS.includes(name)) {
      actions.alternative(ALTERNATIVE_KEYS.indexOf(name) + 1);
    } else if (single && name in ARROWS && target.closest("#stage")) actions.arrow(ARROWS[name], event.shiftKey);
    else if (byKey.has(name)) byKey.get(name)();
    else return;
    event.preventDefault();
  });
}

function keyName(event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey) return "";
  const key = NAMED[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  if (!command) return event.shiftKey && /^[A-Z]$/.test(key) ? `Shift ${key}` : key;
  if (key === "Y") return "Ctrl Shift Z";
  return `Ctrl ${event.shiftKey ? "Shift " : ""}${key}`;
}
