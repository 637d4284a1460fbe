// The tiles of a picture: numbers, asked of the daemon as they are looked at, and canvases with what was painted of them.

import { loadTile } from "./api.js";
import { paint } from "./painting.js";

const AT_ONCE = 4;
const KEPT = 96;

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
