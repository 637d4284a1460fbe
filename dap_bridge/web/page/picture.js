// Draws what the view shows: the tiles, and the axes beside them.

import { theme } from "./colours.js";
import { paintDeadline, tileStyle } from "./painting.js";
import { ticks } from "./view.js";
import { clock, pitch } from "./words.js";

const OCTAVE_MARKS = [31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000];
/** Pixels between two marks at least. */
const TIME_MARK = 90;
const PITCH_MARK = 28;

/** The canvas at the screen's own resolution; gives its context, to be drawn on in CSS pixels. */
function prepared(canvas) {
  const scale = devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas;
  const [width, height] = [clientWidth, clientHeight].map((size) => Math.max(1, Math.round(size * scale)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);
  return context;
}

/**
 * look: {floor, top, colour}; stems: with `audible`. `again` is called where something is still to be painted. Gives
 * whether everything that is looked at is there.
 */
export function drawPicture(canvas, view, tiles, look, stems, again) {
  const context = prepared(canvas);
  context.fillStyle = `rgb(${theme().ground.join(" ")})`;
  context.fillRect(0, 0, view.width, view.height);
  const style = tileStyle({ ...look, scale: view.scale, stems, themeName: theme().stems[0] });
  const deadline = paintDeadline();
  const wanted = [];
  for (const [level, index] of placesOf(view, tiles)) {
    const painted = tiles.painted(level, index, style, deadline, again);
    if (painted) place(context, view, tiles, level, index, painted);
    else wanted.push([level, index]);
  }
  tiles.want(wanted);
  return wanted.length === 0;
}

/** Of the tiles that the view shows, the coarse ones first: [level, index]. */
export function placesOf(view, tiles) {
  const fine = tiles.levelFor((view.end - view.start) / view.width);
  const coarsest = tiles.geometry.levels - 1;
  const levels = fine === coarsest ? [fine] : [coarsest, fine];
  return levels.flatMap((level) => visible(view, tiles, level).map((index) => [level, index]));
}

function visible(view, tiles, level) {
  const span = tiles.span(level);
  const last = Math.ceil(tiles.columns(level) / tiles.geometry.columns) - 1;
  const from = Math.max(0, Math.floor(view.start / span));
  const to = Math.min(last, Math.floor(view.end / span));
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, offset) => from + offset);
}

function place(context, view, tiles, level, index, painted) {
  const column = tiles.span(level) / tiles.geometry.columns;
  const left = view.x(index * tiles.span(level));
  const right = view.x(index * tiles.span(level) + painted.width * column);
  const [top, bottom] = [(1 - view.top) * painted.height, (1 - view.bottom) * painted.height];
  context.drawImage(painted, 0, top, painted.width, bottom - top, left, 0, right - left, view.height);
}

function axis(canvas) {
  const context = prepared(canvas);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--quiet");
  context.strokeStyle = style.getPropertyValue("--line");
  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = "middle";
  return context;
}

export function drawTimes(canvas, view, loop) {
  const context = axis(canvas);
  const { step, values } = ticks(view.start, view.end, view.width / TIME_MARK);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  for (const value of values) {
    const x = Math.round(view.x(value)) + 0.5;
    line(context, x, 0, x, 5);
    const text = clock(value, digits);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(x - half, 0), view.width - 2 * half), 14);
  }
  context.fillStyle = getComputedStyle(canvas).getPropertyValue(loop.looping ? "--accent" : "--edge");
  context.fillRect(view.x(loop.start), 0, view.x(loop.end) - view.x(loop.start), 3);
}

export function drawFrequencies(canvas, view) {
  const context = axis(canvas);
  const width = canvas.clientWidth;
  const [low, high] = [view.frequency(view.height), view.frequency(0)];
  const marks = view.scale === "log" ? OCTAVE_MARKS : ticks(low, high, view.height / 40).values;
  context.textAlign = "right";
  let last = Infinity;
  for (const hz of marks.filter((mark) => mark >= low && mark <= high)) {
    const y = view.y(hz);
    line(context, width - 5, y, width, y);
    if (last - y < PITCH_MARK && last !== Infinity) continue;
    context.fillText(pitch(hz), width - 8, Math.min(Math.max(y, 7), view.height - 7));
    last = y;
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
