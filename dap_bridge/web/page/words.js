// Moments, frequencies, boxes and sessions in words: how everything that is read on the page writes them.

import { BRING_IN, isSpan, kindOf, ONLY, recognised } from "./boxes.js";
import { teeth } from "./combs.js";

/** Minutes and seconds: 1:02.50; rounded before it is divided, so that there is never a 60th second. */
export function clock(seconds, digits = 2) {
  const parts = 10 ** digits;
  const all = Math.round(seconds * parts);
  const minutes = Math.floor(all / (60 * parts));
  const rest = ((all - minutes * 60 * parts) / parts).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
}

/** 0.32–0.74 s, 1:02.50–1:03.00 */
export function stretch(start, end) {
  return end < 60 ? `${start.toFixed(2)}–${end.toFixed(2)} s` : `${clock(start)}–${clock(end)}`;
}

/** 42–478 Hz, 0.37–5.51 kHz */
function band(low, high) {
  if (high < 1000) return `${Math.round(low)}–${Math.round(high)} Hz`;
  return `${Number((low / 1000).toFixed(2))}–${Number((high / 1000).toFixed(2))} kHz`;
}

/** 440 Hz, 1.25 kHz */
export function pitch(hz) {
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${Number((hz / 1000).toFixed(2))} kHz`;
}

const NOTES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

/** Semitones above C-1, of equal temperament with A4 at 440 Hz; and the frequency of such a number. */
export const semitoneOf = (hz) => 69 + 12 * Math.log2(hz / 440);
export const hertzOf = (semitone) => 440 * 2 ** ((semitone - 69) / 12);

/** A4 */
export const noteName = (semitone) => `${NOTES[semitone % 12]}${Math.floor(semitone / 12) - 1}`;

/** The note next to a frequency, and how far off it is: A4 +12 ct. Nothing below C0. */
export function note(hz) {
  const exact = semitoneOf(hz);
  if (!(exact >= 12)) return "";
  const cents = Math.round(100 * (exact - Math.round(exact)));
  return `${noteName(Math.round(exact))} ${cents < 0 ? "−" : "+"}${Math.abs(cents)} ct`;
}

/** −12.5 dB */
export const decibels = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} dB`;

/** What a session is about. */
export const titleOf = ({ label }) => label;

/** Where a job stands that waits for another: what the event `queued` says of it. */
export function waiting({ place, behind_verb: verb, seconds }) {
  const line = place > 1 ? `, number ${place} in line` : "";
  const behind = verb ? ` behind another job (${verb})` : "";
  const about = seconds > 90 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds)} s`;
  return `waiting${line}${behind}${seconds < 0 ? "" : `, about ${about}`}`;
}

const signOf = ({ op }) => (op === BRING_IN ? "+" : "−");

const KINDS = { box: "Box", region: "Region", comb: "Comb", span: "Span" };

/** What a box is called among all of them. */
export const nameOf = (box, number) => `${KINDS[kindOf(box)]} ${number}`;

/** 16 partials of 220 Hz */
const partials = ({ comb, high }) => {
  const count = teeth(comb, high).length;
  return `${count} ${count === 1 ? "partial" : "partials"} of ${pitch(comb.fundamental)}`;
};

/** What a box or a span says. */
export function sentence(box, number) {
  const { stem, op, start, end, low, high, strength } = box;
  const when = `${clock(start)} to ${clock(end)}`;
  if (isSpan(box)) return `${nameOf(box, number)}: ${op === ONLY ? `only stem ${stem}` : `stem ${stem} is silent`}, ${when}`;
  const what = op === BRING_IN ? `bring into stem ${stem}` : `take out of stem ${stem}`;
  const where = box.comb ? partials(box) : `${pitch(low)} to ${pitch(high)}`;
  return `${nameOf(box, number)}: ${what}, ${when}, ${where}, strength ${Math.round(100 * strength)} %`;
}

/** On a box or a span. */
export const tagOf = (box) => (isSpan(box) ? `${box.op} ${box.stem}` : `${signOf(box)} ${box.stem}`);

/** A box or a span in a line of a list. */
export function shortly(box) {
  const when = stretch(box.start, box.end);
  if (isSpan(box)) return `${tagOf(box)}, ${when}`;
  return `${signOf(box)} ${when}, ${box.comb ? `${teeth(box.comb, box.high).length} × ${pitch(box.comb.fundamental)}` : band(box.low, box.high)}`;
}

/** When a session's stems were written: 14:05, or 3 May 14:05. */
export function moment({ revision }) {
  const time = new Date(parseInt(revision, 16) / 1e6);
  const today = time.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  return time.toLocaleString(undefined, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** How many boxes of a result are told one by one. */
const TOLD = 3;

const MADE = { separate: "separated", adopt: "stems adopted" };

/** What led to a result. */
export function story({ verb, preset, boxes, rate }) {
  if (!boxes?.length) return `${MADE[verb] ?? verb}, preset ${preset}`;
  const told = boxes.slice(-TOLD).map((one) => shortly(recognised(one, rate / 2)));
  const more = boxes.length - told.length;
  return `${more > 0 ? `${more} more, ` : ""}${told.join("; ")}`;
}
