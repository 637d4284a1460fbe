// The list of stems: which one boxes are about, and which are heard and drawn.
// Owns `stems`; listens to them and to `boxes`; changes what is muted and soloed, what they are called, and the stem of the selected box or the
// next one.

import { send } from "./api.js";
import { onThemeChange, stemColour } from "./colours.js";
import { byId, element, painted, swatch } from "./dom.js";
import { attempt, say } from "./status.js";

/** Letters of a name. */
const LONGEST = 80;

/** Whether a person has given this name: it is none of those that stems come with. */
const isGiven = (name) => !/ - (stem \d+|residual|speech|noise|shared|own|texture( \d+)?)$/.test(name);

export function showStems(state) {
  const { boxes } = state;
  const rows = state.stems.map(row);

  function choose(index) {
    if (state.stems.some((stem) => stem.index === index)) boxes.set({ stem: index });
  }

  /** Turns `muted` or `solo` of a stem. */
  function turn(index, what) {
    state.set({ stems: state.stems.map((stem) => (stem.index === index ? { ...stem, [what]: !stem[what] } : stem)) });
  }

  function row({ index, role }) {
    const words = role === "source" ? `Stem ${index}` : `Stem ${index}, ${role}`;
    const colour = swatch(stemColour(index));
    const radio = element("input", { type: "radio", name: "stem", value: index, "aria-label": words, onchange: () => choose(index) });
    const named = element("span", { class: "name" });
    const edit = element("button", { type: "button", class: "small edit", "aria-label": `Rename ${words}`, title: "Rename (double-click)" }, "✎");
    const [mute, solo] = [
      toggle("M", `Mute ${words}`, () => turn(index, "muted")),
      toggle("S", `Solo ${words}`, () => turn(index, "solo")),
    ];
    const label = element("label", {}, radio, colour, named);
    const item = element("li", { class: "stem" }, label, edit, mute, solo);
    const begin = () => write(item, label, index, edit);
    edit.addEventListener("click", begin);
    label.addEventListener("dblclick", begin);
    return { index, words, colour, radio, named, mute, solo, item };
  }

  /** In the name's place, a line to write another one: Enter keeps it, Escape leaves it as it was. */
  function write(item, label, index, edit) {
    const { name } = state.stems.find((stem) => stem.index === index);
    const line = element("input", { type: "text", value: name, maxlength: LONGEST, "aria-label": `Name of stem ${index}` });
    let open = true;
    function close(keep) {
      if (!open) return;
      open = false;
      line.replaceWith(label);
      edit.focus();
      const wanted = line.value.trim();
      if (keep && wanted && wanted !== name) attempt(() => rename(index, wanted));
    }
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close(event.key === "Enter");
    });
    line.addEventListener("blur", () => close(true));
    label.replaceWith(line);
    line.focus();
    line.select();
  }

  /** In every result of the list, for they hold the same sounds. */
  async function rename(index, to) {
    const sessions = new Set(state.results.map(({ session }) => session.session));
    let given = to;
    for (const session of sessions) {
      const [answer] = await send({ verb: "rename_stem", session, stem: index, to });
      given = answer.to;
    }
    state.set({ stems: state.stems.map((stem) => (stem.index === index ? { ...stem, name: given } : stem)) });
    say(`Stem ${index} is called ${given} now, in files that are saved and on tracks.`);
  }

  function show() {
    rows.forEach(({ index, words, radio, named, item, mute, solo }, place) => {
      const { name } = state.stems[place];
      named.textContent = isGiven(name) ? name : words;
      item.title = name;
      radio.checked = index === boxes.next.stem;
      mute.setAttribute("aria-pressed", String(state.stems[place].muted));
      solo.setAttribute("aria-pressed", String(state.stems[place].solo));
    });
  }

  byId("stems").replaceChildren(...rows.map(({ item }) => item));
  onThemeChange(() => rows.forEach(({ index, colour }) => painted(colour, stemColour(index))));
  state.on("stems boxes", show);
  show();
  return {
    stem: choose,
    mute: () => turn(boxes.next.stem, "muted"),
    solo: () => turn(boxes.next.stem, "solo"),
  };
}

function toggle(text, label, act) {
  return element("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
}
