// Combs: a partial and its multiples, as one box with teeth. Geometry, and nothing else.
//
// A comb: {fundamental: Hz, cents: how wide a tooth is, partials: how many teeth at most}.

export const MOST_PARTIALS = 32;
const [LEAST_CENTS, MOST_CENTS] = [10, 200];
const LEAST_FUNDAMENTAL_HZ = 20;
/** Half a tooth at least: what a spectrogram tells apart. Hz */
const LEAST_HALF_HZ = 10;
/** Half a tooth at most, in shares of the distance to the next: teeth stay apart. */
const MOST_HALF = 0.45;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A comb in order, below half the clip's rate. */
export function comb({ fundamental, cents, partials }, nyquist) {
  return Object.freeze({
    fundamental: Number(clamp(fundamental, LEAST_FUNDAMENTAL_HZ, nyquist * 0.99).toFixed(2)),
    cents: clamp(Math.round(cents), LEAST_CENTS, MOST_CENTS),
    partials: clamp(Math.round(partials), 1, MOST_PARTIALS),
  });
}

/** The bands of its teeth up to `highest` Hz: [{low, high}]. */
export function teeth({ fundamental, cents, partials }, highest) {
  const count = Math.min(partials, Math.ceil(highest / fundamental) - 1);
  const half = 2 ** (cents / 2400);
  return Array.from({ length: Math.max(1, count) }, (_, index) => {
    const centre = fundamental * (index + 1);
    const within = (wide) => Math.min(Math.max(wide, LEAST_HALF_HZ), fundamental * MOST_HALF);
    return { low: centre - within(centre - centre / half), high: Math.min(highest, centre + within(centre * half - centre)) };
  });
}
