// What waits and what runs: place, how far, how long it will take, and the way to stop it.
// Owns the list of jobs; it is asked for anew whenever one comes or goes, and told how far each is.

import { send } from "../api.js";
import { byId, element } from "../dom.js";
import { attempt } from "../status.js";
import { wordsOf } from "./verbs.js";
import { left, waiting } from "./words.js";

export class Queue {
  constructor() {
    /** By name: {job, verb, title, state, row}. */
    this._jobs = new Map();
    /** The last that was told of each. */
    this._progress = new Map();
  }

  async load() {
    const told = await send({ verb: "status" });
    const jobs = told.filter(({ event, job }) => event === "status" && job);
    const before = this._jobs;
    this._jobs = new Map(jobs.map((job) => [job.job, { ...job, row: before.get(job.job)?.row ?? this._row(job) }]));
    for (const name of this._progress.keys()) if (!this._jobs.has(name)) this._progress.delete(name);
    byId("queue").replaceChildren(...[...this._jobs.values()].map(({ row }) => row));
    byId("no-jobs").hidden = this._jobs.size > 0;
    this._show();
  }

  /** Where a job stands that waits for another. */
  queued({ job: name, place, seconds }) {
    const job = this._jobs.get(name);
    if (job) Object.assign(job, { place, seconds });
    this._show();
  }

  /** True where the job was not known to run. */
  progress(event) {
    this._progress.set(event.job, event);
    const job = this._jobs.get(event.job);
    const news = job?.state !== "running";
    this._show();
    return news;
  }

  _row({ job, verb, title }) {
    const cancel = () => attempt(() => send({ verb: "cancel", job }));
    const button = { type: "button", class: "cancel", "aria-label": `Cancel ${title}`, onclick: cancel };
    return element(
      "li",
      { "data-job": job },
      element(
        "div",
        { class: "about" },
        element("b", { class: "name", title }, title),
        element("span", { class: "quiet" }, `${wordsOf(verb)} · `, element("span", { class: "place" })),
      ),
      element("progress", { max: 1, value: 0, "aria-label": `How far ${title} is` }),
      element("button", button, "Cancel"),
    );
  }

  _show() {
    let last = 0;
    for (const { job, state, row, place = last + 1, seconds: wait = -1 } of this._jobs.values()) {
      const runs = state === "running";
      if (!runs) last = place;
      const { fraction = 0, stage = "", seconds_left: seconds = -1 } = this._progress.get(job) ?? {};
      row.querySelector("progress").hidden = !runs;
      row.querySelector("progress").value = fraction;
      const far = [stage, seconds > 0 ? left(seconds) : ""].filter(Boolean).join(", ");
      row.querySelector(".place").textContent = runs ? far || "begins" : waiting(place, wait);
    }
  }
}
