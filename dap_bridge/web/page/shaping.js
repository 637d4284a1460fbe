// From what a hand has drawn on the screen to a region: a raster on the view's own axis, as fine as the screen and
// no finer than the protocol holds. Changes nothing.

import { hertzOf, holds, maskOf, MOST_CELLS, MOST_RUNS, rasterOf, runsOf, tightened, timeOf } from "./regions.js";

/** Of a cell, where the protocol has room. CSS pixels */
const CELL = 2;
/** So much coarser, again and again, until the runs are few enough. */
const COARSER = 0.8;

/**
 * {start, end, low, high, mask} of what `paint` draws on a canvas of the view; null where nothing is left. With `old`, a box,
 * it is added to that, or, where `erases`, taken from it. `mask` is null where the whole rectangle belongs to it.
 */
export function drawn(view, paint, old = null, erases = false) {
  const ink = inkOf(view, paint);
  const bounds = boundsOf(view, ink, old, erases);
  if (!bounds) return null;
  const inside = (seconds, hertz) => {
    const before = old !== null && holds(old, seconds, hertz);
    return erases ? before && !ink.at(seconds, hertz) : before || ink.at(seconds, hertz);
  };
  let { columns, rows } = resolution(view, bounds, old);
  for (;;) {
    const found = tightened({ ...bounds, raster: sampled({ axis: view.scale, columns, rows }, bounds, inside) });
    if (!found) return null;
    const { raster, ...edges } = found;
    if (raster.cells.every((on) => on)) return { ...edges, mask: null };
    if (runsOf(raster.cells).length <= MOST_RUNS) return { ...edges, mask: maskOf(raster) };
    [columns, rows] = [columns, rows].map((count) => Math.max(1, Math.floor(count * COARSER)));
  }
}

/** What is painted: `at(seconds, hertz)`, whether there; `edges` in pixels, or null. */
function inkOf(view, paint) {
  const [width, height] = [view.width, view.height].map((size) => Math.max(1, Math.round(size)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  paint(context);
  const { data } = context.getImageData(0, 0, width, height);
  const on = (x, y) => data[4 * (y * width + x) + 3] > 127;
  const edges = { left: width, right: 0, top: height, bottom: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!on(x, y)) continue;
      edges.left = Math.min(edges.left, x);
      edges.right = Math.max(edges.right, x + 1);
      edges.top = Math.min(edges.top, y);
      edges.bottom = y + 1;
    }
  }
  function at(seconds, hertz) {
    const [x, y] = [view.x(seconds), view.y(hertz)];
    if (x < 0 || y < 0 || x >= width || y > height) return false;
    return on(Math.floor(x), Math.min(Math.floor(y), height - 1)); // what is below the axis lies at its bottom
  }
  return { at, edges: edges.right ? edges : null };
}

/** The least rectangle that what comes of it lies in; null where that is nothing. */
function boundsOf(view, { edges }, old, erases) {
  if (erases) return old;
  if (!edges) return null;
  const { left, right, top, bottom } = edges;
  const own = { start: view.time(left), end: view.time(right), low: view.frequency(bottom), high: view.frequency(top) };
  if (!old) return own;
  return {
    start: Math.min(own.start, old.start),
    end: Math.max(own.end, old.end),
    low: Math.min(own.low, old.low),
    high: Math.max(own.high, old.high),
  };
}

/** As fine as the screen, or as what is there already. */
function resolution(view, bounds, old) {
  const wide = view.x(bounds.end) - view.x(bounds.start);
  const tall = view.y(bounds.low) - view.y(bounds.high);
  const before = old?.mask ? rasterOf(old.mask) : { columns: 0, rows: 0 };
  const columns = Math.max(wide / CELL, old ? (before.columns * wide) / (view.x(old.end) - view.x(old.start)) : 0);
  const rows = Math.max(tall / CELL, old ? (before.rows * tall) / (view.y(old.low) - view.y(old.high)) : 0);
  const count = (wanted) => Math.min(Math.max(Math.round(wanted) || 1, 1), MOST_CELLS);
  return { columns: count(columns), rows: count(rows) };
}

/** A cell is on where its middle is. */
function sampled({ axis, columns, rows }, bounds, inside) {
  const cells = new Uint8Array(columns * rows);
  const hertz = Array.from({ length: rows }, (_, row) => hertzOf({ axis, rows }, bounds, row + 0.5));
  for (let column = 0; column < columns; column++) {
    const seconds = timeOf({ columns }, bounds, column + 0.5);
    for (let row = 0; row < rows; row++) cells[column * rows + row] = inside(seconds, hertz[row]) ? 1 : 0;
  }
  return { axis, columns, rows, cells };
}
