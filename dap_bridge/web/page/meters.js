// Peak and loudness of what is heard, and the volume.
// Owns `volume`; listens to it and to `measured`; changes it.

import { byId } from "./dom.js";
import { habits } from "./habits.js";

/** dB; the volume at the left end of its slider is silence. */
export const SILENT_DB = -60;
const HOLD_MS = 2000;
/** What the bars begin with. dB */
const FLOOR_DB = -60;

const inWords = (value, unit) => (value > -100 ? `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} ${unit}` : `−∞ ${unit}`);

export function showMeters(state) {
  let held = { peak: 0, since: 0 };

  function bar(id, value, unit) {
    const place = byId(id);
    const share = Math.min(1, Math.max(0, 1 - value / FLOOR_DB));
    place.style.setProperty("--share", `${100 * share}%`);
    place.querySelector("span").textContent = inWords(value, unit);
    place.setAttribute("aria-valuenow", String(Math.max(FLOOR_DB, Math.min(6, Math.round(value)))));
    place.setAttribute("aria-valuetext", inWords(value, unit));
  }

  function show() {
    const { peak, lufs } = state.measured;
    const now = performance.now();
    if (peak >= held.peak || now - held.since > HOLD_MS) held = { peak, since: now };
    bar("peak", 20 * Math.log10(held.peak || 1e-9), "dB");
    byId("peak").classList.toggle("over", held.peak > 1);
    bar("loudness", lufs, "LUFS");
  }

  function showVolume() {
    byId("volume").value = state.volume;
    const words = state.volume <= SILENT_DB ? "silent" : `${state.volume} dB`;
    byId("volume").setAttribute("aria-valuetext", words);
    byId("volume").title = `Volume: ${words}`;
  }

  const { volume } = habits.kept;
  if (volume >= SILENT_DB && volume <= 0) state.set({ volume });
  byId("volume").addEventListener("input", ({ target }) => {
    state.set({ volume: Number(target.value) });
    habits.keep({ volume: state.volume });
  });
  state.on("measured", show);
  state.on("volume", showVolume);
  show();
  showVolume();
}
