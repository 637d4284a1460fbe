// The tiles of a picture: numbers, asked of the daemon as they are looked at, and canvases with what was painted of them.

import { loadTile } from "./api.js";
import { paint } from "./painting.js";

const AT_ONCE = 4;
const KEPT = 96;
/** Of a column: no longer window is chosen because columns last longer than this, for they look here and there. */
const SLOW_S = 0.008;
/** How much longer a window is than would blur both axes alike: partials are looked at more than clicks. */
const SHARPER = 2;

const nameOf = ({ set, level, index }) => `${set}/${level}/${index}`;

/** The tiles of one session, asked for as they are looked at. `arrived` is told when a picture can be drawn anew. */
export class Tiles {
  constructor(session, arrived) {
    Object.assign(this, { session, arrived });
    this.geometry = session.tiles;
    this.found = new Map(); // "set/level/index" -> {planes, hertz, columns, painted, key}; the latest used last
    this.wanted = [];
    this.loading = new Map();
    this.failed = new Set();
  }

  /** dB, of the whole clip; null until its overview is there. */
  get loudest() {
    const overview = this.found.get(`1/${this.geometry.levels - 1}/0`);
    if (!overview) return null;
    const levels = overview.planes.subarray(0, overview.hertz.length * overview.columns);
    return this._decibels(levels.reduce((most, level) => Math.max(most, level), 0));
  }

  columns(level) {
    return Math.ceil(this.session.frames / (this.geometry.hop * 2 ** level));
  }

  /**
   * The windows that blur what the view shows nearly alike along both axes, in pixels; and the level whose columns are next to
   * a pixel's width, but no finer than these windows are.
   */
  choose(view) {
    const { hop, levels, sets } = this.geometry;
    const { seconds, hz, step } = view.grain;
    const wanted = SHARPER * this.session.rate * Math.sqrt(Math.min(seconds, SLOW_S) / Math.max(step, 1e-3));
    const misses = sets.map(({ window }) => Math.abs(Math.log(this._windowAt(window, hz) / wanted)));
    const set = misses.indexOf(Math.min(...misses));
    const exact = Math.log2((seconds * this.session.rate) / hop) - 0.25;
    const finest = Math.log2(sets[set].window / sets[0].window);
    return { set, level: Math.min(Math.max(Math.round(exact), finest, 0), levels - 1) };
  }

  /** What is heard at a moment and a frequency: dB of the mixture and of the stem that has most of it; or null. */
  at(view, seconds, hz) {
    const { set, level } = this.choose(view);
    const span = this.span(level);
    const index = Math.floor(seconds / span);
    const tile = this.found.get(`${set}/${level}/${index}`);
    if (!tile) return null;
    const column = Math.min(Math.floor(((seconds - index * span) / span) * this.geometry.columns), tile.columns - 1);
    const above = tile.hertz.findIndex((one) => one >= hz);
    const row = above > 0 && hz - tile.hertz[above - 1] < tile.hertz[above] - hz ? above - 1 : Math.max(above, 0);
    const [mixture, ...shares] = Array.from(
      { length: 1 + this.session.stems.length },
      (_, plane) => tile.planes[(plane * tile.hertz.length + row) * tile.columns + column],
    );
    const most = shares.indexOf(Math.max(...shares));
    const whole = this._decibels(mixture);
    return { mixture: whole, stem: this.session.stems[most], level: whole + 20 * Math.log10(Math.max(shares[most], 1) / 255) };
  }

  _decibels(byte) {
    return this.geometry.floor_db + this.geometry.step_db * byte;
  }

  /** Frames of the window that a set has at a frequency. */
  _windowAt(window, hz) {
    const { pivot_hz: pivot, slope, ratio } = this.geometry;
    return Math.min(Math.max(window * (pivot / Math.max(hz, 1)) ** slope, window / ratio), window * ratio);
  }

  /** Seconds that one tile of a level lasts. */
  span(level) {
    return (this.geometry.columns * this.geometry.hop * 2 ** level) / this.session.rate;
  }

  /** The tiles to load, the most urgent first; what was wanted before and is not any more is dropped. */
  want(places) {
    const names = new Set(places.map(nameOf));
    for (const [name, controller] of this.loading) if (!names.has(name)) controller.abort();
    this.wanted = [...names].filter((name) => !this.found.has(name) && !this.loading.has(name) && !this.failed.has(name));
    this._load();
  }

  /** Whether everything of these is at hand. */
  has(places) {
    return places.every((place) => this.found.has(nameOf(place)));
  }

  /** Failed tiles are asked for again. */
  retry() {
    this.failed.clear();
  }

  /** What a tile looks like in `style`; in an older one where time has run out (then `late` is called); or null. */
  painted(place, style, deadline, late) {
    const name = nameOf(place);
    const tile = this.found.get(name);
    if (!tile) return null;
    this.found.delete(name);
    this.found.set(name, tile);
    if (tile.key !== style.key) {
      if (tile.painted && performance.now() > deadline) late();
      else {
        tile.painted = paint(tile, this.geometry, style);
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
      const name = this.wanted.shift();
      const controller = new AbortController();
      this.loading.set(name, controller);
      loadTile(this.session, name, controller.signal)
        .then((planes) => {
          const { hertz } = this.geometry.sets[Number(name.split("/")[0])];
          const columns = planes.length / (hertz.length * (1 + this.session.stems.length));
          this.found.set(name, { planes, hertz, columns, painted: null, key: "" });
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
