// Keys. One table serves for the keyboard and for the list that "?" shows.

import { byId, clicks, element } from "./dom.js";

/** actions: name -> function. Keys that are letters can be switched off (WCAG 2.1.4). */
export const KEYS = [
  ["Space", "play", "Play or pause"],
  ["L", "loop", "Loop on or off"],
  ["B", "loopBox", "Loop the selected box"],
  ["A", "compare", "Before / after"],
  ["1 … 8", null, "Choose a stem, also for the selected box"],
  ["M", "mute", "Mute the chosen stem"],
  ["S", "solo", "Solo the chosen stem"],
  ["N", "newBox", "New box at the playhead"],
  ["T", "turn", "Take out or bring in"],
  ["[", "weaker", "Less strength"],
  ["]", "stronger", "More strength"],
  ["Delete", "remove", "Remove the selected box"],
  ["Arrows", null, "Move the focused box; with Shift its end and top; with Alt finely. Else: move the view"],
  ["Ctrl Z", "undo", "Undo"],
  ["Ctrl Shift Z", "redo", "Redo (also Ctrl Y)"],
  ["C", "carry", "Long clips: correct the whole clip, or only around the boxes"],
  ["P", "preview", "Preview"],
  ["R", "refine", "Refine"],
  ["Escape", "escape", "Cancel the job; else select nothing"],
  ["D", "draw", "Dragging draws"],
  ["V", "pan", "Dragging moves the view"],
  ["+", "zoomIn", "Show less, in more detail"],
  ["-", "zoomOut", "Show more"],
  ["0", "fit", "Show the whole clip"],
  ["Wheel", null, "Zoom time; with Alt frequency; with Shift move"],
  ["?", "help", "This list"],
];

const NAMED = { " ": "Space", "=": "+", "−": "-", Backspace: "Delete" };
const ALWAYS = new Set(["Space", "Delete", "Escape"]);

/** Shows the list of keys, and listens: `first` may take a key for itself (arrows on a box). */
export function listenToKeys(actions, first) {
  const help = () => byId("keys").showModal();
  byId("key-list").append(
    ...KEYS.map(([key, , meaning]) => element("p", {}, element("kbd", {}, key), element("span", {}, meaning))),
  );
  clicks({ help });
  listen({ ...actions, help }, first);
}

function listen(actions, first) {
  const byKey = new Map(KEYS.filter(([, action]) => action).map(([key, action]) => [key, action]));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const writes = target.matches("input[type=number], input[type=text], select, textarea");
    const slides = target.matches("input[type=range], input[type=radio]") && event.key.startsWith("Arrow");
    if (writes || slides) return;
    const name = keyName(event);
    // A focused button or switch has Space for itself.
    if (name === "Space" && target.matches("button:not(.box), input")) return;
    if (first(event)) return event.preventDefault();
    const single = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (single && !ALWAYS.has(name) && !name.startsWith("Arrow") && !byId("single-keys").checked) return;
    if (single && /^[1-8]$/.test(name)) actions.stem(Number(name));
    else if (single && name.startsWith("Arrow") && target.closest("#stage")) actions.arrow(name, event.shiftKey);
    else if (byKey.has(name)) actions[byKey.get(name)]();
    else return;
    event.preventDefault();
  });
}

function keyName(event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey) return "";
  const key = NAMED[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  if (!command) return key;
  if (key === "Y") return "Ctrl Shift Z";
  return `Ctrl ${event.shiftKey ? "Shift " : ""}${key}`;
}
