// The page: one session, its results, its boxes; everything that is seen and heard follows from these.

import { loadSession, send } from "./api.js";
import { asText, Boxes, BRING_IN, TAKE_OUT } from "./boxes.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, eachFrame, element } from "./dom.js";
import { forgetOld, keep, kept } from "./memory.js";
import { Field, sentence, signOf } from "./field.js";
import { Jobs } from "./jobs.js";
import { listenToKeys, listKeys } from "./keys.js";
import { drawFrequencies, drawPicture, drawTimes } from "./picture.js";
import { keyOf, Player } from "./player.js";
import { Tiles } from "./tiles.js";
import { band, clock, stretch, View } from "./view.js";

const OPENED = decodeURIComponent(location.pathname.split("/edit/")[1] ?? "");
/** dB between floor and top where the clip itself says nothing else. */
const RANGE_DB = 78;
/** A change of a stem below this is none. dB */
const SILENT_DB = -120;
/** More than a hand draws, and as many as a session holds. */
const MOST_BOXES = 200;
/** Of a box: decimals that are shown, of seconds and of Hz. */
const EDGES = Object.entries({ start: 3, end: 3, low: 0, high: 0 });

class Editor {
  constructor(session) {
    this.opened = session;
    this.results = [{ session, label: session.parent ? "As opened" : "Original" }];
    this.shown = 0;
    this.other = 0;
    this.stems = session.stems.map(({ index, name, role }) => ({ index, name, role, muted: false, solo: false }));
    this.template = { stem: this.stems[0].index, op: TAKE_OUT, strength: 1 };
    this.look = { floor: -90, top: -10, colour: 1 };
    this.seconds = session.frames / session.rate;
    this.loop = { start: 0, end: this.seconds, looping: true };
    this.view = new View(this.seconds, session.rate / 2);
    this.draw = eachFrame(() => this._draw());
    this.boxes = new Boxes(this.seconds, session.rate / 2, () => this._boxesChanged());
    this.field = new Field({
      view: this.view,
      boxes: this.boxes,
      tool: () => document.querySelector("input[name=tool]:checked").value,
      template: () => this.template,
      looked: this.draw,
      seek: (seconds) => this.seek(seconds),
    });
    this.tiles = this._tilesOf(session);
    this.player = null;
    this.jobs = null;
  }

  get result() {
    return this.results[this.shown];
  }

  async begin() {
    document.title = `${title(this.opened)} – mask editor`;
    byId("title").textContent = title(this.opened);
    byId("title").title = this.opened.session;
    byId("carrying").hidden = !(this.opened.chunks > 1);
    forgetOld();
    this._listStems();
    this._wire();
    await this._remember();
    this.show(this.shown);
    new ResizeObserver(() => {
      this.view.width = this.field.place.clientWidth;
      this.view.height = this.field.place.clientHeight;
      this.draw();
    }).observe(this.field.place);
    onThemeChange(() => {
      this._listStems();
      this.draw();
    });
    for (const warning of this.opened.warnings ?? []) say(warning);
    await this._beginToListen();
  }

  async _beginToListen() {
    try {
      const context = new AudioContext({ sampleRate: this.opened.rate, latencyHint: "interactive" });
      this.player = await Player.create(context, this.opened, () => this._moved());
      this._applyLoop();
      this.hear(true);
    } catch (error) {
      complain(new Error(`This browser cannot play ${this.opened.rate} Hz: ${error.message}`));
    }
  }

  // --- results ---

  show(index) {
    if (index !== this.shown) this.other = this.shown;
    this.shown = index;
    if (this.tiles.session !== this.result.session) {
      this.tiles.close();
      this.tiles = this.result.tiles ?? this._tilesOf(this.result.session);
    }
    this.result.tiles = this.tiles;
    this._listResults();
    this.hear();
    this.draw();
    this._save();
  }

  compare() {
    if (this.results.length < 2) return say("There is one result so far: refine first.");
    const other = this.other !== this.shown ? this.other : this.shown ? 0 : this.results.length - 1;
    this.show(other);
    return say(`${this.result.label}.`);
  }

  _add(session, label) {
    if (label === "Preview") this.results = this.results.filter((one) => one.label !== label || one === this.result);
    this.shown = Math.max(0, this.results.indexOf(this.result));
    this.results.push({ session, label });
  }

  _tilesOf(session) {
    const tiles = new Tiles(session, () => {
      this._fitRange(tiles);
      this.draw();
    });
    return tiles;
  }

  /** The first overview decides what is loud in this clip. */
  _fitRange(tiles) {
    const overview = tiles.found.get(`${tiles.geometry.levels - 1}/0`);
    if (this.ranged || !overview) return;
    this.ranged = true;
    const size = tiles.geometry.bins * overview.columns;
    let loudest = 0;
    for (let at = 0; at < size; at++) loudest = Math.max(loudest, overview.planes[at]);
    const top = Math.min(0, Math.max(-80, Math.ceil(tiles.geometry.floor_db + loudest * tiles.geometry.step_db)));
    this._setRange(Math.max(-120, top - RANGE_DB), top);
  }

  _listResults() {
    byId("results").replaceChildren(
      ...this.results.map(({ session, label }, index) => {
        const radio = element("input", {
          type: "radio",
          name: "result",
          value: session.session,
          checked: index === this.shown,
          onchange: () => this.show(index),
        });
        return element("label", {}, radio, element("span", {}, label));
      }),
    );
    byId("compare").disabled = this.results.length < 2;
    byId("compare").setAttribute("aria-pressed", String(this.results.length > 1 && this.shown < this.other));
  }

  // --- stems ---

  _listStems() {
    byId("stems").replaceChildren(
      ...this.stems.map((stem) => {
        const name = stem.role === "source" ? `Stem ${stem.index}` : `Stem ${stem.index}, ${stem.role}`;
        const swatch = element("span", { class: "swatch" });
        swatch.style.setProperty("--stem", stemColour(stem.index));
        const radio = element("input", {
          type: "radio",
          name: "stem",
          value: stem.index,
          checked: stem.index === this.template.stem,
          onchange: () => this.chooseStem(stem.index),
        });
        return element(
          "li",
          { class: "stem", title: stem.name },
          element("label", {}, radio, swatch, element("span", { class: "name" }, name)),
          this._toggle("M", `Mute ${name}`, stem.muted, () => this.mute(stem)),
          this._toggle("S", `Solo ${name}`, stem.solo, () => this.solo(stem)),
        );
      }),
    );
  }

  _toggle(text, label, pressed, act) {
    return element(
      "button",
      { type: "button", "aria-label": label, title: label, "aria-pressed": String(pressed), onclick: act },
      text,
    );
  }

  chooseStem(index) {
    const stem = this.stems.find((one) => one.index === index);
    if (!stem) return;
    this.template = { ...this.template, stem: index };
    for (const radio of document.querySelectorAll("input[name=stem]")) radio.checked = Number(radio.value) === index;
    if (this.boxes.current) this.boxes.change(this.boxes.selected, { stem: index });
    else this._showInspector();
  }

  get chosen() {
    return this.stems.find((stem) => stem.index === this.template.stem);
  }

  mute(stem) {
    stem.muted = !stem.muted;
    this._switched();
  }

  solo(stem) {
    stem.solo = !stem.solo;
    this._switched();
  }

  _switched() {
    this.stems.forEach((stem, place) => {
      const [mute, solo] = byId("stems").children[place].querySelectorAll("button");
      mute.setAttribute("aria-pressed", String(stem.muted));
      solo.setAttribute("aria-pressed", String(stem.solo));
    });
    this.hear();
    this.draw();
  }

  _audible() {
    const soloed = this.stems.some((stem) => stem.solo);
    return this.stems.map((stem) => ({ ...stem, audible: soloed ? stem.solo : !stem.muted }));
  }

  // --- listening ---

  hear(atOnce = false) {
    if (!this.player) return;
    const sessions = new Set([this.result.session, this.results[this.other]?.session ?? this.result.session]);
    this.player.offer([...sessions]);
    const gains = {};
    for (const stem of this._audible()) gains[keyOf(this.result.session, stem)] = stem.audible ? 1 : 0;
    this.player.hear(gains, atOnce);
  }

  play() {
    this.player?.play(!this.player.playing);
    this._moved();
  }

  seek(seconds) {
    this.player?.seek(seconds * this.opened.rate);
  }

  setLoop(start, end) {
    this.loop = { ...this.loop, start, end };
    this._applyLoop();
  }

  toggleLoop() {
    this.loop.looping = !this.loop.looping;
    this._applyLoop();
  }

  loopBox() {
    const box = this.boxes.current;
    if (box) {
      this.setLoop(box.start, box.end);
      this.seek(box.start);
    } else this.setLoop(0, this.seconds);
  }

  _applyLoop() {
    const { start, end, looping } = this.loop;
    this.player?.setLoop(start * this.opened.rate, end * this.opened.rate, looping);
    byId("loop").setAttribute("aria-pressed", String(looping));
    this.draw();
  }

  _moved() {
    const { player, view } = this;
    const seconds = player.position / player.rate;
    byId("clock").textContent = `${clock(seconds)} / ${clock(this.seconds)}`;
    byId("play").textContent = player.playing ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", String(player.playing));
    if (player.playing && !this.field.gesture && view.follow(seconds)) this.draw();
    byId("playhead").style.transform = `translateX(${view.x(seconds)}px)`;
  }

  // --- boxes ---

  _boxesChanged() {
    if (this.boxes.current) {
      const { stem, op, strength } = this.boxes.current;
      this.template = { stem, op, strength };
    }
    this._showInspector();
    this._listBoxes();
    this.field.draw();
    this._save();
  }

  _showInspector() {
    const box = this.boxes.current;
    const { op, strength, stem } = box ?? this.template;
    byId("box-title").textContent = box ? `Box ${this.boxes.list.indexOf(box) + 1}` : "Next box";
    document.querySelector(`input[name=op][value=${op}]`).checked = true;
    for (const radio of document.querySelectorAll("input[name=stem]")) radio.checked = Number(radio.value) === stem;
    byId("box-says").textContent =
      op === BRING_IN ? `What sounds there is stem ${stem}.` : `What sounds there is not stem ${stem}.`;
    byId("strength").value = Math.round(100 * strength);
    byId("strength-value").textContent = `${Math.round(100 * strength)} %`;
    byId("exact").hidden = !box;
    if (box) for (const [edge, digits] of EDGES) byId(`box-${edge}`).value = Number(box[edge].toFixed(digits));
    byId("undo").disabled = !this.boxes.past.length;
    byId("redo").disabled = !this.boxes.future.length;
    this._showActions();
  }

  _listBoxes() {
    const rows = this.boxes.list.map((box, index) => {
      const words = sentence(box, index + 1);
      const swatch = element("span", { class: "swatch" });
      swatch.style.setProperty("--stem", stemColour(box.stem));
      const short = `${signOf(box)} ${stretch(box.start, box.end)}, ${band(box.low, box.high)}`;
      const pick = element(
        "button",
        { type: "button", class: "pick", title: words, "aria-pressed": String(box.id === this.boxes.selected) },
        swatch,
        element("span", {}, short),
      );
      pick.addEventListener("click", () => {
        this.boxes.select(box.id);
        if (box.end < this.view.start || box.start > this.view.end) this.view.showTime(box.start, box.end);
        this.draw();
        this.field.focusBox(box.id);
      });
      const remove = element(
        "button",
        { type: "button", class: "remove", "aria-label": `Remove box ${index + 1}`, onclick: () => this._removeListed(box.id) },
        "×",
      );
      return element("li", {}, pick, remove);
    });
    byId("list").replaceChildren(...rows);
    byId("no-boxes").hidden = rows.length > 0;
  }

  _removeListed(id) {
    this.boxes.remove(id);
    (byId("list").querySelector(".remove") ?? this.field.place).focus();
  }

  /** Sets what the selected box has, or the next one. */
  setBox(values, gesture = null) {
    this.template = { ...this.template, ...values };
    if (this.boxes.current) this.boxes.change(this.boxes.selected, values, gesture);
    else this._showInspector();
  }

  turn() {
    this.setBox({ op: this.template.op === BRING_IN ? TAKE_OUT : BRING_IN });
  }

  strengthen(by) {
    this.setBox({ strength: Math.min(1, Math.max(0, this.template.strength + by)) });
  }

  // --- jobs ---

  async refine(fit) {
    const { length } = this.boxes.list;
    if (this.jobs.job || !length) return;
    if (length > MOST_BOXES) return complain(new Error(`A session holds ${MOST_BOXES} boxes at most; these are ${length}.`));
    const message = {
      verb: "refine",
      session: this.opened.session,
      box: this.boxes.list.map(asText),
      keep: false, // the list is complete
      fit,
      carry: byId("carry").checked,
    };
    await attempt(() => this.jobs.start(message, fit ? "Refined" : "Preview"));
    if (!this.jobs.job) this._showWork(null);
    this._showActions();
    return this._save();
  }

  async _done({ name, kind }) {
    await attempt(async () => {
      const session = await loadSession(name);
      const count = this.results.filter((one) => one.label.startsWith("Refined")).length;
      const label = kind === "Preview" ? kind : `${kind} ${count + 1}`;
      this._add(session, label);
      this.show(this.results.length - 1);
      say([`${label} is ready.`, outside(session), ...(session.warnings ?? [])].filter(Boolean).join(" "));
    });
    this._showWork(null);
  }

  async sendToHost() {
    await attempt(async () => {
      await send({ verb: "choose", job: this.opened.session, session: this.result.session.session });
      say(`${this.result.label} is sent: the host imports it.`);
    });
  }

  _showWork(progress) {
    byId("work").hidden = !progress;
    if (progress) {
      byId("progress").value = progress.fraction;
      const left = progress.seconds_left > 0 ? `, ${Math.ceil(progress.seconds_left)} s left` : "";
      byId("stage-name").textContent = `${progress.stage}${left}`;
    }
    this._showActions();
    this._save();
  }

  _showActions() {
    const idle = !this.jobs?.job && this.boxes.list.length > 0;
    for (const id of ["preview", "refine"]) byId(id).disabled = !idle;
  }

  _beginJobs(job) {
    this.jobs = new Jobs({
      progress: (event) => this._showWork(event),
      done: (ended) => this._done(ended),
      failed: (error) => {
        this._showWork(null);
        complain(error);
      },
      cancelled: () => {
        this._showWork(null);
        say("Cancelled.");
      },
      connection: (there) => this._connected(there),
    });
    if (job) this.jobs.carryOn(job);
  }

  _connected(there) {
    if (there === this.connected) return;
    if (!there) complain(new Error("The bridge does not answer; it is looked for again."));
    else if (this.connected === false) {
      say("The bridge is back.");
      this.tiles.retry();
      this.draw();
    }
    this.connected = there;
  }

  // --- across reloads ---

  _save() {
    if (!this.jobs) return;
    const results = this.results.slice(1).map(({ session, label }) => ({ name: session.session, label }));
    const { shown, other } = this;
    keep(this.opened, { boxes: this.boxes.saved(), results, shown, other, job: this.jobs.job, carry: byId("carry").checked });
  }

  async _remember() {
    const { opened } = this;
    const memory = kept(opened) ?? {
      boxes: { list: opened.boxes ?? [] },
      results: opened.parent ? [{ name: opened.parent, label: "Before" }] : [],
      other: 1,
      carry: opened.carry,
    };
    byId("carry").checked = memory.carry !== false;
    const found = await Promise.allSettled((memory.results ?? []).map(({ name }) => loadSession(name)));
    found.forEach(({ value }, index) => {
      if (value) this.results.push({ session: value, label: memory.results[index].label });
    });
    const known = (index) => (this.results[index] ? index : 0);
    this.shown = known(memory.shown);
    this.other = known(memory.other);
    this.boxes.restore(memory.boxes);
    this._beginJobs(memory.job);
    this._showInspector();
  }

  // --- drawing and wiring ---

  _draw() {
    const { view } = this;
    if (view.width < 2) return;
    const whole = drawPicture(byId("picture"), view, this.tiles, this.look, this._audible(), this.draw);
    this.field.place.setAttribute("aria-busy", String(!whole));
    drawTimes(byId("times"), view, this.loop.looping ? this.loop : null);
    drawFrequencies(byId("frequencies"), view);
    this.field.draw();
    if (this.player) this._moved();
  }

  _setRange(floor, top) {
    this.look = { ...this.look, floor: Math.min(floor, top - 6), top };
    byId("floor").value = this.look.floor;
    byId("top").value = top;
    byId("floor-value").textContent = `${this.look.floor} dB`;
    byId("top-value").textContent = `${top} dB`;
    this.draw();
  }

  _wire() {
    const on = (id, name, act) => byId(id).addEventListener(name, act);
    const click = (id, act) => on(id, "click", act);
    const actions = {
      play: () => this.play(),
      loop: () => this.toggleLoop(),
      loopBox: () => this.loopBox(),
      compare: () => this.compare(),
      stem: (index) => this.chooseStem(index),
      mute: () => this.mute(this.chosen),
      solo: () => this.solo(this.chosen),
      newBox: () => this.field.addAt((this.player?.position ?? 0) / this.opened.rate),
      turn: () => this.turn(),
      weaker: () => this.strengthen(-0.1),
      stronger: () => this.strengthen(0.1),
      remove: () => this.boxes.current && this.boxes.remove(this.boxes.selected),
      undo: () => this.boxes.undo(),
      redo: () => this.boxes.redo(),
      carry: () => !byId("carrying").hidden && byId("carry").click(),
      preview: () => this.refine(false),
      refine: () => this.refine(true),
      escape: () => (this.jobs.job ? attempt(() => this.jobs.cancel()) : this.boxes.select(null)),
      draw: () => this._chooseTool("draw"),
      pan: () => this._chooseTool("pan"),
      zoomIn: () => this._look(() => this.view.zoomTime(1.5)),
      zoomOut: () => this._look(() => this.view.zoomTime(1 / 1.5)),
      fit: () => this._look(() => this.view.fit()),
      help: () => byId("keys").showModal(),
      arrow: (key, far) => this._arrow(key, far ? 0.5 : 0.1),
    };
    listKeys();
    listenToKeys(actions, (event) => this.field.key(event));
    for (const name of ["play", "loop", "compare", "undo", "redo", "preview", "refine", "help", "fit"]) click(name, actions[name]);
    click("loop-box", actions.loopBox);
    click("zoom-in", actions.zoomIn);
    click("zoom-out", actions.zoomOut);
    click("cancel", () => attempt(() => this.jobs.cancel()));
    click("send", () => this.sendToHost());
    on("strength", "input", (event) => this.setBox({ strength: event.target.value / 100 }, "strength"));
    on("strength", "change", () => this.boxes.settle());
    on("carry", "change", () => this._save());
    for (const [edge] of EDGES) {
      on(`box-${edge}`, "change", (event) => {
        const value = event.target.valueAsNumber;
        if (Number.isFinite(value)) this.setBox({ [edge]: value });
        this._showInspector();
      });
    }
    on("floor", "input", (event) => this._setRange(Number(event.target.value), Math.max(this.look.top, Number(event.target.value) + 6)));
    on("top", "input", (event) => this._setRange(Math.min(this.look.floor, event.target.value - 6), Number(event.target.value)));
    on("colour", "input", (event) => {
      this.look = { ...this.look, colour: event.target.value / 100 };
      byId("colour-value").textContent = `${event.target.value} %`;
      this.draw();
    });
    byId("colour-value").textContent = "100 %";
    for (const radio of document.querySelectorAll("input[name=op]")) {
      radio.addEventListener("change", () => this.setBox({ op: radio.value }));
    }
    for (const radio of document.querySelectorAll("input[name=scale]")) {
      radio.addEventListener("change", () => this._look(() => (this.view.scale = radio.value)));
    }
    for (const radio of document.querySelectorAll("input[name=tool]")) {
      radio.addEventListener("change", () => this._chooseTool(radio.value));
    }
    this._wireTimes();
  }

  /** Dragging on the time axis loops a stretch. */
  _wireTimes() {
    const times = byId("times");
    let from = null;
    const at = (event) => this.view.time(event.clientX - times.getBoundingClientRect().left);
    times.addEventListener("pointerdown", (event) => {
      times.setPointerCapture(event.pointerId);
      from = { seconds: at(event), x: event.clientX };
    });
    times.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.clientX - from.x) < 4) return;
      this.setLoop(...[from.seconds, at(event)].sort((a, b) => a - b));
    });
    times.addEventListener("pointerup", (event) => {
      if (from && Math.abs(event.clientX - from.x) < 4) this.seek(at(event));
      from = null;
    });
    times.addEventListener("pointercancel", () => (from = null));
    times.addEventListener("dblclick", () => this.setLoop(0, this.seconds));
  }

  _chooseTool(tool) {
    document.querySelector(`input[name=tool][value=${tool}]`).checked = true;
    this.field.place.classList.toggle("pans", tool === "pan");
  }

  _look(change) {
    change();
    this.draw();
  }

  _arrow(key, share) {
    const { view } = this;
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
    this._look(() => view.pan(x * share * view.width, y * share * view.height));
  }
}

/** How much a refinement has changed where no box is. */
function outside({ changes = [] }) {
  const changed = changes.filter(({ outside_db: decibels }) => decibels > SILENT_DB);
  const words = changed.map(({ stem, outside_db: decibels }) => `stem ${stem} by ${Math.round(decibels)} dB`);
  return words.length ? `Outside the boxes it changed ${words.join(", ")}.` : "";
}

const title = (session) => session.stems[0].name.replace(/ - stem \d+$/, "");

function say(text, trouble = false) {
  byId("status").classList.toggle("trouble", trouble);
  byId("status").textContent = byId("status").title = text;
}

function complain(error) {
  say([error.message, error.hint].filter(Boolean).join(" "), true);
}

/** Does it; a refusal is shown where the user looks. */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    complain(error);
  }
}

async function begin() {
  if (!OPENED) return complain(new Error("Open this page from the DAW, or with: dap-bridge edit SESSION"));
  const editor = new Editor(await loadSession(OPENED));
  await editor.begin();
  document.body.dataset.ready = "yes";
  return editor;
}

begin().catch(complain);
