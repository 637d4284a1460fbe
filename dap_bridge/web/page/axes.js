// The axes beside the picture: ticks for moments, frequencies and notes, at every zoom.

import { LOWEST_HZ } from "./view.js";
import { clock, hertzOf, noteName, pitch, semitoneOf } from "./words.js";

/** Pixels between two ticks at least. */
const TIME_TICK = 90;
const PITCH_TICK = 28;
const NOTE_TICK = 13;
/** Steps of the time axis from a second on; below it they are decimal. */
const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
/** Frequencies that have ticks on a logarithmic axis, the roughest choice first: of each decade. */
const DECADES = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]];

/** The canvas at the screen's own resolution; gives its context, to be drawn on in CSS pixels. */
export function prepared(canvas) {
  const scale = devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas;
  const [width, height] = [clientWidth, clientHeight].map((size) => Math.max(1, Math.round(size * scale)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);
  return context;
}

/** The least of 1, 2 and 5 times a power of ten that is not below `rough`. */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.9999);
}

const multiples = (step, low, high) => {
  const [first, last] = [Math.ceil(low / step - 1e-6), Math.floor(high / step + 1e-6)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
};

/** Ticks of a stretch of time, at most `count`: [[seconds, text]]. */
export function timeTicks(start, end, count) {
  const rough = (end - start) / Math.max(1, count);
  const step = rough > 0.5 ? (LONG_STEPS.find((one) => one >= rough) ?? roundStep(rough / 3600) * 3600) : roundStep(rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return multiples(step, start, end).map((seconds) => [seconds, clock(seconds, digits)]);
}

/** Ticks of a band, at most `count`: Hz. */
export function pitchTicks(low, high, scale, count) {
  if (scale === "log") {
    const powers = multiples(1, Math.floor(Math.log10(Math.max(low, 1))), Math.ceil(Math.log10(high)));
    const all = (factors) => powers.flatMap((power) => factors.map((one) => one * 10 ** power));
    const choices = DECADES.map((factors) => all(factors).filter((hz) => hz >= low && hz <= high));
    const few = choices.filter((ticks) => ticks.length <= count);
    const finest = few.at(-1) ?? choices[0];
    if (finest.length >= Math.min(count, 4)) return finest;
  }
  return multiples(roundStep((high - low) / Math.max(1, count)), low, high);
}

/** Notes of a band where it is narrow enough to tell them apart, else its octaves: semitones. `tall`: pixels of it. */
export function noteTicks(low, high, tall) {
  const [first, last] = [Math.max(12, Math.ceil(semitoneOf(Math.max(low, 1)))), Math.floor(semitoneOf(Math.max(high, 1)))];
  const all = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  const each = tall / Math.max(1, last - first + 1);
  if (each >= NOTE_TICK) return all;
  return each * 12 >= 2 * NOTE_TICK ? all.filter((semitone) => semitone % 12 === 0) : [];
}

export function drawTimes(canvas, view, loop) {
  const context = axis(canvas);
  for (const [seconds, text] of timeTicks(view.start, view.end, view.width / TIME_TICK)) {
    const x = Math.round(view.x(seconds)) + 0.5;
    line(context, x, 0, x, 5);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(x - half, 0), view.width - 2 * half), 14);
  }
  context.fillStyle = getComputedStyle(canvas).getPropertyValue(loop.looping ? "--accent" : "--edge");
  context.fillRect(view.x(loop.start), 0, view.x(loop.end) - view.x(loop.start), 3);
}

/** Hz at the right, notes at the left. */
export function drawFrequencies(canvas, view) {
  const context = axis(canvas);
  const width = canvas.clientWidth;
  const least = view.scale === "log" ? LOWEST_HZ : 0;
  const [low, high] = [Math.max(least, view.frequency(view.height)), view.frequency(0)];
  const within = (y) => Math.min(Math.max(y, 7), view.height - 7);
  context.textAlign = "right";
  let last = Infinity;
  for (const hz of pitchTicks(low, high, view.scale, view.height / PITCH_TICK)) {
    const y = view.y(hz);
    line(context, width - 5, y, width, y);
    if (last - y < PITCH_TICK / 2) continue;
    context.fillText(pitch(hz), width - 8, within(y));
    last = y;
  }
  context.textAlign = "left";
  context.font = `10px ${getComputedStyle(canvas).fontFamily}`;
  last = Infinity;
  for (const semitone of noteTicks(low, high, view.height)) {
    const y = view.y(hertzOf(semitone));
    if (last - y < NOTE_TICK) continue;
    context.fillText(noteName(semitone), 2, within(y));
    last = y;
  }
}

function axis(canvas) {
  const context = prepared(canvas);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--quiet");
  context.strokeStyle = style.getPropertyValue("--edge");
  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = "middle";
  return context;
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
