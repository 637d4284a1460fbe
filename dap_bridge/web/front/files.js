// The files that are chosen: picked, dropped anywhere on the page, or one of the last; each is uploaded at once.
// Owns the list of them; tells `changed` of it.

import { byId, element } from "../dom.js";
import { complain, say } from "../status.js";
import { upload } from "../uploading.js";
import { clock } from "../words.js";
import { loadUploads } from "./daemon.js";

const plainly = ({ name, seconds }) => [element("span", { class: "name" }, `${name}, ${clock(seconds, 1)}`)];

export class Files {
  constructor(changed) {
    /** [{upload, name, seconds, rate}], as the daemon has them. */
    this.chosen = [];
    this._changed = changed;
    this._mostBytes = Infinity;
    this._coming = 0;
    this._row = plainly;
    /** Of each chosen file, its line in the list. */
    this._lines = new Map();
    byId("pick").addEventListener("change", ({ target }) => this._take(target));
    byId("last").addEventListener("change", ({ target }) => this._again(target));
    listenToDrops(byId("drop"), (files) => this.add(files));
  }

  /** Whether all that was chosen is there. */
  get settled() {
    return !this._coming;
  }

  /** The uploads that are there to be chosen again. */
  async load() {
    const { uploads, most_bytes: mostBytes } = await loadUploads();
    this._mostBytes = mostBytes;
    this._uploads = uploads;
    const named = uploads.map(({ upload: id, name, seconds }) => element("option", { value: id }, `${name} (${clock(seconds, 1)})`));
    byId("last").replaceChildren(element("option", { value: "" }, "…"), ...named);
    byId("lasting").hidden = !uploads.length;
  }

  /** Uploads files; gives what became of them, and says what was refused. */
  async bring(files) {
    const brought = [];
    this._coming += 1;
    this._changed();
    try {
      for (const file of files) {
        say(`${file.name} is read…`);
        try {
          brought.push(await upload(file, this._mostBytes));
          say("");
        } catch (error) {
          complain(error);
        }
      }
      if (brought.length) await this.load();
    } finally {
      this._coming -= 1;
      this._changed();
    }
    return brought;
  }

  async add(files) {
    this._choose([...this.chosen, ...(await this.bring(files))]);
  }

  /** row(file): the elements that stand for a file in the list from now on; else its name and length do. */
  show(row = plainly) {
    this._row = row;
    this._list();
  }

  /** The chosen files, of which none is chosen then. */
  take() {
    const { chosen } = this;
    this._choose([]);
    return chosen;
  }

  giveBack(clips) {
    this._choose([...clips, ...this.chosen]);
  }

  _choose(chosen) {
    this.chosen = chosen;
    this._list();
    this._changed();
  }

  /** The lines are made anew; who is in one of them stays there. */
  _list() {
    const { activeElement: held } = document;
    const [clip] = [...this._lines].find(([, line]) => line.contains(held)) ?? [];
    this._lines = new Map(this.chosen.map((one) => [one, this._line(one)]));
    byId("clips").replaceChildren(...this._lines.values());
    if (this._lines.has(clip)) goOn(this._lines.get(clip).querySelector(`[type=${held.type}]`), held);
  }

  _line(clip) {
    const remove = () => {
      this._choose(this.chosen.filter((one) => one !== clip));
      byId("pick").focus();
    };
    const button = { type: "button", class: "remove", "aria-label": `Leave out ${clip.name}`, onclick: remove };
    return element("li", { title: clip.name }, ...this._row(clip), element("button", button, "×"));
  }

  async _take(input) {
    const files = [...input.files];
    input.value = ""; // so that the same file can be picked again
    await this.add(files);
  }

  _again(select) {
    const clip = this._uploads.find(({ upload: id }) => id === select.value);
    select.value = "";
    if (clip) this._choose([...this.chosen, { ...clip }]); // for it may be chosen twice
  }
}

/** Where somebody was in a field, or on a button or a switch, that stands there no more: in its successor, if it has one. */
function goOn(successor, { selectionStart, selectionEnd }) {
  successor?.focus();
  if (successor?.type === "text") successor.setSelectionRange(selectionStart, selectionEnd);
}

/** The whole page takes files; `shown` says so while some are held over it. */
function listenToDrops(shown, dropped) {
  const show = (over) => shown.classList.toggle("over", over);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    show(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || show(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    show(false);
    dropped([...event.dataTransfer.files]);
  });
}
