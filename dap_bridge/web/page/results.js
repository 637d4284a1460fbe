// The row of results: which one is seen and heard, before and after, and sending one to the host.
// Owns `results`, `shown` and `other`; listens to them; changes them by a choice, and by A/B.

import { send } from "./api.js";
import { byId, clicks, element } from "./dom.js";
import { attempt, say } from "./status.js";

/** The label of a result that gives way to the next of its kind. */
export const PREVIEW = "Preview";

/** The state's values with one more result, which is shown. A preview goes, unless the new one is compared with it. */
export function withResult({ results, result }, session, label) {
  const rest = label === PREVIEW ? results.filter((one) => one.label !== label || one === result) : results;
  return { results: [...rest, { session, label }], shown: rest.length, other: rest.indexOf(result) };
}

export function showResults(state) {
  function show(index) {
    if (index !== state.shown) state.set({ shown: index, other: state.shown });
  }

  function compare() {
    const { results, shown, other } = state;
    if (results.length < 2) return say("There is one result so far: refine first.");
    show(other !== shown ? other : shown ? 0 : results.length - 1);
    return say(`${state.result.label}.`);
  }

  const sendToHost = () =>
    attempt(async () => {
      const { opened, result } = state;
      await send({ verb: "import", job: opened.session, session: result.session.session });
      say(`${result.label} is sent: the host imports it.`);
    });

  function list() {
    const { results, shown, other } = state;
    byId("results").replaceChildren(
      ...results.map(({ session, label }, index) => {
        const radio = element("input", {
          type: "radio",
          name: "result",
          value: session.session,
          checked: index === shown,
          onchange: () => show(index),
        });
        return element("label", {}, radio, element("span", {}, label));
      }),
    );
    byId("compare").disabled = results.length < 2;
    byId("compare").setAttribute("aria-pressed", String(results.length > 1 && shown < other));
  }

  clicks({ compare, send: sendToHost });
  state.on("results shown", list);
  list();
  return { compare };
}
