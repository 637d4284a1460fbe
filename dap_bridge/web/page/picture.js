// Draws the tiles that the view shows, and keeps the picture of before until they are there.

import { prepared } from "./axes.js";
import { ground } from "./colours.js";
import { paintDeadline, tileStyle } from "./painting.js";

/** The set of windows that the whole clip is first seen by. */
const OVERVIEW_SET = 1;

/** What stays in a canvas: the last picture that was whole, and what it showed; it stays until another one is whole. */
export class Picture {
  constructor(canvas) {
    Object.assign(this, { canvas, kept: null });
  }

  /**
   * look: {floor, top, colour, map}; stems: with `audible`. `again` is called where something is still to be painted.
   * Gives whether everything that is looked at is there.
   */
  draw(view, tiles, look, stems, again) {
    const context = prepared(this.canvas);
    context.fillStyle = ground(look.map);
    context.fillRect(0, 0, view.width, view.height);
    const style = tileStyle(view, look, stems);
    const deadline = paintDeadline();
    const [there, missing] = [[], []];
    for (const place of placesOf(view, tiles)) {
      const painted = tiles.painted(place, style, deadline, again);
      if (painted) there.push([place, painted]);
      else missing.push(place);
    }
    tiles.want(missing);
    const whole = !missing.length;
    const stays = this._stays(view, tiles, whole);
    const another = stays && this.kept.tiles !== tiles; // of two results nothing is mixed
    const coarsest = tiles.geometry.levels - 1;
    const put = (shown) => shown.forEach(([place, painted]) => lay(context, view, tiles, place, painted));
    if (!another) put(there.filter(([{ level }]) => level === coarsest));
    if (stays) this._layKept(context, view);
    if (!another) put(there.filter(([{ level }]) => level !== coarsest));
    if (whole) this._keep(view, tiles);
    return whole;
  }

  _stays(view, tiles, whole) {
    return !whole && !tiles.failed.size && this.kept?.scale === view.scale;
  }

  _keep({ start, end, bottom, top, scale }, tiles) {
    const { width, height } = this.canvas;
    const copy = this.kept?.copy ?? new OffscreenCanvas(width, height);
    Object.assign(copy, { width, height });
    copy.getContext("2d").drawImage(this.canvas, 0, 0);
    this.kept = { copy, tiles, start, end, bottom, top, scale };
  }

  /** Where its moments and frequencies are now. */
  _layKept(context, view) {
    const { copy, start, end, bottom, top } = this.kept;
    const left = view.x(start);
    const tall = view.height / (view.top - view.bottom);
    context.drawImage(copy, left, (view.top - top) * tall, view.x(end) - left, (top - bottom) * tall);
  }
}

/** Of the tiles that the view shows, the coarse ones first: [{set, level, index}]. */
export function placesOf(view, tiles) {
  const fine = tiles.choose(view);
  const coarsest = { set: OVERVIEW_SET, level: tiles.geometry.levels - 1 };
  const same = fine.level === coarsest.level && fine.set === coarsest.set;
  return (same ? [fine] : [coarsest, fine]).flatMap((one) => visible(view, tiles, one));
}

function visible(view, tiles, { set, level }) {
  const span = tiles.span(level);
  const last = Math.ceil(tiles.columns(level) / tiles.geometry.columns) - 1;
  const from = Math.max(0, Math.floor(view.start / span));
  const to = Math.min(last, Math.floor(view.end / span));
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, offset) => ({ set, level, index: from + offset }));
}

function lay(context, view, tiles, { level, index }, { canvas, scale, low, high }) {
  if (scale !== view.scale) return;
  const span = tiles.span(level);
  const left = view.x(index * span);
  const right = view.x(index * span + (canvas.width * span) / tiles.geometry.columns);
  const tall = view.height / (view.top - view.bottom);
  context.drawImage(canvas, left, (view.top - high) * tall, right - left, (high - low) * tall);
}
