// Tiles in colours: numbers come from the daemon, colours from here, so that another range or colour asks for nothing anew.

import { palette } from "./colours.js";
import { frequencyAt } from "./view.js";

/** Rows of a painted tile on a logarithmic axis. */
const LOG_ROWS = 768;
/** Painting goes on for so long between two pictures. */
const BUDGET_MS = 10;

export const paintDeadline = () => performance.now() + BUDGET_MS;

/**
 * How tiles are painted. floor, top: dB; colour: 0..1, how strongly a decided mask shows its stem's colour; stems: with
 * `audible`; what is not heard is not drawn.
 */
export function tileStyle({ scale, floor, top, colour, stems, themeName }) {
  const heard = stems.map((stem) => (stem.audible ? 1 : 0));
  const key = [scale, floor, top, colour, heard.join(""), themeName].join(" ");
  return { key, scale, floor, top, colour, heard, colours: palette(stems) };
}

/** For every row of the picture, from the top: [first, last) of the bins it shows, and how far it lies towards `last`. */
function rowsOf(geometry, session, scale) {
  if (scale === "linear") {
    return Array.from({ length: geometry.bins }, (_, row) => [geometry.bins - 1 - row, geometry.bins - row, 0]);
  }
  const nyquist = session.rate / 2;
  const binOf = (height) => (frequencyAt(height, nyquist, "log") / nyquist) * (geometry.bins - 1);
  return Array.from({ length: LOG_ROWS }, (_, row) => {
    const [low, high] = [binOf(1 - (row + 1) / LOG_ROWS), binOf(1 - row / LOG_ROWS)];
    const first = Math.min(Math.floor(low), geometry.bins - 2);
    if (high - low < 1) return [first, first + 1, low - first]; // several rows a bin: a slope from one to the next
    return [Math.round(low), Math.min(Math.max(first + 1, Math.round(high)), geometry.bins), 0];
  });
}

/**
 * Colours of a tile: the level gives the brightness, the stems' shares the colour, and how decided they are its weight:
 * where no stem stands out the picture stays grey.
 */
export function paint(tile, geometry, session, style, reuse) {
  const { planes, columns } = tile;
  const rows = rowsOf(geometry, session, style.scale);
  const canvas = reuse?.height === rows.length ? reuse : new OffscreenCanvas(columns, rows.length);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows.length);
  const pixels = new Uint32Array(image.data.buffer);
  const size = geometry.bins * columns;
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
      const weight = (style.colour * Math.max(0, decided * count - 1)) / (count - 1 || 1);
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
  return canvas;
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
