// The picture of what is heard, between its axes, drawn anew before the next frame wherever something changes.
// Owns the tiles; listens to `view`, `look`, `stems`, `whole`, `loop`, `shown`, `other`, `alternative` and `connected`; changes
// the size of `view`, and `look` once, when the first overview says what is loud in this clip.

import { drawFrequencies, drawTimes } from "./axes.js";
import { onThemeChange } from "./colours.js";
import { byId, eachFrame } from "./dom.js";
import { Picture, placesOf } from "./picture.js";
import { showReadout } from "./readout.js";
import { Tiles } from "./tiles.js";

/** From the top to the floor, where there is room for so much. dB */
const RANGE_DB = 78;
const LOWEST_FLOOR_DB = -120;
const LOWEST_TOP_DB = -80;

export function showSpectrogram(state) {
  const { view } = state;
  const place = byId("field");
  const picture = new Picture(byId("picture"));
  const opened = new WeakMap(); // session -> its tiles
  let tiles = tilesOf(state.heard);
  let ranged = false;
  const draw = eachFrame(() => {
    if (view.width < 2) return;
    const whole = picture.draw(view, tiles, state.look, state.mix, draw);
    place.setAttribute("aria-busy", String(!whole));
    if (whole) prepare();
    sayAgain();
    drawTimes(byId("times"), view, state.loop);
    drawFrequencies(byId("frequencies"), view);
  });

  function tilesOf(session) {
    if (!opened.has(session)) opened.set(session, new Tiles(session, arrived));
    return opened.get(session);
  }

  /** What may be switched to is there before it is looked at. */
  function prepare() {
    const { result, results, other } = state;
    const answers = result.session.alternatives.map(({ answer }) => answer);
    const others = [...answers, state.answerOf(results[other])].map(tilesOf).filter((one) => one !== tiles);
    for (const one of new Set(others)) one.want(placesOf(view, one));
  }

  function arrived() {
    if (!ranged) range(tiles.loudest);
    draw();
  }

  function range(loudest) {
    if (loudest === null) return;
    ranged = true;
    const top = Math.min(0, Math.max(LOWEST_TOP_DB, Math.ceil(loudest)));
    state.set({ look: { ...state.look, floor: Math.max(LOWEST_FLOOR_DB, top - RANGE_DB), top } });
  }

  function change() {
    if (tiles.session !== state.heard) {
      tiles.close();
      tiles = tilesOf(state.heard);
      place.setAttribute("aria-busy", "true"); // until it is this one's picture
    }
    draw();
  }

  state.on("view look stems whole loop other", draw);
  state.on("shown alternative", change);
  state.on("connected", () => {
    tiles.retry();
    draw();
  });
  onThemeChange(draw);
  const sayAgain = showReadout(state, (seconds, hz) => tiles.at(view, seconds, hz));
  new ResizeObserver(() => view.resize(place.clientWidth, place.clientHeight)).observe(place);
}
