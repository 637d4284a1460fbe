// The keys of what can be done now, in a line below the picture.
// Listens to `boxes`, `job`, `results`, `loop`, `playing` and `only`.

import { byId, element } from "./dom.js";

/** [key, meaning] of what the state allows, the most telling first. */
function possible(state) {
  const { boxes, job, results, opened, playing } = state;
  const found = [["Space", playing ? "pause" : "play"]];
  if (job) found.push(["Esc", "cancel the job"]);
  if (boxes.current) {
    found.push(["Q", "play the box"], ["X", state.only ? "hear all" : "solo it"], ["T", "turn it"], ["1–8", "its stem"]);
    found.push(["Arrows", "move it"], ["Del", "remove"]);
  } else {
    found.push(["Q", state.stretch ? "play the stretch" : "play the view"], ["M S", "mute, solo a stem"]);
    if (!opened.listen_only) found.push(["N", "new box"]);
    if (state.stretch && !opened.listen_only) found.push(["O I", "only, silent here"]);
  }
  if (boxes.list.length && !job && !opened.listen_only) found.push(["P R", "preview, refine"]);
  if (results.length > 1) found.push(["A", "A/B"]);
  return [...found, ["U", "clip as it is"], ["+ − 0", "zoom"], ["?", "all keys"]];
}

export function showHints(state) {
  function show() {
    byId("hints").replaceChildren(
      ...possible(state).map(([key, meaning]) => element("span", {}, element("kbd", {}, key), ` ${meaning}`)),
    );
  }

  state.on("boxes job results loop playing only", show);
  show();
}
