// The answers to choose from, of a result that has several: heard and seen one for the other at one playhead; the one that
// is kept becomes a session of its own.
// Owns `alternative`; listens to it, to `results`, `shown` and `job`; changes it, and `wanted`.

import { byId, clicks, element } from "./dom.js";
import { OPENED } from "./jobs.js";
import { ALTERNATIVE_KEYS } from "./keys.js";
import { say } from "./status.js";

export function showAlternatives(state) {
  const all = () => state.result.session.alternatives;

  function choose(index) {
    const found = all().find((one) => one.index === index);
    if (!found) return say(all().length ? `There is no alternative ${index}.` : "This result has no alternatives.");
    state.set({ alternative: index });
    return say(`Alternative ${index}: ${found.what}.`);
  }

  function keep() {
    if (state.heard === state.result.session) return say("What you hear is kept already.");
    const message = { verb: "choose", session: state.result.session.session, alternative: state.alternative };
    return state.set({ wanted: { kind: OPENED, message } });
  }

  function row({ index, what }) {
    const chosen = index === state.alternative;
    const radio = element("input", { type: "radio", name: "alternative", value: index, checked: chosen, onchange: () => choose(index) });
    const key = element("kbd", { "aria-hidden": "true" }, ALTERNATIVE_KEYS[index - 1] ?? "");
    return element("li", { class: "stem" }, element("label", {}, radio, element("span", {}, sentenceCase(what)), key));
  }

  function list() {
    byId("audition").hidden = !all().length;
    byId("alternatives").replaceChildren(...all().map(row));
    show();
  }

  function show() {
    for (const radio of byId("alternatives").querySelectorAll("input")) radio.checked = Number(radio.value) === state.alternative;
    byId("keep").disabled = state.job !== null || state.heard === state.result.session;
  }

  clicks({ keep });
  state.on("results shown", list);
  state.on("alternative job", show);
  list();
  return { alternative: choose, keep };
}

/** Whether what is heard is a session, which can be corrected and sent; if not, says what to do. */
export function isKept(state) {
  const kept = state.heard === state.result.session;
  if (!kept) say("Keep this alternative first (K).", true);
  return kept;
}

const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);
