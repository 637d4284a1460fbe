// The tools: what a drag draws, as a path while it lasts, and as a box, a region or a comb when it has ended.
// Reads `brush` and `comb`; changes `boxes`, and with a box of full height the `loop`.
//
// A stroke: {tool, how, points}; points: [{x, y}], CSS pixels of the view. With `how` "add" or "erase" it changes the selected
// box, which is a region by that.

import { isSpan } from "./boxes.js";
import { teeth } from "./combs.js";
import { focusBox } from "./layer.js";
import { lines, rectangle, yOf } from "./outlines.js";
import { drawn } from "./shaping.js";
import { say } from "./status.js";

/** Pixels from the upper and the lower edge that are meant for the edge. */
const NEAR = 12;
/** Where no stretch is chosen, a comb that is only clicked is so much of the view. */
const SHARE = 1 / 8;
/** Where octaves are counted from. */
const LEAST_HZ = 20;

const ends = ({ points }) => [points[0], points.at(-1)];
const sorted = (...values) => values.sort((a, b) => a - b);
const corners = ({ points }) => points.map(({ x, y }) => [x, y]);
const core = ({ size, hardness }) => size * hardness;

/** Tool -> `draft`: its path, and perhaps how wide; `paint`: what it covers on a canvas; `add`: what is new. */
const TOOLS = {
  box: {
    draft: (state, stroke) => ({ d: rectangle(...rect(stroke)), ...(fills(state, stroke) && { op: null }) }),
    paint: (context, state, stroke) => {
      const [x0, y0, x1, y1] = rect(stroke);
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
    },
    add: (state, stroke) => (fills(state, stroke) ? choose(state, stroke) : add(state, between(state, stroke))),
  },
  lasso: {
    draft: (state, stroke) => ({ d: lines(corners(stroke)) }),
    paint: (context, state, stroke) => context.fill(new Path2D(lines(corners(stroke))), "evenodd"),
    add: (state, stroke) => region(state, stroke),
  },
  brush: {
    draft: ({ brush }, stroke) => ({ d: lines(corners(stroke), false), wide: brush.size, core: core(brush) }),
    paint: (context, { brush }, stroke) => {
      Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: core(brush) });
      context.stroke(new Path2D(lines(corners(stroke), false)));
    },
    add: (state, stroke) => region(state, stroke, soft(state, stroke)),
  },
  comb: {
    draft: (state, stroke) => ({ d: combPath(state, stroke) }),
    add: (state, stroke) => add(state, combOf(state, stroke)),
  },
  select: {
    draft: (state, stroke) => ({ d: rectangle(rect(stroke)[0], -NEAR, rect(stroke)[2], state.view.height + NEAR), op: null }),
    add: (state, stroke) => choose(state, stroke),
  },
};

export const draws = (tool) => Object.hasOwn(TOOLS, tool);

/** As `draft` of the state. */
export function draftOf(state, stroke) {
  const { stem, op } = state.boxes.next;
  return { stem, op, how: howOf(stroke), wide: null, core: null, ...TOOLS[stroke.tool].draft(state, stroke) };
}

/** Makes of a stroke what it stands for. */
export function finish(state, stroke) {
  if (howOf(stroke) === "new") TOOLS[stroke.tool].add(state, stroke);
  else reshape(state, stroke, howOf(stroke) === "erase");
}

/** What covers nothing of itself is always new. */
const howOf = ({ tool, how }) => (TOOLS[tool].paint ? how : "new");

/** A new comb or box in the middle of what is looked at, for whoever has no pointer. */
export function addAt(state, seconds) {
  const { view, tool } = state;
  const wide = (view.end - view.start) * SHARE;
  const start = Math.min(Math.max(seconds, view.start), view.end - wide);
  const place = { start, end: start + wide };
  const [high, low] = [0.4, 0.6].map((share) => view.frequency(share * view.height));
  if (tool === "comb") add(state, { ...place, comb: { ...state.comb, fundamental: view.frequency(view.height / 2) } });
  else add(state, { ...place, low, high });
}

function add({ boxes }, values) {
  focusBox(boxes.add({ ...boxes.next, ...values }).id);
}

function region(state, stroke, more = {}) {
  const made = drawn(state.view, (context) => TOOLS[stroke.tool].paint(context, state, stroke));
  if (made) add(state, { ...made, ...more });
}

/** Adds the stroke to the selected box, or takes it from it; what has nothing left is removed. */
function reshape(state, stroke, erases) {
  const { boxes, view } = state;
  const { current } = boxes;
  if (!current || isSpan(current) || current.comb) {
    say(`Select first the box to ${erases ? "take from" : "add to"}.`, true);
    return;
  }
  const made = drawn(view, (context) => TOOLS[stroke.tool].paint(context, state, stroke), current, erases);
  if (made) boxes.change(current.id, made);
  else boxes.remove(current.id);
}

/** Corners of a drag: left, top, right, bottom. */
function rect(stroke) {
  const [from, to] = ends(stroke);
  const [[left, right], [top, bottom]] = [sorted(from.x, to.x), sorted(from.y, to.y)];
  return [left, top, right, bottom];
}

function between({ view }, stroke) {
  const [left, top, right, bottom] = rect(stroke);
  return { start: view.time(left), end: view.time(right), low: view.frequency(bottom), high: view.frequency(top) };
}

/** Whether a drag goes from the bottom of the whole axis to its top, or down. */
function fills({ view }, stroke) {
  const [, top, , bottom] = rect(stroke);
  return howOf(stroke) === "new" && view.bottom === 0 && view.top === 1 && top <= NEAR && bottom >= view.height - NEAR;
}

/** Chooses a stretch of time, as a drag on the axis does. */
function choose(state, stroke) {
  const { start, end } = between(state, stroke);
  state.set({ loop: { ...state.loop, start, end } });
}

/** What of the brush is no core, as seconds and octaves beyond it; a hard one leaves that to the preset. */
function soft({ brush, view }, { points }) {
  if (brush.hardness === 1) return {};
  const beyond = (brush.size - core(brush)) / 2;
  const [top, bottom] = [Math.min(...points.map(({ y }) => y)), Math.max(...points.map(({ y }) => y))];
  const [edge, middle] = [beyond, 0].map((up) => Math.max(view.frequency((top + bottom) / 2 - up), LEAST_HZ));
  return { feather: (beyond / view.width) * (view.end - view.start), feather_octaves: Math.log2(edge / middle) };
}

/** Where the hand has let go is the fundamental; a click takes the chosen stretch of time. */
function combOf(state, stroke) {
  const { view } = state;
  const [from, to] = ends(stroke);
  const comb = { ...state.comb, fundamental: view.frequency(to.y) };
  if (stroke.points.length > 1) return { start: view.time(sorted(from.x, to.x)[0]), end: view.time(sorted(from.x, to.x)[1]), comb };
  const half = ((view.end - view.start) * SHARE) / 2;
  const around = { start: view.time(from.x) - half, end: view.time(from.x) + half };
  return { ...(state.stretch ?? around), comb };
}

function combPath(state, stroke) {
  const { view } = state;
  const [left, , right] = rect(stroke);
  const { comb } = combOf(state, stroke);
  return teeth(comb, view.nyquist)
    .map(({ low, high }) => rectangle(left, yOf(view, high), right, yOf(view, low)))
    .join("");
}
