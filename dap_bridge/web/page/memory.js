// What outlives a reload or a closed tab: boxes, the names of results, the job that runs. It stays in this browser.
// Listens to `boxes`, `results`, `shown`, `other`, `job` and `carry`; sets them once, before anybody shows them.

import { loadSession } from "./api.js";
import { recognised } from "./boxes.js";

const PREFIX = "dap-bridge ";
/** As long as the daemon remembers a session, unless it is told otherwise. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

/** Takes up what was kept of the session, or else what the session itself tells of boxes and of what came before. */
export async function restore(state) {
  const { opened, boxes } = state;
  forgetOld();
  const memory = kept(opened) ?? {
    boxes: { list: (opened.boxes ?? []).map((one) => recognised(one, boxes.nyquist)) },
    results: opened.parent ? [{ name: opened.parent, label: "Before" }] : [],
    other: 1,
    carry: opened.carry,
  };
  const found = await Promise.allSettled((memory.results ?? []).map(({ name }) => loadSession(name)));
  const labelled = found.map(({ value }, index) => ({ note: "", ...memory.results[index], session: value }));
  const [first] = state.results;
  const results = [{ ...first, note: memory.note ?? "" }, ...labelled.filter(({ session }) => session)];
  const known = (index) => (results[index] ? index : 0);
  state.set({
    results,
    shown: known(memory.shown),
    other: known(memory.other),
    carry: memory.carry !== false,
    job: memory.job ?? null,
  });
  boxes.restore(memory.boxes);
}

/** Keeps it from now on. */
export function remember(state) {
  function save() {
    const { opened, boxes, shown, other, job, carry } = state;
    const [{ note }, ...rest] = state.results;
    const results = rest.map(({ session, label, note: said }) => ({ name: session.session, label, note: said }));
    keep(opened, { boxes: boxes.saved(), note, results, shown, other, job, carry });
  }

  state.on("boxes results shown other job carry", save);
  save();
}

/** Null where nothing was kept, or of another session that had its name. */
function kept(session) {
  const found = parsed(localStorage.getItem(PREFIX + session.session));
  return found?.revision === session.revision ? found.memory : null;
}

function keep(session, memory) {
  const text = JSON.stringify({ revision: session.revision, time: Date.now(), memory });
  try {
    localStorage.setItem(PREFIX + session.session, text);
  } catch {
    forgetOld(0); // there is no room: what is looked at now matters more
  }
}

function forgetOld(most = KEPT_MS) {
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
    if (!(Date.now() - (parsed(localStorage.getItem(key))?.time ?? 0) < most)) localStorage.removeItem(key);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
