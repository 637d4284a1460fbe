// The results, the latest first: opened, saved, renamed, deleted, sent; and jobs that came to none, to be tried again.
// Owns the list of them; it is asked for anew whenever one comes or changes.

import { loadSession, send } from "../api.js";
import { byId, element } from "../dom.js";
import { attempt, say } from "../status.js";
import { filesOf, projectOf } from "./daemon.js";
import { line } from "./words.js";

const FAILED = { failed: "failed", interrupted: "was interrupted: the daemon ended" };

/** Asks in a dialog; gives whether the answer is yes. */
function asked(id) {
  const dialog = byId(id);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) =>
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }),
  );
}

const button = (words, about, act) =>
  element("button", { type: "button", "aria-label": `${words} ${about.title}`, onclick: () => attempt(() => act(about)) }, words);

const link = (words, address, attributes = {}) => element("a", { class: "button", href: address, ...attributes }, words);

async function rename(about) {
  const field = byId("new-title");
  field.value = about.title;
  field.select();
  if (!(await asked("renaming")) || !field.value.trim()) return;
  await send({ verb: "rename", job: about.result, title: field.value.trim() });
  say("Renamed.");
}

async function remove(about) {
  byId("removing-says").textContent = about.kept || about.state !== "done"
    ? `${about.title}: its stems and its corrections go, and its clip if it was uploaded and no other result needs it.`
    : `${about.title}: it is forgotten. Its files lie in a folder of yours, and stay there.`;
  if (!(await asked("removing"))) return;
  await send({ verb: "remove", job: about.result });
  say("Deleted.");
}

async function sendToHost({ title, result, parent }, origin) {
  await send({ verb: "import", job: origin(parent) ?? result, session: result });
  say(`${title} is sent: the host that asked for it imports it.`);
}

async function again({ result }) {
  await send({ verb: "resume", job: result });
  say("It is in the queue.");
}

/** One stem each, looked up when they are wanted. */
function stemsOf({ result, title }) {
  const list = element("ul", { class: "stems" });
  const fill = async () => {
    const { stems } = await loadSession(result);
    const [shared] = stems[0].name.match(/^.* - /) ?? [""]; // the clip's name, unless there are several
    list.replaceChildren(
      ...stems.map(({ index, name }) => {
        const words = name.startsWith(shared) ? name.slice(shared.length) : name;
        return element("li", {}, link(words, filesOf(result, index), { download: true, "aria-label": `Save ${name}` }));
      }),
    );
  };
  const opened = ({ target }) => target.open && !list.children.length && attempt(fill);
  const summary = element("summary", { "aria-label": `Stems of ${title}` }, "Stems");
  return element("details", { ontoggle: opened }, summary, list);
}

export class Results {
  async load() {
    const told = await send({ verb: "results" });
    const all = told.filter(({ event, result }) => event === "result" && result);
    this._parents = new Map(all.map(({ result, parent }) => [result, parent]));
    const focused = document.activeElement?.closest("[data-result]")?.dataset.result;
    byId("results").replaceChildren(...all.map((about) => this._row(about)));
    byId("no-results").hidden = all.length > 0;
    if (focused) (rowOf(focused) ?? byId("results")).querySelector("a, button")?.focus();
  }

  _row(about) {
    const done = about.state === "done";
    const trouble = [about.message, about.hint].filter(Boolean).join(" ");
    const says = done ? line(about) : `${line(about)} · ${FAILED[about.state]}. ${trouble}`;
    return element(
      "li",
      { "data-result": about.result },
      element("b", { class: "name", title: about.title }, about.title),
      element("p", { class: done ? "quiet" : "trouble" }, says),
      element("div", { class: "buttons" }, ...(done ? this._uses(about) : [button("Try again", about, again)]), button("Delete", about, remove)),
      ...(done ? [stemsOf(about)] : []),
    );
  }

  _uses(about) {
    const { result, title, upload } = about;
    const open = link("Open", encodeURIComponent(result), { "aria-label": `Open ${title}` });
    const save = link("Save stems", filesOf(result), { "aria-label": `Save the stems of ${title} as a zip file`, download: true });
    const project = link("DAWproject", projectOf(result), {
      "aria-label": `Save ${title} as a DAWproject`,
      title: "The clip and its stems on tracks: Bitwig Studio, Studio One and Cubase open it",
      download: true,
    });
    const origin = (parent) => this._origin(parent);
    const sends = upload ? [] : [button("Send to DAW", about, (one) => sendToHost(one, origin))];
    return [open, save, project, button("Rename", about, rename), ...sends];
  }

  /** The result that a host has asked for, from one that was corrected. */
  _origin(parent) {
    let found = null;
    for (let name = parent; name && name !== found; name = this._parents.get(name)) found = name;
    return found;
  }
}

const rowOf = (result) => byId("results").querySelector(`[data-result="${CSS.escape(result)}"]`);
