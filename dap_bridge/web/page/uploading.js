// A file of the user's, handed to the daemon: a page cannot name it by a path.

import { ask, Refusal } from "./api.js";

const refusal = (message, hint) => new Refusal({ code: "upload_refused", message, hint });

/** Hands a file over; gives what the daemon says of it, {upload, name, seconds, rate}. A refusal is thrown. */
export async function upload(file, mostBytes = Infinity) {
  if (file.size > mostBytes) {
    const [size, most] = [file.size, mostBytes].map((bytes) => Number((bytes / 2 ** 30).toPrecision(3)));
    throw refusal(`${file.name} has ${size} GiB, and may have ${most}.`, "Cut it, store it as FLAC, or raise the setting upload_gib.");
  }
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw refusal(`${file.name} is a folder, or cannot be read.`, "Choose an audio file.");
  }
  const options = { method: "POST", headers: { "content-type": "application/octet-stream" }, body: file };
  return ask(`uploads?name=${encodeURIComponent(file.name)}`, options);
}
