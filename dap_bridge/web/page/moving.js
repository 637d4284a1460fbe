// Moving boxes and spans by pixels, whatever hand does it. Changes `boxes`.

import { isSpan } from "./boxes.js";

const moves = (edge, dx, dy) => (edge === "start" || edge === "end" ? dx !== 0 : dy !== 0);
const crossed = ({ start, end, low, high }) => start >= end || low >= high;

/**
 * Moves a box, or the named edges of it, by so many pixels from where `box` has it; a span only in time. gesture: "drag",
 * which is one step to undo, or "key".
 */
export function moveBox({ view, boxes }, box, dx, down, edges, gesture) {
  const dy = isSpan(box) ? 0 : down;
  const time = (seconds) => view.time(view.x(seconds) + dx);
  const hertz = (hz) => view.frequency(view.y(hz) + dy);
  const changed = {};
  if (edges) {
    const [x, y] = edges;
    if (x) changed[x] = time(box[x]);
    if (y) changed[y] = hertz(box[y]);
    if (gesture === "key") for (const edge of edges) if (!moves(edge, dx, dy)) delete changed[edge];
    if (crossed({ ...box, ...changed })) return;
  } else {
    const shift = Math.min(Math.max(time(box.start) - box.start, -box.start), view.seconds - box.end);
    if (dx) Object.assign(changed, { start: box.start + shift, end: box.end + shift });
    if (dy && view.y(box.high) + dy >= view.y(view.nyquist) && view.y(box.low) + dy <= view.y(0)) {
      Object.assign(changed, { low: hertz(box.low), high: hertz(box.high) });
    }
  }
  if (Object.keys(changed).length) boxes.change(box.id, changed, gesture);
}
