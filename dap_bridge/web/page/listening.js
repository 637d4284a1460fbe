// What is heard follows the state; the playhead follows what is heard.
// Owns the player, and `playable`; listens to `results`, `shown`, `other`, `alternative`, `stems`, `loop`, `playing` and
// `position`; as it plays it moves `position` and turns the page of `view`.

import { keyOf, Player } from "./player.js";
import { complain } from "./status.js";

export async function beginToListen(state) {
  const { rate } = state.opened;
  try {
    const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    const player = await Player.create(context, state.opened, () => follow(state, player));
    connect(state, player);
    state.set({ playable: true });
  } catch (error) {
    complain(new Error(`This browser cannot play ${rate} Hz: ${error.message}`));
  }
}

function connect(state, player) {
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
    if (state.playing !== player.playing) player.play(state.playing);
  }

  state.on("results shown other alternative stems", () => mix());
  state.on("loop", loop);
  state.on("position", seek);
  state.on("playing", play);
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
