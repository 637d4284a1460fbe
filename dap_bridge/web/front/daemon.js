// What the front page asks of the daemon, beside messages and events.

import { ask, Refusal } from "../api.js";

export const loadVerbs = async () => (await ask("verbs")).json();

/** {uploads: the latest, most_bytes: how large one may be} */
export const loadUploads = async () => (await ask("uploads")).json();

/** Hands a file over; gives what the daemon says of it. A refusal is thrown. */
export async function upload(file, mostBytes = Infinity) {
  if (file.size > mostBytes) {
    const [size, most] = [file.size, mostBytes].map((bytes) => Number((bytes / 2 ** 30).toPrecision(3)));
    const hint = "Cut it, store it as FLAC, or raise the setting upload_gib.";
    throw new Refusal({ code: "upload_refused", message: `${file.name} has ${size} GiB, and may have ${most}.`, hint });
  }
  const body = await readable(file);
  const options = { method: "POST", headers: { "content-type": "application/octet-stream" }, body };
  return (await ask(`uploads?name=${encodeURIComponent(file.name)}`, options)).json();
}

/** The file, where it can be read: a folder cannot. */
async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refusal({ code: "upload_refused", message: `${file.name} is a folder, or cannot be read.`, hint: "Choose an audio file." });
  }
  return file;
}

/** Where the stems of a result are saved from: all of them, or one. */
export const filesOf = (result, stem = null) =>
  new URL(`../../sessions/${encodeURIComponent(result)}/files${stem === null ? "" : `/${stem}`}`, import.meta.url).href;
