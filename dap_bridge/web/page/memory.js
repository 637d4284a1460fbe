// What outlives a reload or a closed tab: boxes, the names of results, the job that runs. It stays in this browser.

const PREFIX = "dap-bridge ";
/** As long as the daemon remembers a session, unless it is told otherwise. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

/** What was kept of the session; null where nothing was, or of another one that had its name. */
export function kept(session) {
  const found = parsed(localStorage.getItem(PREFIX + session.session));
  return found?.revision === session.revision ? found.memory : null;
}

export function keep(session, memory) {
  const text = JSON.stringify({ revision: session.revision, time: Date.now(), memory });
  try {
    localStorage.setItem(PREFIX + session.session, text);
  } catch {
    forgetOld(0); // there is no room: what is looked at now matters more
  }
}

export function forgetOld(most = KEPT_MS) {
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
