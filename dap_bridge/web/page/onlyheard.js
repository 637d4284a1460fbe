// Results that no box can correct are opened to listen; of several clips one at a time.
// Changes `tool`, once.

import { CLIP, openClip } from "./address.js";
import { byId, element } from "./dom.js";
import { say } from "./status.js";

/** Actions that correct. */
const CORRECTING = ["newBox", "only", "silent", "turn", "weaker", "stronger", "remove", "undo", "redo", "carry", "preview", "refine", "again", "box", "brush", "lasso", "comb", "select", "similar", "addSimilar"];

/** Hides what corrects where nothing can be corrected, says why, and gives the actions that are left. */
export function onlyHeard(state, actions) {
  const { opened } = state;
  showClips(opened);
  if (!opened.listen_only) return actions;
  document.body.classList.add("only-heard");
  byId("why").textContent = opened.listen_only;
  byId("why").hidden = false;
  state.set({ tool: "pan" });
  const refuse = () => say(opened.listen_only);
  return { ...actions, ...Object.fromEntries(CORRECTING.map((name) => [name, refuse])) };
}

function showClips({ clips }) {
  byId("choosing").hidden = clips.length < 2;
  const options = clips.map(({ index, name }) => element("option", { value: index, selected: index === (CLIP ?? clips[0].index) }, name));
  byId("clip").replaceChildren(...options);
  byId("clip").addEventListener("change", ({ target }) => openClip(Number(target.value)));
}
