// From boxes to the next result: preview, refine, cancel; how far the job is; what its result changed elsewhere.
// Owns the jobs, `job`, `progress`, `connected` and `carry`; listens to them and to `boxes`; changes them, selects no box at
// Escape, and adds to `results`.

import { loadSession } from "./api.js";
import { asText } from "./boxes.js";
import { byId, clicks } from "./dom.js";
import { Jobs } from "./jobs.js";
import { PREVIEW, withResult } from "./results.js";
import { attempt, complain, say } from "./status.js";

const REFINED = "Refined";
/** A change of a stem below this is none. dB */
const SILENT_DB = -120;
/** More than a hand draws, and as many as a session holds. */
const MOST_BOXES = 200;
const IDLE = { job: null, progress: null };

export function showRefining(state) {
  const { boxes } = state;
  const cuts = state.opened.chunks > 1; // so that there is a rest of the clip to carry boxes to
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

  async function start(fit) {
    const { list } = boxes;
    if (state.job || !list.length) return;
    if (list.length > MOST_BOXES) {
      complain(new Error(`A session holds ${MOST_BOXES} boxes at most; these are ${list.length}.`));
      return;
    }
    const message = {
      verb: "refine",
      session: state.opened.session,
      box: list.map(asText),
      keep: false, // the list is complete
      fit,
      carry: state.carry,
    };
    await attempt(() => jobs.start(message, fit ? REFINED : PREVIEW));
    if (!jobs.job) state.set(IDLE);
  }

  const preview = () => start(false);
  const refine = () => start(true);
  const cancel = () => attempt(() => jobs.cancel());
  const carry = () => cuts && state.set({ carry: !state.carry });

  function showActions() {
    for (const id of ["preview", "refine"]) byId(id).disabled = state.job !== null || !boxes.list.length;
  }

  function showProgress() {
    const { progress } = state;
    byId("work").hidden = !progress;
    if (!progress) return;
    const left = progress.seconds_left > 0 ? `, ${Math.ceil(progress.seconds_left)} s left` : "";
    byId("progress").value = progress.fraction;
    byId("stage-name").textContent = `${progress.stage}${left}`;
  }

  const showCarry = () => (byId("carry").checked = state.carry);

  function showConnection() {
    if (state.connected) say("The daemon is back.");
    else complain(new Error("The daemon does not answer; it is looked for again."));
  }

  clicks({ preview, refine, cancel });
  byId("carrying").hidden = !cuts;
  byId("carry").addEventListener("change", ({ target }) => state.set({ carry: target.checked }));
  state.on("job boxes", showActions);
  state.on("progress", showProgress);
  state.on("carry", showCarry);
  state.on("connected", showConnection);
  showActions();
  showCarry();
  if (state.job) jobs.carryOn(state.job);
  return { preview, refine, carry, escape: () => (state.job ? cancel() : boxes.select(null)) };
}

async function done(state, { name, kind }) {
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
