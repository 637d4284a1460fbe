// The history: every result, which one is seen and heard, which it is compared with, what led to it and what its user says of
// it; and sending one to the host.
// Owns `results`, `shown` and `other`; listens to them; changes them by a choice, a note, by letting go, and by A/B.

import { HOST_SESSION } from "./address.js";
import { isKept } from "./alternatives.js";
import { send } from "./api.js";
import { byId, clicks, element } from "./dom.js";
import { PREVIEW } from "./jobs.js";
import { attempt, say } from "./status.js";
import { moment, story } from "./words.js";

/** The state's values with one more result, which is shown. A preview goes, unless the new one is compared with it. */
export function withResult({ results, result }, session, label) {
  const rest = label === PREVIEW ? results.filter((one) => one.label !== label || one === result) : results;
  return { results: [...rest, { session, label, note: "" }], shown: rest.length, other: rest.indexOf(result) };
}

/** The same without the result of that place, which is not the first. */
function without({ results, shown, other }, gone) {
  const now = (index) => (index === gone ? 0 : index - (index > gone ? 1 : 0));
  return { results: results.filter((_, index) => index !== gone), shown: now(shown), other: now(other) };
}

export function showResults(state) {
  let listed = "";

  function show(index) {
    if (index !== state.shown) state.set({ shown: index, other: state.shown });
  }

  function compare() {
    const { results, shown, other } = state;
    if (results.length < 2) return say("There is one result so far: refine first. U compares with the clip as it is.");
    show(other !== shown ? other : shown ? 0 : results.length - 1);
    return say(`${state.result.label}.`);
  }

  const sendToHost = () =>
    attempt(async () => {
      const { result } = state;
      if (!isKept(state)) return;
      await send({ verb: "import", job: HOST_SESSION, session: result.session.session });
      say(`${result.label} is sent: the host imports it.`);
    });

  function write(index, note) {
    state.set({ results: state.results.map((one, place) => (place === index ? { ...one, note } : one)) });
  }

  function row({ session, label, note }, index) {
    const { shown, other } = state;
    const radio = element("input", {
      type: "radio",
      name: "result",
      value: session.session,
      checked: index === shown,
      onchange: () => show(index),
    });
    const pick = element("label", {}, radio, element("span", { class: "name" }, label));
    const against = element(
      "button",
      {
        type: "button",
        class: "small",
        "aria-pressed": index === other && index !== shown ? "true" : "false",
        "aria-label": `Compare with ${label}`,
        title: "A/B compares with this one",
        disabled: index === shown,
        onclick: () => state.set({ other: index }),
      },
      "A/B",
    );
    const forget = element(
      "button",
      {
        type: "button",
        class: "small",
        "aria-label": `Let go of ${label}`,
        title: "Take it off this list; its files stay",
        onclick: () => state.set(without(state, index)),
      },
      "×",
    );
    const noted = element("input", {
      type: "text",
      class: "note",
      value: note ?? "",
      maxlength: 200,
      placeholder: "Note",
      "aria-label": `Note on ${label}`,
      onchange: ({ target }) => write(index, target.value.trim()),
    });
    const about = element("p", { class: "quiet" }, [moment(session), story(session)].filter(Boolean).join(" · "));
    return element("div", { class: "entry" }, element("div", { class: "head" }, pick, against, ...(index ? [forget] : [])), about, noted);
  }

  function list() {
    const { results, shown, other } = state;
    const compared = results.length > 1 && other !== shown ? results[other] : null;
    byId("compare").disabled = results.length < 2;
    byId("compare").setAttribute("aria-pressed", String(results.length > 1 && shown < other));
    byId("compare").title = `A/B at the same moment${compared ? `: ${state.result.label} and ${compared.label}` : ""} (A)`;
    const now = JSON.stringify([results.map(({ session, label }) => [session.session, label]), shown, other]);
    if (now === listed) return; // a note that is written shows itself
    listed = now;
    const chose = document.activeElement?.matches("#results input[type=radio]");
    byId("results").replaceChildren(...results.map(row));
    if (chose) byId("results").querySelector("input:checked").focus();
  }

  clicks({ compare, send: sendToHost });
  state.on("results shown other", list);
  list();
  return { compare };
}
