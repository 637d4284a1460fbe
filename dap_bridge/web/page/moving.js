// Moving boxes and spans by pixels, whatever hand does it. Changes `boxes`.

import { isSpan } from "./boxes.js";

const moves = (edge, dx, dy) => (edge === "start" || edge === "end" ? dx !== 0 : dy !== 0);
const crossed = ({ start, end, low, high }) => start >= end || low >= high;

/**
 * Moves a box, or the named edges of it, by so many pixels from where `box` has it; a span only in time. A comb that moves up
 * is tuned up, by the ratio at `y`, where a hand has it; one whose top moves up has more teeth. gesture: "drag", which is one
 * step to undo, or "key".
 */
export function moveBox({ view, boxes }, box, dx, down, edges, gesture, y = null) {
  if (box.comb) return moveComb({ view, boxes }, box, dx, down, edges, gesture, y);
  return moveEdges({ view, boxes }, box, dx, isSpan(box) ? 0 : down, edges, gesture);
}

function moveComb({ view, boxes }, box, dx, dy, edges, gesture, y) {
  const { comb } = box;
  const changed = edges?.[0] ? { [edges[0]]: view.time(view.x(box[edges[0]]) + dx) } : {};
  if (!edges && dx) Object.assign(changed, shifted(view, box, dx));
  if (!edges && dy) {
    const from = y ?? view.y(comb.fundamental);
    const ratio = view.frequency(from + dy) / view.frequency(from);
    if (Number.isFinite(ratio) && ratio > 0) changed.comb = { ...comb, fundamental: comb.fundamental * ratio };
  }
  if (edges?.[1] === "high" && dy) {
    const top = view.frequency(view.y(box.high) + dy) / comb.fundamental;
    const more = gesture === "key" ? comb.partials - Math.sign(dy) : Math.floor(top);
    changed.comb = { ...comb, partials: more };
  }
  if (crossed({ ...box, ...changed })) return;
  if (Object.keys(changed).length) boxes.change(box.id, changed, gesture);
}

/** Both ends, so far as the clip goes. */
function shifted(view, { start, end }, dx) {
  const right = view.time(view.x(start) + dx) - start;
  const shift = Math.min(Math.max(right, -start), view.seconds - end);
  return { start: start + shift, end: end + shift };
}

function moveEdges({ view, boxes }, box, dx, dy, edges, gesture) {
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
    if (dx) Object.assign(changed, shifted(view, box, dx));
    if (dy && view.y(box.high) + dy >= view.y(view.nyquist) && view.y(box.low) + dy <= view.y(0)) {
      Object.assign(changed, { low: hertz(box.low), high: hertz(box.high) });
    }
  }
  if (Object.keys(changed).length) boxes.change(box.id, changed, gesture);
}
