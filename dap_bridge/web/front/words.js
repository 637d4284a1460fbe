// Dates, lengths, what was done and how sure that is, in words.

import { clock } from "../words.js";
import { wordsOf } from "./verbs.js";

/** today 14:05, else 3 Nov 2026, 14:05, as the browser's language has it */
export function when(seconds) {
  const date = new Date(1000 * seconds);
  const time = date.toLocaleTimeString([], { timeStyle: "short" });
  const today = date.toDateString() === new Date().toDateString();
  return today ? `today ${time}` : `${date.toLocaleDateString([], { dateStyle: "medium" })}, ${time}`;
}

/** about 40 s left, about 3 min left */
export const left = (seconds) =>
  seconds > 90 ? `about ${Math.round(seconds / 60)} min left` : `about ${Math.ceil(seconds)} s left`;

/** What was done, by which preset. */
export function deed({ verb, preset, boxes }) {
  const drawn = boxes ? `${boxes} ${boxes === 1 ? "box" : "boxes"}` : "";
  return [wordsOf(verb), drawn, preset].filter(Boolean).join(", ");
}

/** A line on a result. */
export function line({ ended, seconds, confidence, ...result }) {
  const length = seconds < 0 ? "" : clock(seconds, 1);
  const sure = confidence < 0 ? "" : `confidence ${Math.round(100 * confidence)} %`;
  return [when(ended), length, deed(result), sure].filter(Boolean).join(" · ");
}
