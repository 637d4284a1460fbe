// What is to be done with the chosen files, and how; asked for by the button, or Enter.
// Owns the form; a job begins when its messages are sent, and then no file is chosen any more.

import { send } from "../api.js";
import { byId, element } from "../dom.js";
import { attempt, say } from "../status.js";
import { loadVerbs } from "./daemon.js";
import { Examples } from "./examples.js";
import { Files } from "./files.js";
import { Parts } from "./parts.js";
import { VERBS } from "./verbs.js";

export class Asking {
  constructor() {
    this.verb = "separate";
    this._presets = {};
    /** Settled once it was said what became of asking. */
    this.answered = Promise.resolve();
    this.files = new Files(() => this._showBegin());
    this.examples = new Examples(this.files);
    this.parts = new Parts(this.files);
    byId("verbs").replaceChildren(...Object.entries(VERBS).map(([name, about]) => this._choice(name, about)));
    byId("preset").addEventListener("change", () => this._showPreset());
    byId("sources").addEventListener("input", () => this._showExamples());
    byId("asking").addEventListener("submit", (event) => {
      event.preventDefault();
      this.answered = attempt(() => this._begin());
    });
  }

  async load() {
    [this._presets] = await Promise.all([loadVerbs(), this.files.load()]);
    this._choose(this.verb);
  }

  get _choices() {
    return {
      sources: byId("sources").valueAsNumber,
      seconds: byId("seconds").valueAsNumber,
      preset: byId("preset").value,
      examples: this.examples.chosen,
      whole: this.parts.whole,
      stems: this.parts.stems,
      improve: byId("improve").checked,
    };
  }

  async _begin() {
    if (byId("begin").disabled) return;
    const [{ verb }, choices, clips] = [this, this._choices, this.files.take()];
    const examples = this.examples.take();
    const messages = VERBS[verb].messages(clips, choices);
    let sent = 0;
    try {
      for (; sent < messages.length; sent += 1) await send({ verb, preset: choices.preset, ...messages[sent] });
      say(sent > 1 ? `${sent} jobs are in the queue.` : "It is in the queue.");
    } catch (error) {
      this.files.giveBack(messages.length === clips.length ? clips.slice(sent) : clips);
      this.examples.giveBack(examples);
      throw error;
    }
  }

  _choose(verb) {
    this.verb = verb;
    for (const option of document.querySelectorAll("[data-of]")) option.hidden = option.dataset.of !== verb;
    for (const input of document.querySelectorAll("[data-of] input")) input.disabled = input.closest("[data-of]").hidden;
    const presets = this._presets[verb] ?? [];
    byId("preset").replaceChildren(...presets.map(({ name, title }) => element("option", { value: name }, title)));
    if (VERBS[verb].parts) this.parts.show();
    else this.files.show();
    this._showPreset();
    this._showExamples();
    this._showBegin();
  }

  _choice(name, { title, says }) {
    const radio = { type: "radio", name: "verb", value: name, checked: name === this.verb, onchange: () => this._choose(name) };
    const words = element("span", {}, element("b", {}, title), element("span", { class: "quiet" }, says));
    return element("label", {}, element("input", radio), words);
  }

  _showPreset() {
    const preset = this._presets[this.verb]?.find(({ name }) => name === byId("preset").value);
    byId("preset-says").textContent = preset?.description ?? "";
  }

  _showExamples() {
    this.examples.show(VERBS[this.verb].examples?.(this._choices) ?? []);
  }

  _showBegin() {
    const { least } = VERBS[this.verb];
    const { chosen, settled } = this.files;
    byId("begin").disabled = !settled || chosen.length < least;
    byId("begin").title = chosen.length < least ? `Choose ${least === 1 ? "a file" : `${least} files or more`} first.` : "";
  }
}
