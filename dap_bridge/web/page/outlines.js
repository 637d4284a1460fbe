// Outlines: what a box looks like on the screen, as the path of an SVG. Geometry by the view, and nothing else.

import { teeth } from "./combs.js";
import { hertzOf, rasterOf, timeOf } from "./regions.js";

/** Beyond the view's edge an outline is not followed further. CSS pixels */
const BEYOND = 80;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Where on the screen a moment or a frequency lies, or just beyond its edge. */
export const xOf = (view, seconds) => clamp(view.x(seconds), -BEYOND, view.width + BEYOND);
export const yOf = (view, hertz) => clamp(view.y(hertz), -BEYOND, view.height + BEYOND);

const round = (value) => Math.round(value * 10) / 10;

/** Straight lines through [x, y], closed or not. */
export function lines(points, closed = true) {
  return `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}${closed ? "Z" : ""}`;
}

export function rectangle(x0, y0, x1, y1) {
  return lines([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
}

/** A box, a comb or a region, in pixels of the view. */
export function outline(view, box) {
  const { start, end, low, high } = box;
  if (box.mask) return regionOutline(view, box);
  const bands = box.comb ? teeth(box.comb, high) : [{ low, high }];
  const [left, right] = [xOf(view, start), xOf(view, end)];
  return bands.map((band) => rectangle(left, yOf(view, band.high), right, yOf(view, band.low))).join("");
}

function regionOutline(view, box) {
  const raster = rasterOf(box.mask);
  const xs = Array.from({ length: raster.columns + 1 }, (_, column) => xOf(view, timeOf(raster, box, column)));
  const ys = Array.from({ length: raster.rows + 1 }, (_, row) => yOf(view, hertzOf(raster, box, row)));
  return raster.loops.map((loop) => lines(loop.map(([column, row]) => [xs[column], ys[row]]))).join("");
}
