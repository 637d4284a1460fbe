// The page's one state: every value that more than one module reads.
//
// Data goes one way. An event (a key, a pointer, the daemon) changes the state, with `set` or through one of its models,
// `boxes` and `view`; the state tells whoever listens to what has changed, by name; they show it, and change nothing.
// A new part of the page is a module that listens to names, and perhaps a value here.

import { Boxes } from "./boxes.js";
import { View } from "./view.js";

export class State {
  constructor(session) {
    const nyquist = session.rate / 2;
    this._listeners = [];
    /** As the daemon tells it; the one that the page was opened with. */
    this.opened = session;
    /** Of the clip. */
    this.seconds = session.frames / session.rate;

    /**
     * [{session, label, note}]: the opened one first, then as they came; which is seen and heard, and which it is compared
     * with.
     */
    this.results = [{ session, label: session.parent ? "As opened" : "Original", note: "" }];
    this.shown = 0;
    this.other = 0;
    /** Which of its answers is seen and heard, of a result that has several. */
    this.alternative = 1;

    this.stems = session.stems.map(({ index, name, role }) => ({ index, name, role, muted: false, solo: false }));
    /** Whether the clip as it is is heard and seen, whatever is muted. */
    this.whole = false;
    this.boxes = new Boxes(this.seconds, nyquist, this.stems[0].index, () => this._tell(["boxes"]));
    /** What is being drawn: {d, stem, op, how, wide, core}, a path in pixels, and how wide a brush draws it; or null. */
    this.draft = null;
    /** Boxes that are offered to be added, {box, events: [{start, end, likeness}], least: the likeness asked for}; or null. */
    this.similar = null;

    this.view = new View(this.seconds, nyquist, () => this._tell(["view"]));
    /** floor, top: dB; colour: 0..1, how strongly masks are coloured; map: whose colours, see colours.js. */
    this.look = { floor: -90, top: -10, colour: 1, map: "stems" };
    /** What dragging does: "box", "brush", "lasso", "comb", "select" or "pan". */
    this.tool = "box";
    /** What a drawing does to the selected box: "new" (nothing: it is another), "add" or "erase". */
    this.how = "new";
    /** size: CSS pixels across; hardness: 0..1, the share of it that is no feather. */
    this.brush = { size: 32, hardness: 1 };
    /** Of the next comb. */
    this.comb = { cents: 60, partials: 16 };

    /** Seconds; the stretch of time that is chosen, whether it loops or not. */
    this.loop = { start: 0, end: this.seconds, looping: true };
    /** Of the playhead, in frames: where the player is, or where a hand puts it. */
    this.position = 0;
    this.playing = false;
    /** Where it stops by itself, in seconds; null: at the clip's end. */
    this.until = null;
    /** What is heard alone, {start, end, low, high} in seconds and Hz; or null. */
    this.only = null;
    /** Seconds that playing begins before where it is begun. */
    this.preroll = 0;
    /** dB */
    this.volume = 0;
    /** Of what is heard: sample peak, and momentary loudness in LUFS. */
    this.measured = { peak: 0, lufs: -Infinity };
    /** Whether there is something to play with. */
    this.playable = false;

    /** Whether a correction is of the whole clip, or only around the boxes. */
    this.carry = true;
    /** A job that is asked for, {kind, message, about}, until it is begun; or null. */
    this.wanted = null;
    /** The job that runs, as `Jobs` has it, and the last that was told of it: {fraction, stage, seconds_left}; or null. */
    this.job = null;
    this.progress = null;
    /** Whether the daemon answers. */
    this.connected = true;
  }

  /** Calls `act` after a change of any of `names`: on("boxes view", draw). */
  on(names, act) {
    const wanted = names.split(" ");
    this._check(wanted);
    this._listeners.push({ wanted, act });
  }

  /** Takes new values; what is the same as before is no change. */
  set(values) {
    this._check(Object.keys(values));
    const changed = Object.keys(values).filter((name) => !Object.is(this[name], values[name]));
    Object.assign(this, values);
    if (changed.length) this._tell(changed);
  }

  /** The result that is looked at. */
  get result() {
    return this.results[this.shown];
  }

  /** What is seen and heard: a session, or what is like one. */
  get heard() {
    return this.answerOf(this.result);
  }

  /** Of a result, the answer that is chosen where it has several, else itself. */
  answerOf({ session }) {
    return session.alternatives.find(({ index }) => index === this.alternative)?.answer ?? session;
  }

  /** The stretch of time that is chosen: {start, end}, or null, where that is the whole clip. */
  get stretch() {
    const { start, end } = this.loop;
    return start > 0 || end < this.seconds ? { start, end } : null;
  }

  /** The stems, each with `audible`: whether it is heard and drawn. */
  get mix() {
    const soloed = this.stems.some((stem) => stem.solo);
    return this.stems.map((stem) => ({ ...stem, audible: this.whole || (soloed ? stem.solo : !stem.muted) }));
  }

  /** Puts the playhead somewhere. */
  seek(seconds) {
    const { rate, frames } = this.opened;
    this.set({ position: Math.min(Math.max(0, Math.round(seconds * rate)), frames) });
  }

  _check(names) {
    for (const name of names) if (!Object.hasOwn(this, name)) throw new Error(`the state holds no ${name}`);
  }

  _tell(names) {
    for (const { wanted, act } of this._listeners) if (wanted.some((name) => names.includes(name))) act();
  }
}
