// What the page asks of the daemon. Every address lies beside this file's, below the same secret path.

import { persist } from "./persist.js";

export const ROOT = new URL("../", import.meta.url);

/** A refusal: what the daemon says in code, message and hint. */
export class Refusal extends Error {
  constructor({ code, message, hint }) {
    super(message);
    Object.assign(this, { code, hint });
  }
}

/** What is thrown where no daemon answers. */
export const SILENCE = { code: "daemon_unreachable", message: "The daemon does not answer.", hint: "It is looked for again." };

/** How long the daemon may be out of reach before it is said so: a stream that breaks is there again in half a second. */
const UNHEARD_MS = 2000;

const unwanted = ({ name }) => name === "AbortError";

/** The whole answer at an address below the secret path, read as "json" or "arrayBuffer"; a refusal is thrown. */
async function answerAt(path, as, options = {}) {
  async function whole() {
    const response = await fetch(new URL(path, ROOT), { credentials: "omit", ...options });
    if (response.ok) return { content: await response[as]() };
    const { error } = await response.json().catch(() => ({}));
    return { error: error ?? { code: "internal", message: `The daemon answered ${response.status}.`, hint: "" } };
  }

  const { content, error } = await persist(whole, unwanted).catch((trouble) => {
    if (unwanted(trouble)) throw trouble;
    return { error: SILENCE };
  });
  if (error) throw new Refusal(error);
  return content;
}

/** The JSON at an address below the secret path; a refusal is thrown. */
export const ask = (path, options) => answerAt(path, "json", options);

const bytes = (path, options) => answerAt(path, "arrayBuffer", options);

/**
 * A session, of several clips one of them, and where its tiles and samples lie: `address`. Each of its `alternatives` has an `answer`, which is to be
 * seen and heard as a session is; that of the first is the session itself.
 */
export async function loadSession(name, clip = null) {
  let address = `sessions/${encodeURIComponent(name)}`;
  let session = { ...(await ask(address)), address };
  const { clips } = session;
  if (clips.length) {
    address += `/clips/${(clips.find(({ index }) => index === clip) ?? clips[0]).index}`;
    session = { ...(await ask(address)), address, clips };
  }
  const answer = ({ index, stems }) =>
    index === 1 ? session : { ...session, stems, address: `${address}/alternatives/${index}` };
  session.alternatives = session.alternatives.map((one) => ({ ...one, answer: answer(one) }));
  return session;
}

/** place: "set/level/index". */
export async function loadTile(session, place, signal) {
  const path = `${session.address}/tiles/${place}?revision=${session.revision}`;
  return new Uint8Array(await bytes(path, { signal }));
}

/** Where the clip has more of what is in a box: [{start, end, likeness}], the likest first. */
export async function loadSimilar({ address }, { stem, start, end, low, high }) {
  const query = new URLSearchParams({ stem, start, end, low, high });
  return (await ask(`${address}/similar?${query}`)).events;
}

/** The least and the greatest sample of each stretch of the whole clip, by turns. */
export async function loadWaveform(session) {
  const path = `${session.address}/waveform?revision=${session.revision}`;
  return new Float32Array(await bytes(path));
}

/** Interleaved samples of a stem. */
export async function loadSamples(session, stem, start, frames) {
  const query = `start=${start}&frames=${frames}&revision=${session.revision}`;
  const path = `${session.address}/stems/${stem}?${query}`;
  return new Float32Array(await bytes(path));
}

/**
 * Sends a message of the protocol; gives the events that answer it at once. A refusal is thrown. `about`: the session
 * whose clip the message is about, for a page is told no paths.
 */
export async function send(message, about = null) {
  const path = about === null ? "messages" : `sessions/${encodeURIComponent(about)}/messages`;
  const body = JSON.stringify(message);
  // Asked again, the daemon knows it by its key, and does nothing twice.
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  return ask(path, { method: "POST", headers, body });
}

/** Every job, for `listen`. */
export const ALL = Symbol("all jobs");

/**
 * Tells `heard` of every event, of `job` as well where one is named, or of ALL; `lost` when the daemon is gone for now. Gives
 * a function that ends it.
 */
export function listen(job, names, heard, lost) {
  const address = new URL("events", ROOT);
  if (job === ALL) address.searchParams.set("jobs", "all");
  else if (job) address.searchParams.set("job", job);
  const source = new EventSource(address);
  let unheard;
  const heardAgain = () => (unheard = clearTimeout(unheard));
  for (const name of names) source.addEventListener(name, (event) => heard(JSON.parse(event.data)));
  source.addEventListener("error", () => (unheard ??= setTimeout(lost, UNHEARD_MS)));
  source.addEventListener("open", heardAgain);
  return () => {
    heardAgain();
    source.close();
  };
}
