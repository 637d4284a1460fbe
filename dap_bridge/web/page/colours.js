// Colours of stems and of levels, for a dark screen and for a light one.

const DARK = {
  name: "dark",
  ground: [13, 16, 20],
  neutral: [150, 158, 170],
  peak: [255, 255, 255],
  stems: ["#ff9f43", "#4db8ff", "#3ddc97", "#ff7ab6", "#ffd84d", "#b69cff", "#ff6b5e", "#4de0e0"],
  safe: ["#e69f00", "#56b4e9", "#2fbf93", "#e08fbd", "#f0e442", "#a8c1ff", "#ff8a4d", "#d0d0d0"],
};
const LIGHT = {
  name: "light",
  ground: [255, 255, 255],
  neutral: [120, 128, 140],
  peak: [16, 18, 22],
  stems: ["#b45309", "#0369a1", "#047857", "#be185d", "#7a5c00", "#6d28d9", "#b91c1c", "#0f766e"],
  safe: ["#a84300", "#0068a3", "#00705a", "#8f3f72", "#6b5b00", "#33307a", "#a3004f", "#555555"],
};
/** Where between the floor and the top of the range a level has the stem's own colour. */
const KNEE = 0.72;
/** Colours by level alone, from the floor to the top: matplotlib's viridis and magma (CC0), and greys. */
const BY_LEVEL = {
  viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  grey: ["#000000", "#ffffff"],
};
/** Colours of stems that look different to whoever sees no red or no green, too (after Okabe and Ito). */
const SAFE = "safe";

const query = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];
let map = "stems";

const theme = () => (query.matches ? DARK : LIGHT);
export const themeName = () => theme().name;

/** Calls `act` when stems have other colours. */
export function onThemeChange(act) {
  listeners.push(act);
  query.addEventListener("change", act);
}

/** Whose colours are used everywhere on the page: "stems", "safe", or a map by level, which leaves those of stems. */
export function useMap(name) {
  if (name === map) return;
  map = name;
  for (const act of listeners) act();
}

const stemColours = () => (map === SAFE ? theme().safe : theme().stems);
export const stemColour = (index) => stemColours()[(index - 1) % stemColours().length];

/** Whether a map shows whose a sound is. */
export const isByStem = (name) => !(name in BY_LEVEL);

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const mixed = (from, to, share) => from.map((value, channel) => value + (to[channel] - value) * share);

/** Where nothing is heard. */
export const ground = (name) => (isByStem(name) ? `rgb(${theme().ground.join(" ")})` : BY_LEVEL[name][0]);

/** 256 colours, of levels from 0 to 1: Float32Array (256 * 3). */
const table = (colourOf) => Float32Array.from(Array.from({ length: 256 }, (_, value) => colourOf(value / 255)).flat());

/** From the ground to the colour and on to the peak. */
function ramp(colour) {
  const { ground: bottom, peak } = theme();
  return table((level) =>
    level < KNEE ? mixed(bottom, colour, (level / KNEE) ** 1.3) : mixed(colour, peak, (0.85 * (level - KNEE)) / (1 - KNEE)),
  );
}

/** Through equally spaced colours. */
function through(colours) {
  const stops = colours.map(parse);
  return table((level) => {
    const first = Math.min(Math.floor(level * (stops.length - 1)), stops.length - 2);
    return mixed(stops[first], stops[first + 1], level * (stops.length - 1) - first);
  });
}

/** What a tile is painted with. stems: [{index, audible}] in the order of the tile's planes. */
export function palette(stems, name) {
  const neutral = isByStem(name) ? ramp(theme().neutral) : through(BY_LEVEL[name]);
  return { neutral, stems: stems.map((stem) => ramp(parse(stemColour(stem.index)))) };
}
