// What the front page asks of the daemon, beside messages and events.

import { ask, ROOT } from "../api.js";

/** By verb: its presets, [{name, title, description}], the usual one first. */
export const loadVerbs = () => ask("verbs");

/** {uploads: the latest, most_bytes: how large one may be} */
export const loadUploads = () => ask("uploads");

/** Where a result is saved from as a DAWproject. */
export const projectOf = (result) => new URL(`sessions/${encodeURIComponent(result)}/dawproject`, ROOT).href;

/** Where the stems of a result are saved from: all of them, or one. */
export const filesOf = (result, stem = null) =>
  new URL(`sessions/${encodeURIComponent(result)}/files${stem === null ? "" : `/${stem}`}`, ROOT).href;
