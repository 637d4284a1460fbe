// A clip, and stems of it that something else made: which of the chosen files is the clip, and what the others are called.
// Owns what a person says of them, in the list of `Files`; whatever is not said is guessed from the files' names.

import { element } from "../dom.js";
import { clock } from "../words.js";

// What stems are called by those who make them, and clips hardly are; each a word by itself, as in song_(Vocals)_2.wav.
const KINDS =
  "vocals?|voices?|singing|lead|backing|drums?|percussion|bass|guitars?|piano|keys|strings|synths?|instrumental|" +
  "accompaniment|music|speech|dialogu?e?|effects|noise|stems?|other|rest|remainder";
const STEM = new RegExp(`(?<!\\p{L})(${KINDS})(?!\\p{L})`, "iu");

/** What a file is called without what says its format. */
export const bare = ({ name }) => name.replace(/\.[^.]+$/, "");

export class Parts {
  constructor(files) {
    this._files = files;
    this._said = null;
    /** By file: what its stem is called, where a person has said so. */
    this._called = new WeakMap();
  }

  /** The clip: the one that was said to be, else the first that is not called as a stem, else the first. */
  get whole() {
    const { chosen } = this._files;
    return chosen.find((one) => one === this._said) ?? chosen.find((one) => !STEM.test(bare(one))) ?? chosen[0];
  }

  /** The others in their order, each with what it is `called`. */
  get stems() {
    const { whole } = this;
    return this._files.chosen.filter((one) => one !== whole).map((one) => ({ ...one, called: this._nameOf(one) }));
  }

  /** In the list of files, from now on. */
  show() {
    this._files.show((file) => this._row(file));
  }

  _row(file) {
    const whole = file === this.whole;
    const radio = element("input", { type: "radio", name: "whole", checked: whole, onchange: () => this._say(file) });
    const about = element("label", { class: "whole" }, radio, " clip", element("span", { class: "unseen" }, `: ${file.name}`));
    const length = clock(file.seconds, 1);
    if (whole) return [about, element("span", { class: "name" }, `${file.name}, ${length}`)];
    const call = ({ target }) => this._called.set(file, target.value.trim());
    const field = { type: "text", value: this._nameOf(file), maxlength: 200, "aria-label": `Name of stem ${file.name}`, oninput: call };
    return [about, element("input", field), element("span", { class: "quiet" }, length)];
  }

  _nameOf(file) {
    return this._called.get(file) ?? bare(file);
  }

  _say(file) {
    this._said = file;
    this.show();
  }
}
