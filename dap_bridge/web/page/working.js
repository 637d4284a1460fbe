// Jobs, from what is wanted to the result: begun, cancelled, how far they are; a result is shown beside the others, or opened
// as a session of its own.
// Owns the jobs, `wanted`, `job`, `progress` and `connected`; listens to them; adds to `results`.

import { open } from "./address.js";
import { loadSession } from "./api.js";
import { byId, clicks } from "./dom.js";
import { Jobs, OPENED, PREVIEW, REFINED } from "./jobs.js";
import { withResult } from "./results.js";
import { attempt, complain, say } from "./status.js";

/** A change of a stem below this is none. dB */
const SILENT_DB = -120;
const IDLE = { job: null, progress: null };

export function showWork(state) {
  const jobs = new Jobs({
    progress: (progress) => state.set({ job: jobs.job, progress }),
    done: (job) => done(state, job),
    failed: (error) => {
      state.set(IDLE);
      complain(error);
    },
    cancelled: () => {
      state.set(IDLE);
      say("Cancelled.");
    },
    connection: (connected) => state.set({ connected }),
  });

  async function begin() {
    const { wanted } = state;
    if (!wanted) return;
    state.set({ wanted: null });
    if (state.job) return;
    await attempt(() => jobs.start(wanted));
    if (!jobs.job) state.set(IDLE);
  }

  const cancel = () => attempt(() => jobs.cancel());

  function showProgress() {
    const { progress } = state;
    byId("work").hidden = !progress;
    if (!progress) return;
    const left = progress.seconds_left > 0 ? `, ${Math.ceil(progress.seconds_left)} s left` : "";
    byId("progress").value = progress.fraction;
    byId("stage-name").textContent = `${progress.stage}${left}`;
  }

  function showConnection() {
    if (state.connected) say("The daemon is back.");
    else complain(new Error("The daemon does not answer; it is looked for again."));
  }

  clicks({ cancel });
  state.on("wanted", begin);
  state.on("progress", showProgress);
  state.on("connected", showConnection);
  if (state.job) jobs.carryOn(state.job);
  return { escape: () => (state.job ? cancel() : state.boxes.select(null)) };
}

async function done(state, { name, kind }) {
  if (kind === OPENED) {
    state.set(IDLE);
    open(name);
    return;
  }
  await attempt(async () => {
    const session = await loadSession(name);
    const count = state.results.filter(({ label }) => label.startsWith(REFINED)).length;
    const label = kind === PREVIEW ? kind : `${kind} ${count + 1}`;
    state.set(withResult(state, session, label));
    say([`${label} is ready.`, outside(session), ...(session.warnings ?? [])].filter(Boolean).join(" "));
  });
  state.set(IDLE);
}

/** How much a correction has changed where no box is. */
function outside({ changes = [] }) {
  const changed = changes.filter(({ outside_db: decibels }) => decibels > SILENT_DB);
  const words = changed.map(({ stem, outside_db: decibels }) => `stem ${stem} by ${Math.round(decibels)} dB`);
  return words.length ? `Outside the boxes it changed ${words.join(", ")}.` : "";
}
