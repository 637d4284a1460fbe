// Tiles: numbers from the daemon, colours from here. A level or a share changes its colours without asking anew.

import { loadTile } from "./api.js";
import { palette } from "./colours.js";
import { frequencyAt } from "./view.js";

const AT_ONCE = 4;
const KEPT = 96;
/** Rows of a painted tile on a logarithmic axis. */
const LOG_ROWS = 768;
/** Painting goes on for so long between two pictures. */
const BUDGET_MS = 10;

/** The tiles of one session, asked for as they are looked at. `arrived` is told when a picture can be drawn anew. */
export class Tiles {
  constructor(session, arrived) {
    Object.assign(this, { session, arrived });
    this.geometry = session.tiles;
    this.found = new Map(); // "level/index" -> {planes, columns, painted, key}; the latest used last
    this.wanted = [];
    this.loading = new Map();
    this.failed = new Set();
  }

  /** dB, of the whole clip; null until its overview is there. */
  get loudest() {
    const overview = this.found.get(`${this.geometry.levels - 1}/0`);
    if (!overview) return null;
    const levels = overview.planes.subarray(0, this.geometry.bins * overview.columns);
    return this.geometry.floor_db + this.geometry.step_db * levels.reduce((most, level) => Math.max(most, level), 0);
  }

  columns(level) {
    return Math.ceil(this.session.frames / (this.geometry.hop * 2 ** level));
  }

  /** The level whose columns are next to a pixel's width. */
  levelFor(secondsPerPixel) {
    const exact = Math.log2((secondsPerPixel * this.session.rate) / this.geometry.hop);
    return Math.min(Math.max(Math.round(exact - 0.25), 0), this.geometry.levels - 1);
  }

  /** Seconds that one tile of a level lasts. */
  span(level) {
    return (this.geometry.columns * this.geometry.hop * 2 ** level) / this.session.rate;
  }

  /** The tiles to load, the most urgent first; what was wanted before and is not any more is dropped. */
  want(places) {
    const names = new Set(places.map(([level, index]) => `${level}/${index}`));
    for (const [name, controller] of this.loading) if (!names.has(name)) controller.abort();
    this.wanted = places.filter(([level, index]) => {
      const name = `${level}/${index}`;
      return !this.found.has(name) && !this.loading.has(name) && !this.failed.has(name);
    });
    this._load();
  }

  /** Failed tiles are asked for again. */
  retry() {
    this.failed.clear();
  }

  /** A canvas with the tile in `style`'s colours; in older ones where time has run out (then `late` is called); or null. */
  painted(level, index, style, deadline, late) {
    const name = `${level}/${index}`;
    const tile = this.found.get(name);
    if (!tile) return null;
    this.found.delete(name);
    this.found.set(name, tile);
    if (tile.key !== style.key) {
      if (tile.painted && performance.now() > deadline) late();
      else {
        tile.painted = paint(tile, this.geometry, this.session, style, tile.painted);
        tile.key = style.key;
      }
    }
    return tile.painted;
  }

  close() {
    this.wanted = [];
    for (const controller of this.loading.values()) controller.abort();
  }

  _load() {
    while (this.loading.size < AT_ONCE && this.wanted.length) {
      const [level, index] = this.wanted.shift();
      const name = `${level}/${index}`;
      const controller = new AbortController();
      this.loading.set(name, controller);
      loadTile(this.session, level, index, controller.signal)
        .then((planes) => {
          const columns = planes.length / (this.geometry.bins * (1 + this.session.stems.length));
          this.found.set(name, { planes, columns, painted: null, key: "" });
          if (this.found.size > KEPT) this.found.delete(this.found.keys().next().value);
          this.arrived();
        })
        .catch((error) => {
          if (error.name !== "AbortError") this.failed.add(name);
        })
        .finally(() => {
          this.loading.delete(name);
          this._load();
        });
    }
  }
}

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
function paint(tile, geometry, session, style, reuse) {
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
