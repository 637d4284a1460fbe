// Similar events: where else the clip has what is in the selected box; shown as ghosts, and added as boxes like it.
// Owns `similar`; listens to it, to `view` and `boxes`; changes it, and `boxes`.

import { loadSimilar } from "./api.js";
import { isSpan } from "./boxes.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, clicks, eachFrame, painted, svg } from "./dom.js";
import { focusBox } from "./layer.js";
import { outline, xOf, yOf } from "./outlines.js";
import { say } from "./status.js";

/** How alike they are at first: takes of one sound are. */
const LEAST = 0.85;

/** What would be added: a box like the one that was asked for, for each event that is alike enough. */
const offered = ({ box, events, least }) =>
  events.filter(({ likeness }) => likeness >= least).map(({ start, end, likeness }) => ({ box: { ...box, start, end }, likeness }));

export function showSimilar(state) {
  const { boxes, view } = state;
  let asked = null;

  async function similar() {
    const box = boxes.current;
    if (!box || isSpan(box)) return say("Select first the box to look for more of.", true);
    asked = box;
    say("Looking for similar events.");
    let events = [];
    try {
      events = await loadSimilar(state.heard, box);
    } catch (error) {
      asked = null;
      return say(`Similar events are not to be had here. ${error.message}`, true);
    }
    if (asked !== box) return undefined;
    asked = null;
    if (!events.length) return say("There is nothing like it elsewhere.");
    const best = Math.max(...events.map(({ likeness }) => likeness));
    state.set({ similar: { box, events, least: Math.min(LEAST, best) } });
    focusBox(box.id);
    return say(`${count(events.length)} found. Enter adds those that are shown, Escape drops them.`);
  }

  function addSimilar() {
    if (!state.similar) return;
    const values = offered(state.similar).map(({ box: { id: _, ...like } }) => like);
    state.set({ similar: null });
    if (!values.length) return;
    focusBox(boxes.addAll(values)[0].id);
    say(`${count(values.length)} added.`);
  }

  const drop = () => state.set({ similar: null });

  function show() {
    const { similar: offer } = state;
    byId("offer").hidden = !offer;
    const ghosts = offer ? offered(offer) : [];
    byId("ghosts").replaceChildren(...ghosts.map((one) => ghost(view, one)));
    if (!offer) return;
    const percent = Math.round(100 * offer.least);
    byId("likeness").value = percent;
    byId("likeness-value").textContent = `${percent} %`;
    byId("add-similar").textContent = `Add ${ghosts.length}`;
    byId("add-similar").disabled = !ghosts.length;
  }

  /** What is offered is of the box as it was. */
  function showBoxes() {
    const { current } = boxes;
    byId("find-similar").hidden = !current;
    if (state.similar && current !== state.similar.box) drop();
  }

  byId("likeness").addEventListener("input", ({ target }) => {
    state.set({ similar: { ...state.similar, least: target.valueAsNumber / 100 } });
  });
  clicks({ "find-similar": similar, "add-similar": addSimilar, "drop-similar": drop });
  state.on("similar", show);
  state.on("view", eachFrame(show));
  state.on("boxes", showBoxes);
  onThemeChange(show);
  show();
  showBoxes();
  return { similar, addSimilar };
}

const count = (events) => `${events} similar ${events === 1 ? "event" : "events"}`;

function ghost(view, { box, likeness }) {
  const path = outline(view, box);
  const words = svg("text", { x: xOf(view, box.start) + 3, y: Math.max(12, yOf(view, box.high) - 4) });
  words.textContent = `${Math.round(100 * likeness)} %`;
  const parts = ["edge", "line"].map((name) => svg("path", { class: name, d: path }));
  return painted(svg("g", {}, ...parts, words), stemColour(box.stem));
}
