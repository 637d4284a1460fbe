// Moments, frequencies, boxes and sessions in words: how everything that is read on the page writes them.

import { BRING_IN, isSpan, kindOf, ONLY } from "./boxes.js";
import { teeth } from "./combs.js";

/** Minutes and seconds: 1:02.50 */
export function clock(seconds, digits = 2) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits);
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

/** What a session is about. */
export const titleOf = ({ stems }) => stems[0].name.replace(/ - stem \d+$/, "");

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
