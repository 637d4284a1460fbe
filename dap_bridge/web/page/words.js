// Moments, frequencies and boxes in words: how everything that is read on the page writes them.

import { BRING_IN } from "./boxes.js";

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

export const signOf = ({ op }) => (op === BRING_IN ? "+" : "−");

/** What a box says. */
export function sentence({ stem, op, start, end, low, high, strength }, number) {
  const what = op === BRING_IN ? `bring into stem ${stem}` : `take out of stem ${stem}`;
  const where = `${clock(start)} to ${clock(end)}, ${pitch(low)} to ${pitch(high)}`;
  return `Box ${number}: ${what}, ${where}, strength ${Math.round(100 * strength)} %`;
}

/** A box in a line of a list. */
export const shortly = (box) => `${signOf(box)} ${stretch(box.start, box.end)}, ${band(box.low, box.high)}`;
