// Examples: a file of a sound alone, for each sound that there is one of.
// Owns the list of them.

import { byId, element } from "../dom.js";

export class Examples {
  constructor(files) {
    this._files = files;
    /** By what each is an example of, in order: {upload, name} or nothing. */
    this._by = [];
    this._names = [];
  }

  /** [{sound, upload}], `sound` from 1. */
  get chosen() {
    return this._names.flatMap((_, k) => (this._by[k] ? [{ sound: k + 1, ...this._by[k] }] : []));
  }

  /** What is there, which is gone from the form then. */
  take() {
    const by = this._by;
    this.giveBack([]);
    return by;
  }

  giveBack(by) {
    this._by = by;
    this._list();
  }

  /** names: of what there may be an example, in words. */
  show(names) {
    if (String(names) === String(this._names)) return;
    this._names = names;
    this._list();
  }

  _list() {
    byId("examples-of").hidden = !this._names.length;
    byId("examples").replaceChildren(...this._names.map((name, k) => this._row(name, k)));
  }

  _row(name, k) {
    const example = this._by[k];
    const set = (value) => {
      this._by[k] = value;
      this._list();
      byId("examples").children[k].querySelector("input, button").focus();
    };
    if (example) {
      const remove = { type: "button", class: "remove", "aria-label": `${name}: none`, onclick: () => set(undefined) };
      return element("li", {}, element("span", { class: "name" }, `${name} ${example.name}`), element("button", remove, "×"));
    }
    const pick = async ({ target }) => {
      const [brought] = await this._files.bring([...target.files]);
      if (brought) set(brought);
    };
    const input = element("input", { type: "file", onchange: pick });
    return element("li", {}, element("label", { class: "button" }, `${name}… `, input));
  }
}
