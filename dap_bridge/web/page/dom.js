// Elements without markup in strings: the page's policy lets no text become markup.

/** Pixels that a pointer may tremble in a click. */
export const STILL = 4;

/** The element of that id, which must be there. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element ${id}`);
  return element;
}

/** element("button", {type: "button", class: "quiet", onclick: f, "aria-label": "…"}, child or text …) */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** As `element`, of a drawing: svg("path", {class: "line"}). */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Calls `act` once before the next picture, however often it was asked for. */
export function eachFrame(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      act();
    });
  };
}

/** Buttons by their ids: clicks({play, "zoom-in": zoomIn}). */
export function clicks(actions) {
  for (const [id, act] of Object.entries(actions)) byId(id).addEventListener("click", () => act());
}

/** The radio buttons of that name: `chosen` is told the value; gives a function that shows which value holds. */
export function radios(name, chosen) {
  const all = [...document.querySelectorAll(`input[name=${name}]`)];
  for (const radio of all) radio.addEventListener("change", () => chosen(radio.value));
  return (value) => all.forEach((radio) => (radio.checked = radio.value === value));
}

/** A stem's colour, as a small square. */
export const swatch = (colour) => painted(element("span", { class: "swatch" }), colour);

/** Gives an element the colour of a stem. */
export function painted(made, colour) {
  made.style.setProperty("--stem", colour);
  return made;
}
