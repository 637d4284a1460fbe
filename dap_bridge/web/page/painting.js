// Tiles in colours: numbers come from the daemon, colours from here, so that another range or colour asks for nothing anew.

import { isByStem, palette, themeName } from "./colours.js";
import { frequencyAt } from "./view.js";

/** Rows of a painted tile for as much of the axis as is looked at. */
const ROWS = 768;
/** Painting goes on for so long between two pictures. */
const BUDGET_MS = 10;

export const paintDeadline = () => performance.now() + BUDGET_MS;

/**
 * How tiles are painted. floor, top: dB; colour: 0..1, how strongly a decided mask shows its stem's colour; map: whose
 * colours; stems: with `audible`; what is not heard is not drawn. Of the axis a tile is painted from the height `low` to
 * `high`, in steps, so that little is painted anew where the view moves.
 */
export function tileStyle(view, { floor, top, colour, map }, stems) {
  const heard = stems.map((stem) => (stem.audible ? 1 : 0));
  const zoom = 2 ** Math.floor(Math.log2(1 / (view.top - view.bottom)) + 1e-9);
  const low = zoom === 1 ? 0 : Math.min(Math.floor(view.bottom * zoom + 1e-9), zoom - 2) / zoom;
  const high = zoom === 1 ? 1 : low + 2 / zoom;
  const weight = isByStem(map) ? colour : 0;
  const key = [view.scale, low, high, floor, top, weight, map, heard.join(""), themeName()].join(" ");
  const rows = new Map(); // of a set of windows: see rowsOf
  const { scale, nyquist } = view;
  return { key, scale, nyquist, low, high, count: zoom === 1 ? ROWS : 2 * ROWS, floor, top, weight, heard, rows, colours: palette(stems, map) };
}

/**
 * For every row of the picture, from the top: [first, last) of a tile's rows that it shows, and how far it lies towards
 * `last`. hertz: of the tile's rows.
 */
function rowsOf(hertz, { scale, nyquist, low, high, count }) {
  let at = 0;
  const placeOf = (hz) => {
    while (at < hertz.length - 2 && hertz[at + 1] <= hz) at++;
    return Math.min(at + (hz - hertz[at]) / (hertz[at + 1] - hertz[at]), hertz.length - 1);
  };
  const edge = (row) => placeOf(frequencyAt(low + ((high - low) * row) / count, nyquist, scale));
  const edges = Array.from({ length: count + 1 }, (_, row) => edge(row)).reverse();
  return Array.from({ length: count }, (_, row) => {
    const [upper, lower] = [edges[row], edges[row + 1]];
    const first = Math.min(Math.floor(lower), hertz.length - 2);
    if (upper - lower < 1) return [first, first + 1, lower - first]; // several to a tile's row: a slope to the next one
    return [Math.round(lower), Math.min(Math.max(first + 1, Math.round(upper)), hertz.length), 0];
  });
}

/**
 * Colours of a tile: the level gives the brightness, the stems' shares the colour, and how decided they are its weight:
 * where no stem stands out the picture stays grey. Gives {canvas, scale, low, high}.
 */
export function paint({ planes, columns, hertz, painted }, geometry, style) {
  if (!style.rows.has(hertz)) style.rows.set(hertz, rowsOf(hertz, style));
  const rows = style.rows.get(hertz);
  const { scale, low, high } = style;
  const canvas = painted?.canvas.height === rows.length ? painted.canvas : new OffscreenCanvas(columns, rows.length);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows.length);
  const pixels = new Uint32Array(image.data.buffer);
  const size = hertz.length * columns;
  const count = style.colours.stems.length;
  const { neutral, stems: ramps } = style.colours;
  const all = style.heard.every(Boolean);
  const levels = levelTable(geometry, style);
  const perDecibel = 255 / (style.top - style.floor);
  const shares = new Float32Array(count); // of what is not heard: none
  let pixel = 0;
  for (const [first, last, slope] of rows) {
    for (let column = 0; column < columns; column++, pixel++) {
      let at = first * columns + column;
      for (let bin = first + 1, next = at + columns; bin < last; bin++, next += columns) {
        if (planes[next] > planes[at]) at = next;
      }
      const above = slope ? at + columns : at;
      let level = levels[planes[at]] * (1 - slope) + levels[planes[above]] * slope;
      let largest = 0;
      let heard = 0;
      for (let stem = 0; stem < count; stem++) {
        if (!style.heard[stem]) continue;
        const plane = size * (stem + 1);
        const share = (planes[plane + at] * (1 - slope) + planes[plane + above] * slope) / 255;
        shares[stem] = share;
        heard += share;
        if (share > largest) largest = share;
      }
      if (!all) level += heard > 0.001 ? perDecibel * 20 * Math.log10(heard) : -255;
      const index = 3 * Math.min(255, Math.max(0, Math.round(level)));
      const decided = heard > 0.001 ? largest / heard : 0;
      const weight = (style.weight * Math.max(0, decided * count - 1)) / (count - 1 || 1);
      let red = neutral[index] * (1 - weight);
      let green = neutral[index + 1] * (1 - weight);
      let blue = neutral[index + 2] * (1 - weight);
      for (let stem = 0; stem < count; stem++) {
        const share = (weight * shares[stem]) / (heard || 1);
        red += share * ramps[stem][index];
        green += share * ramps[stem][index + 1];
        blue += share * ramps[stem][index + 2];
      }
      pixels[pixel] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }
  context.putImageData(image, 0, 0);
  return { canvas, scale, low, high };
}

/** A tile's byte -> 0..255 between floor and top, not yet clamped. */
function levelTable(geometry, style) {
  const table = new Float32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const decibels = geometry.floor_db + byte * geometry.step_db;
    table[byte] = (255 * (decibels - style.floor)) / (style.top - style.floor);
  }
  return table;
}
