// Listening: stems go to the mixer a few seconds ahead of the playhead, whatever the length of the clip.

import { loadSamples } from "./api.js";

/** Frames of a segment. */
const SEGMENT = 1 << 17;
const AHEAD = 3;
const AT_ONCE = 4;
/** Bytes of samples that stay at hand: what was heard is heard again without a question. */
const KEPT_BYTES = 256 * 2 ** 20;

export const keyOf = (session, stem) => `${session.address}/${stem.index}`;

/**
 * One playhead for the stems of all results, which have one rate and one length. `moved` is told of the position
 * (frames), and whether it plays or waits for samples.
 */
export class Player {
  constructor(context, node, session, moved) {
    Object.assign(this, { context, node, moved, rate: session.rate, frames: session.frames });
    Object.assign(this, { channels: session.channels, position: 0, playing: false, waiting: false });
    this.loop = { start: 0, end: session.frames, looping: true };
    this.sources = new Map(); // key -> {session, stem}
    this.heard = {}; // key -> gain
    this.kept = new Map(); // "key index" -> [key, index]; what was asked for or is at hand, the latest used last
    this.wanted = [];
    this.pending = 0;
    node.port.onmessage = ({ data }) => this._report(data);
  }

  /**
   * `context`: an AudioContext or an OfflineAudioContext at the session's rate, so that nothing is resampled; `output`: the
   * node that is played to.
   */
  static async create(context, session, moved, output = context.destination) {
    await context.audioWorklet.addModule(new URL("mixer.js", import.meta.url));
    const { frames, channels } = session;
    const node = new AudioWorkletNode(context, "mixer", {
      numberOfInputs: 0,
      outputChannelCount: [Math.min(channels, 2)],
      processorOptions: { frames, channels, segment: SEGMENT },
    });
    node.connect(output);
    return new Player(context, node, session, moved);
  }

  /** All that is compared is kept at hand, so that the switch between them is a matter of gains. */
  offer(sessions) {
    this.sources = new Map(
      sessions.flatMap((session) => session.stems.map((stem) => [keyOf(session, stem), { session, stem }])),
    );
    this._fetch();
  }

  /** gains: key -> 0..1; what is not named is silent. */
  hear(gains, atOnce = false) {
    this.heard = gains;
    this._tell("gains", { gains, atOnce });
    this._fetch();
  }

  /** until: the frame where it stops by itself; null: at the clip's end. */
  play(playing = true, until = null) {
    this.playing = playing;
    // A browser lets a page be heard once its user has touched it.
    if (playing && this.context instanceof AudioContext && this.context.state === "suspended") this.context.resume();
    this._tell("play", { playing, until });
    this._fetch();
  }

  seek(frame) {
    this.position = Math.min(Math.max(0, Math.round(frame)), this.frames);
    this._tell("seek", { position: this.position });
    this._fetch();
    this.moved();
  }

  setLoop(start, end, looping) {
    this.loop = { start, end, looping };
    this._tell("range", this.loop);
    this._fetch();
  }

  /** Nothing is heard but what lies between these frames; null: all is. */
  only(gate) {
    this._tell("only", { gate });
  }

  /** Until everything wanted is at hand: for rendering offline. */
  async ready() {
    while (this.pending || this.wanted.length) await new Promise((done) => setTimeout(done, 10));
  }

  _tell(act, values, transfer = []) {
    this.node.port.postMessage({ act, ...values }, transfer);
  }

  _report({ position, playing, waiting, ended }) {
    const segment = Math.floor(this.position / SEGMENT);
    Object.assign(this, { position, waiting });
    if (ended || (!playing && position >= this.frames)) this.playing = false; // the end of what was to be played
    if (Math.floor(position / SEGMENT) !== segment || waiting) this._fetch();
    this.moved();
  }

  /** The segments from the playhead on, in the order in which they will be heard. */
  _upcoming() {
    const found = [];
    let frame = this.position;
    for (let count = 0; count <= AHEAD; count++) {
      if (this.loop.looping && frame >= this.loop.end) frame = this.loop.start;
      if (frame >= this.frames) break;
      const index = Math.floor(frame / SEGMENT);
      if (!found.includes(index)) found.push(index);
      frame = (index + 1) * SEGMENT;
    }
    if (this.loop.looping) found.push(Math.floor(this.loop.start / SEGMENT));
    return found;
  }

  _fetch() {
    const keys = [...this.sources.keys()].sort((a, b) => (this.heard[b] ?? 0) - (this.heard[a] ?? 0));
    this.wanted = this._upcoming().flatMap((index) => keys.map((key) => [key, index]));
    this.wanted = this.wanted.filter(([key, index]) => !this._touch(`${key} ${index}`));
    this._load();
  }

  _touch(name) {
    const known = this.kept.get(name);
    if (!known) return false;
    this.kept.delete(name);
    this.kept.set(name, known);
    return true;
  }

  _load() {
    while (this.pending < AT_ONCE && this.wanted.length) {
      const [key, index] = this.wanted.shift();
      const name = `${key} ${index}`;
      const { session, stem } = this.sources.get(key);
      this.kept.set(name, [key, index]);
      this.pending++;
      loadSamples(session, stem.index, index * SEGMENT, SEGMENT)
        .then((samples) => this._tell("store", { key, index, samples }, [samples.buffer]))
        .catch(() => this.kept.delete(name)) // asked for again when the playhead waits for it
        .finally(() => {
          this.pending--;
          this._evict();
          this._load();
        });
    }
  }

  _evict() {
    const most = Math.max(16, Math.floor(KEPT_BYTES / (SEGMENT * this.channels * 4)));
    for (const [name, [key, index]] of this.kept) {
      if (this.kept.size <= most) break;
      this.kept.delete(name);
      this._tell("drop", { key, index });
    }
  }
}
