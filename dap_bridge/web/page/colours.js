// Colours of stems and of levels, for a dark screen and for a light one.

const DARK = {
  ground: [13, 16, 20],
  neutral: [150, 158, 170],
  peak: [255, 255, 255],
  stems: ["#ff9f43", "#4db8ff", "#3ddc97", "#ff7ab6", "#ffd84d", "#b69cff", "#ff6b5e", "#4de0e0"],
};
const LIGHT = {
  ground: [255, 255, 255],
  neutral: [120, 128, 140],
  peak: [16, 18, 22],
  stems: ["#b45309", "#0369a1", "#047857", "#be185d", "#7a5c00", "#6d28d9", "#b91c1c", "#0f766e"],
};
/** Where between the floor and the top of the range a level has the stem's own colour. */
const KNEE = 0.72;

const query = matchMedia("(prefers-color-scheme: dark)");

export const theme = () => (query.matches ? DARK : LIGHT);
export const onThemeChange = (act) => query.addEventListener("change", act);

export const stemColour = (index) => theme().stems[(index - 1) % theme().stems.length];

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** 256 colours from the ground to the colour and on to the peak: Float32Array (256 * 3). */
function ramp(colour) {
  const { ground, peak } = theme();
  const table = new Float32Array(256 * 3);
  for (let value = 0; value < 256; value++) {
    const level = value / 255;
    for (let channel = 0; channel < 3; channel++) {
      table[3 * value + channel] =
        level < KNEE
          ? ground[channel] + (colour[channel] - ground[channel]) * (level / KNEE) ** 1.3
          : colour[channel] + (peak[channel] - colour[channel]) * 0.85 * ((level - KNEE) / (1 - KNEE));
    }
  }
  return table;
}

/** What a tile is painted with. stems: [{index, audible}] in the order of the tile's planes. */
export function palette(stems) {
  return { neutral: ramp(theme().neutral), stems: stems.map((stem) => ramp(parse(stemColour(stem.index)))) };
}
