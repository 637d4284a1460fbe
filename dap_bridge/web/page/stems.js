// The list of stems: which one boxes are about, and which are heard and drawn.
// Owns `stems`; listens to them and to `boxes`; changes what is muted and soloed, and the stem of the selected box or the
// next one.

import { onThemeChange, stemColour } from "./colours.js";
import { byId, element, painted, swatch } from "./dom.js";

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

  function row({ index, name, role }) {
    const words = role === "source" ? `Stem ${index}` : `Stem ${index}, ${role}`;
    const colour = swatch(stemColour(index));
    const radio = element("input", { type: "radio", name: "stem", value: index, onchange: () => choose(index) });
    const [mute, solo] = [
      toggle("M", `Mute ${words}`, () => turn(index, "muted")),
      toggle("S", `Solo ${words}`, () => turn(index, "solo")),
    ];
    const label = element("label", {}, radio, colour, element("span", { class: "name" }, words));
    return { index, colour, radio, mute, solo, item: element("li", { class: "stem", title: name }, label, mute, solo) };
  }

  function show() {
    rows.forEach(({ index, radio, mute, solo }, place) => {
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
