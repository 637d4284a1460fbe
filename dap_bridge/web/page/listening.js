// What is heard follows the state; the playhead follows what is heard.
// Owns the player and the monitor, `playable` and `measured`; listens to `results`, `shown`, `other`, `alternative`, `stems`,
// `whole`, `loop`, `playing`, `until`, `only`, `volume` and `position`; as it plays it moves `position` and turns the page of
// `view`.

import { SILENT_DB } from "./meters.js";
import { Monitor } from "./monitor.js";
import { persist } from "./persist.js";
import { keyOf, Player } from "./player.js";
import { complain } from "./status.js";

/** The name of the error where what runs in the audio thread does not arrive. */
const UNLOADED = "AbortError";

export async function beginToListen(state) {
  const { rate } = state.opened;
  try {
    connect(state, ...(await persist(() => opened(state), ({ name }) => name !== UNLOADED)));
    state.set({ playable: true });
  } catch (error) {
    complain(new Error(`This browser cannot play ${rate} Hz: ${error.message}`));
  }
}

/** A player, and the monitor that it plays to. A context of their own each time: one whose module did not arrive never asks for it again. */
async function opened(state) {
  const context = new AudioContext({ sampleRate: state.opened.rate, latencyHint: "interactive" });
  try {
    const monitor = await Monitor.create(context, (measured) => state.set({ measured }));
    const player = await Player.create(context, state.opened, () => follow(state, player), monitor.input);
    return [player, monitor];
  } catch (error) {
    context.close();
    throw error;
  }
}

function connect(state, player, monitor) {
  function mix(atOnce = false) {
    const { heard, result, results, other } = state;
    const answers = result.session.alternatives.map(({ answer }) => answer);
    player.offer([...new Set([heard, ...answers, state.answerOf(results[other])])]);
    const gains = state.mix.map((stem) => [keyOf(heard, stem), stem.audible ? 1 : 0]);
    player.hear(Object.fromEntries(gains), atOnce);
  }

  function loop() {
    const { start, end, looping } = state.loop;
    player.setLoop(start * player.rate, end * player.rate, looping);
  }

  function seek() {
    if (state.position !== player.position) player.seek(state.position);
  }

  function play() {
    const until = state.until === null ? null : state.until * player.rate;
    if (state.playing !== player.playing || (state.playing && until !== null)) player.play(state.playing, until);
  }

  function only() {
    const box = state.only;
    player.only(box && [box.start * player.rate, box.end * player.rate]);
    monitor.only(box && { low: box.low, high: box.high });
  }

  const volume = () => monitor.setVolume(state.volume, SILENT_DB);

  state.on("results shown other alternative stems whole", () => mix());
  state.on("only", only);
  state.on("volume", volume);
  state.on("loop", loop);
  state.on("position", seek);
  state.on("playing until", play);
  only();
  volume();
  loop();
  seek();
  mix(true);
}

/** The player has moved, or come to the end of the clip. */
function follow(state, player) {
  const { position, playing } = player;
  state.set({ position, playing });
  if (playing) state.view.follow(position / player.rate);
}
