// What lies under the pointer: moment, frequency, note, and how loud the mixture and the stem that has most of it are there.
// Listens to the pointer on the picture, and to `view`.

import { byId, eachFrame } from "./dom.js";
import { clock, decibels, note, pitch } from "./words.js";

/** Below this there is nothing. dB */
const SILENT_DB = -125;

/** levelAt(seconds, hz): see Tiles.at. Gives a function that says it again, where levels may be others now. */
export function showReadout(state, levelAt) {
  const { view } = state;
  const [field, shown] = [byId("field"), byId("pointer-at")];
  let at = null; // CSS pixels

  function levels(seconds, hz) {
    const found = levelAt(seconds, hz);
    if (!found) return [];
    if (found.mixture <= SILENT_DB) return ["silence"];
    return [decibels(found.mixture), `stem ${found.stem.index}: ${decibels(found.level)}`];
  }

  const show = eachFrame(() => {
    if (!at) {
      shown.textContent = "";
      return;
    }
    const [seconds, hz] = [view.time(at.x), view.frequency(at.y)];
    const digits = view.grain.seconds < 0.002 ? 4 : 2;
    shown.textContent = [clock(seconds, digits), pitch(hz), note(hz), ...levels(seconds, hz)].filter(Boolean).join("   ");
    shown.classList.toggle("left", at.y < 40 && at.x > view.width / 2); // out of the pointer's way
  });

  field.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const { left, top } = field.getBoundingClientRect();
    at = { x: event.clientX - left, y: event.clientY - top };
    show();
  });
  field.addEventListener("pointerleave", () => {
    at = null;
    show();
  });
  state.on("view", show);
  return show;
}
