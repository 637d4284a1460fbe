// Boxes: what the user knows about the masks. One with a `mask` is a region (regions.js), one with a `comb` has
// teeth (combs.js); and spans are boxes of full height: only one stem is heard there, or it is silent. Values are immutable; every
// change makes a new list, so undo is a stack.
// One of the state's models: it says itself when it has changed, and knows nothing of who shows it.

import { comb, teeth } from "./combs.js";

/** Seconds. */
const LEAST_S = 0.02;
/** A box is at least so tall: a ratio of frequencies, or so many Hz near the bottom. */
const LEAST_RATIO = 2 ** (1 / 12);
const LEAST_HZ = 20;
/** A region is what was drawn, however small; but rows in octaves need a band above 20 Hz. */
const LEAST_REGION_S = 0.001;
const LEAST_REGION_HZ = 1;
const LOWEST_TOP_HZ = 21;
/** Seconds, octaves. */
const MOST_FEATHER = 10;
const MOST_FEATHER_OCTAVES = 4;
const MOST_UNDONE = 200;
/** More than a hand draws: as many as a session holds, spans among them, and as a request holds of each kind of span. */
const MOST_BOXES = 200;
const MOST_SPANS = 16;

export const TAKE_OUT = "deactivate";
export const BRING_IN = "activate";
export const ONLY = "only";
export const SILENT = "silent";
const OPPOSITE = { [TAKE_OUT]: BRING_IN, [BRING_IN]: TAKE_OUT, [ONLY]: SILENT, [SILENT]: ONLY };

export const isSpan = ({ op }) => op === ONLY || op === SILENT;

/** What it is drawn as: "box", "region", "comb" or "span". */
export const kindOf = (box) => (isSpan(box) ? "span" : box.mask ? "region" : box.comb ? "comb" : "box");

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const rounded = (value, digits) => Number(value.toFixed(digits));

let lastId = 0;

/** A box in order: edges sorted, inside the clip, not too small to be meant. Seconds and Hz. */
export function box(values, seconds, nyquist) {
  const { stem, op, strength = 1, feather = null, feather_octaves = null, mask = null, id = ++lastId } = values;
  const teethed = values.comb ? comb(values.comb, nyquist) : null;
  const [start, end] = duration(values, mask ? LEAST_REGION_S : LEAST_S, seconds);
  const [low, high] = band(values, teethed, nyquist);
  lastId = Math.max(lastId, id);
  return Object.freeze({
    id,
    stem,
    op,
    start: rounded(start, 4),
    end: rounded(end, 4),
    low: rounded(low, 1),
    high: rounded(high, 1),
    strength: rounded(clamp(strength, 0, 1), 2),
    feather: feather === null ? null : rounded(clamp(feather, 0, MOST_FEATHER), 4),
    feather_octaves: feather_octaves === null ? null : rounded(clamp(feather_octaves, 0, MOST_FEATHER_OCTAVES), 4),
    mask,
    comb: teethed,
  });
}

function duration(values, least, seconds) {
  const [start, end] = [values.start, values.end].map((t) => clamp(t, 0, seconds)).sort((a, b) => a - b);
  const last = Math.max(end, Math.min(seconds, start + least));
  return [Math.min(start, Math.max(0, last - least)), last];
}

/** From the lowest to the highest, of a comb from its first tooth to its last. */
function band(values, teethed, nyquist) {
  if (isSpan(values)) return [0, nyquist];
  if (teethed) return [teeth(teethed, nyquist)[0].low, teeth(teethed, nyquist).at(-1).high];
  const [low, high] = [values.low, values.high].map((f) => clamp(f, 0, nyquist)).sort((a, b) => a - b);
  const least = values.mask
    ? Math.max(low + LEAST_REGION_HZ, LOWEST_TOP_HZ)
    : Math.max(low * LEAST_RATIO, low + LEAST_HZ);
  const top = Math.max(high, Math.min(nyquist, least));
  return [Math.min(low, Math.max(0, top - (values.mask ? LEAST_REGION_HZ : LEAST_HZ))), top];
}

/** A box as a result tells of it, which tells of a span as a box of full height and strength. */
export function recognised(told, nyquist) {
  if (told.mask || told.low > 0 || told.high < nyquist || told.strength !== 1) return told;
  return { ...told, op: told.op === BRING_IN ? ONLY : SILENT };
}

/** As the protocol writes it, a comb a box for each tooth; without a feather the preset's holds. */
export function asTexts(box) {
  if (!box.comb) return [asText(box)];
  return teeth(box.comb, box.high).map(({ low, high }) => asText({ ...box, low: rounded(low, 1), high: rounded(high, 1) }));
}

function asText({ stem, op, start, end, low, high, strength, feather, feather_octaves, mask }) {
  const fields = { stem, op, start, end, low, high, strength, feather, feather_octaves, mask };
  return Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** What a request says of the spans among them. */
export function spansAsText(list) {
  const of = (op) => list.filter((one) => one.op === op).map(({ stem, start, end }) => `stem=${stem},start=${start},end=${end}`);
  return Object.fromEntries([ONLY, SILENT].map((op) => [op, of(op)]).filter(([, texts]) => texts.length));
}

/** Why a request cannot hold all of them; empty where it can. */
export function tooMany(list) {
  const count = (wanted) => list.filter(wanted).length;
  const boxes = list.flatMap(asTexts).length;
  if (boxes > MOST_BOXES) return `A session holds ${MOST_BOXES} boxes at most, a tooth of a comb is one; these are ${boxes}.`;
  const spans = Math.max(...[ONLY, SILENT].map((op) => count((one) => one.op === op)));
  return spans > MOST_SPANS ? `A request holds ${MOST_SPANS} spans of a kind at most; these are ${spans}.` : "";
}

/** The list of boxes, what is selected in it, what the next one will have, and every list before. */
export class Boxes {
  /** `stem`: of the first box. `changed` is told of every change. */
  constructor(seconds, nyquist, stem, changed) {
    Object.assign(this, { seconds, nyquist, changed, list: [], past: [], future: [], selected: null });
    this.next = { stem, op: TAKE_OUT, strength: 1 };
  }

  get current() {
    return this.list.find((one) => one.id === this.selected) ?? null;
  }

  restore({ list = [], past = [], future = [], masks = [] }) {
    const whole = (one) => (Number.isInteger(one.mask) ? { ...one, mask: masks[one.mask] } : one);
    const sound = (boxes) => boxes.map((one) => box(whole(one), this.seconds, this.nyquist));
    Object.assign(this, { list: sound(list), past: past.map(sound), future: future.map(sound), selected: null });
    this._tell();
  }

  /** What `restore` takes; every mask once, however many lists hold it. */
  saved() {
    const masks = new Map();
    const place = (mask) => masks.get(mask) ?? masks.set(mask, masks.size).size - 1;
    const brief = (list) => list.map((one) => (one.mask ? { ...one, mask: place(one.mask) } : one));
    const { list, past, future } = this;
    const lists = { list: brief(list), past: past.slice(-20).map(brief), future: future.slice(-20).map(brief) };
    return { ...lists, masks: [...masks.keys()] };
  }

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this._tell();
  }

  add(values) {
    return this.addAll([values])[0];
  }

  /** Adds several at once, one step to undo; the first is selected. */
  addAll(several) {
    const made = several.map((values) => box(values, this.seconds, this.nyquist));
    this._become([...this.list, ...made]);
    if (made.length) this.select(made[0].id);
    return made;
  }

  /** Sets what the selected box has, or, where none is, the next one. */
  set(values, coalesce = null) {
    if (this.current) return this.change(this.selected, values, coalesce);
    this.next = { ...this.next, ...values };
    return this.changed();
  }

  /** Turns what the selected box says, or the next one, into the opposite. */
  turn() {
    this.set({ op: OPPOSITE[(this.current ?? this.next).op] });
  }

  /** `coalesce`: one step to undo for a gesture of many changes (a drag, a slider). */
  change(id, values, coalesce = null) {
    const list = this.list.map((one) => (one.id === id ? box({ ...one, ...values }, this.seconds, this.nyquist) : one));
    this._become(list, coalesce && `${coalesce} ${id}`);
  }

  remove(id) {
    const index = this.list.findIndex((one) => one.id === id);
    const rest = this.list.filter((one) => one.id !== id);
    if (this.selected === id) this.selected = rest[Math.min(index, rest.length - 1)]?.id ?? null;
    this._become(rest);
  }

  undo() {
    this._step(this.past, this.future);
  }

  redo() {
    this._step(this.future, this.past);
  }

  /** The gesture has ended: what follows is a step of its own. */
  settle() {
    this._gesture = null;
  }

  _become(list, gesture = null) {
    if (!gesture || gesture !== this._gesture) this.past = [...this.past, this.list].slice(-MOST_UNDONE);
    this._gesture = gesture;
    this.list = list;
    this.future = [];
    this._tell();
  }

  _step(from, to) {
    if (!from.length) return;
    to.push(this.list);
    this.list = from.pop();
    this._gesture = null;
    if (!this.current) this.selected = null;
    this._tell();
  }

  /** The next box is like the one that was looked at last, or about the same stem as the span. */
  _tell() {
    if (this.current) {
      const { stem, op, strength } = this.current;
      this.next = isSpan(this.current) ? { ...this.next, stem } : { stem, op, strength };
    }
    this.changed();
  }
}
