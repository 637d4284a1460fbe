// How the picture is painted: the range of levels, whose colours, the colour of the masks, the frequency axis.
// Listens to `look`, and changes it; changes the scale of `view`.

import { isByStem, useMap } from "./colours.js";
import { byId, radios } from "./dom.js";
import { habits } from "./habits.js";

/** dB between floor and top, at least. */
const LEAST_DB = 6;

export function showLook(state) {
  const { view } = state;
  const change = (values) => state.set({ look: { ...state.look, ...values } });
  const slides = (id, act) => byId(id).addEventListener("input", ({ target }) => act(Number(target.value)));

  function say(id, value, unit) {
    byId(id).value = value;
    byId(`${id}-value`).textContent = `${value} ${unit}`;
  }

  function show() {
    const { floor, top, colour, map } = state.look;
    useMap(map);
    byId("map").value = map;
    byId("colour").disabled = !isByStem(map);
    say("floor", floor, "dB");
    say("top", top, "dB");
    say("colour", Math.round(100 * colour), "%");
  }

  slides("floor", (floor) => change({ floor, top: Math.max(state.look.top, floor + LEAST_DB) }));
  slides("top", (top) => change({ top, floor: Math.min(state.look.floor, top - LEAST_DB) }));
  slides("colour", (percent) => change({ colour: percent / 100 }));
  byId("map").addEventListener("change", ({ target }) => {
    change({ map: target.value });
    habits.keep({ map: target.value });
  });
  const { map } = habits.kept;
  if ([...byId("map").options].some((one) => one.value === map)) change({ map });
  radios("scale", (scale) => view.setScale(scale))(view.scale);
  state.on("look", show);
  show();
}
