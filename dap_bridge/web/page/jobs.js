// A job from the button to the result: asked for, followed, carried on after a reload or a daemon's restart.

import { listen, Refusal, send, SILENCE } from "./api.js";
import { waiting } from "./words.js";

const EVENTS = ["welcome", "accepted", "queued", "progress", "done", "failed", "cancelled", "interrupted"];

/** Kinds of jobs: two whose results are shown beside the others, and one whose result is opened by itself. */
export const PREVIEW = "Preview";
export const REFINED = "Refined";
export const OPENED = "Opened";

const newName = () => `edit-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;

/**
 * told: {progress(event), done(job), failed(error), cancelled(), connection(there)}. At most one job at a time; `job` is
 * {name, message, about, kind} of the one that runs, to be kept across reloads.
 */
export class Jobs {
  constructor(told) {
    this.told = told;
    this.job = null;
    this._listen();
  }

  /** about: the session whose clip the message is about, if it is about one. */
  async start({ message, about = null, kind }) {
    const name = newName();
    await this._begin({ name, message: { ...message, job: name }, about, kind });
  }

  /** Goes on with a job of before a reload. */
  carryOn(job) {
    this.job = job;
    this.told.progress({ fraction: 0, stage: "looking for the job" });
    this._listen();
  }

  async cancel() {
    if (this.job) await send({ verb: "cancel", job: this.job.name });
  }

  async _begin(job) {
    this.job = job;
    this.told.progress({ fraction: 0, stage: "asking" });
    try {
      await send(job.message, job.about);
    } catch (error) {
      // Not heard, perhaps: the stream will say whether the job is known, and it is asked for again if not.
      if (error.code !== SILENCE.code) {
        this._end();
        throw error;
      }
    }
    this._listen();
  }

  /** One stream a page: the browser asks anew by itself when it breaks, and the daemon says how the job stands then. */
  _listen() {
    this._unlisten?.();
    this._unlisten = listen(this.job?.name, EVENTS, (event) => this._heard(event), () => this.told.connection(false));
  }

  _end() {
    const { job } = this;
    this.job = null;
    return job;
  }

  _heard(event) {
    if (event.event === "welcome") return this.told.connection(true);
    if (event.job !== this.job?.name) return undefined;
    switch (event.event) {
      case "progress":
        return this.told.progress(event);
      case "accepted":
        return this.told.progress({ fraction: 0, stage: "waiting" });
      case "queued":
        return this.told.progress({ fraction: 0, stage: waiting(event) });
      case "done":
        return this.told.done(this._end());
      case "cancelled":
        this._end();
        return this.told.cancelled();
      case "interrupted": // the daemon ended in mid-job; this one runs it again
        return send({ verb: "resume", job: event.job }).then(() => this._listen(), (error) => this._failed(error));
      case "failed":
        if (event.code === "unknown_job") return this._begin(this.job).catch((error) => this.told.failed(error));
        return this._failed(new Refusal(event));
      default:
        return undefined;
    }
  }

  _failed(error) {
    this._end();
    this.told.failed(error);
  }
}
