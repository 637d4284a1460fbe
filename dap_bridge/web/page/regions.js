// Regions: which points of a box belong to it where it is no rectangle, as the protocol's `mask`. Geometry, and nothing else.
//
// A raster: {axis, columns, rows, cells}. Columns divide the box's time evenly; rows its band, evenly in Hz ("linear") or
// in octaves ("log"). cells: Uint8Array, 1 where the region is, column after column, each from low to high.

/** Of a raster: cells either way, and lengths of runs that it is written in. */
export const MOST_CELLS = 512;
export const MOST_RUNS = 4096;
/** Rows in octaves begin here at the lowest. Hz */
const LOWEST_HZ = 20;
const MOST_KEPT = 300;

/** As the protocol writes it: lengths of runs of cells off, on, off, … */
export const maskOf = ({ axis, columns, rows, cells }) => `${axis}:${columns}x${rows}:${runsOf(cells).join(".")}`;

export function runsOf(cells) {
  const runs = [];
  let [from, value] = [0, 0];
  for (let at = 0; at <= cells.length; at++) {
    if (cells[at] === value) continue;
    runs.push(at - from);
    [from, value] = [at, 1 - value];
  }
  return runs;
}

/** What the protocol writes, as a raster with its `loops`; the same object for the same text. */
export const rasterOf = keeping((mask) => {
  const [axis, size, runs] = mask.split(":");
  const [columns, rows] = size.split("x").map(Number);
  const cells = new Uint8Array(columns * rows);
  let at = 0;
  runs.split(".").forEach((run, index) => {
    cells.fill(index % 2, at, at + Number(run));
    at += Number(run);
  });
  return { axis, columns, rows, cells, loops: loopsOf({ columns, rows, cells }) };
});

function keeping(make) {
  const kept = new Map();
  return (key) => {
    if (kept.size > MOST_KEPT) kept.clear();
    if (!kept.has(key)) kept.set(key, make(key));
    return kept.get(key);
  };
}

/** Where a column, or what lies between two, is. Seconds */
export const timeOf = ({ columns }, { start, end }, column) => start + ((end - start) * column) / columns;

/** Where a row, or what lies between two, is. Hz */
export function hertzOf({ axis, rows }, { low, high }, row) {
  if (axis === "linear") return low + ((high - low) * row) / rows;
  if (row <= 0) return low;
  const lowest = Math.max(low, LOWEST_HZ);
  return lowest * (high / lowest) ** (row / rows);
}

/** Whether a box, with a mask or without, holds the point. Seconds and Hz */
export function holds(box, seconds, hertz) {
  const { start, end, low, high, mask } = box;
  if (seconds < start || seconds >= end || hertz < low || hertz >= high) return false;
  if (!mask) return true;
  const raster = rasterOf(mask);
  const column = Math.floor(((seconds - start) / (end - start)) * raster.columns);
  return raster.cells[column * raster.rows + rowAt(raster, box, hertz)] === 1;
}

function rowAt({ axis, rows }, { low, high }, hertz) {
  const lowest = Math.max(low, LOWEST_HZ);
  const share = axis === "linear" ? (hertz - low) / (high - low) : Math.log(hertz / lowest) / Math.log(high / lowest);
  return Math.min(Math.max(Math.floor(share * rows), 0), rows - 1);
}

/** {start, end, low, high, raster} without what is empty around the region; null where there is none. */
export function tightened({ raster, ...bounds }) {
  const { columns, rows, cells } = raster;
  let [left, right, bottom, top] = [columns, -1, rows, -1];
  cells.forEach((on, at) => {
    if (!on) return;
    const [column, row] = [Math.floor(at / rows), at % rows];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
    [bottom, top] = [Math.min(bottom, row), Math.max(top, row)];
  });
  if (right < 0) return null;
  const [wide, tall] = [right + 1 - left, top + 1 - bottom];
  const inner = new Uint8Array(wide * tall);
  for (let column = 0; column < wide; column++) {
    const from = (left + column) * rows + bottom;
    inner.set(cells.subarray(from, from + tall), column * tall);
  }
  return {
    start: timeOf(raster, bounds, left),
    end: timeOf(raster, bounds, right + 1),
    low: hertzOf(raster, bounds, bottom),
    high: hertzOf(raster, bounds, top + 1),
    raster: { ...raster, columns: wide, rows: tall, cells: inner },
  };
}

/** The region's outline: closed loops of corners [column, row], with the region always on the same side. */
function loopsOf({ columns, rows, cells }) {
  const on = (column, row) => column >= 0 && row >= 0 && column < columns && row < rows && cells[column * rows + row];
  const edges = new Map(); // corner -> the corners that follow it
  const add = (...ends) => {
    const [from, to] = ends.map(([column, row]) => column * (rows + 1) + row);
    edges.set(from, [...(edges.get(from) ?? []), to]);
  };
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      if (!on(column, row)) continue;
      const [right, above] = [column + 1, row + 1];
      if (!on(column, row - 1)) add([column, row], [right, row]);
      if (!on(right, row)) add([right, row], [right, above]);
      if (!on(column, above)) add([right, above], [column, above]);
      if (!on(column - 1, row)) add([column, above], [column, row]);
    }
  }
  const loops = [];
  for (const first of edges.keys()) while (edges.has(first)) loops.push(followed(edges, first, rows + 1));
  return loops;
}

/** Takes one loop out of `edges`; corners on a straight line are left out. */
function followed(edges, first, tall) {
  const corners = [];
  let at = first;
  do {
    const next = edges.get(at);
    const to = next.pop();
    if (!next.length) edges.delete(at);
    corners.push(at);
    at = to;
  } while (at !== first);
  const straight = (before, corner, after) => corner - before === after - corner;
  return corners
    .filter((corner, index) => !straight(corners.at(index - 1), corner, corners[(index + 1) % corners.length]))
    .map((corner) => [Math.floor(corner / tall), corner % tall]);
}
