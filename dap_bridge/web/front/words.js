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

/** about 40 s, about 3 min */
const about = (seconds) => `about ${seconds > 90 ? `${Math.round(seconds / 60)} min` : `${Math.ceil(seconds)} s`}`;

export const left = (seconds) => `${about(seconds)} left`;

/** next, in about 40 s; 2 before it */
export function waiting(place, seconds) {
  const line = place > 1 ? `${place - 1} before it` : "next";
  return seconds < 0 ? line : `${line}, in ${about(seconds)}`;
}

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
