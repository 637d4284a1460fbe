// How loud sound is: its sample peak, and its momentary loudness by ITU-R BS.1770-5 (K-weighting, 400 ms, ungated).

const BLOCK_S = 0.1;
const BLOCKS = 4;
/** Of the loudness of a K-weighted sine of 997 Hz. dB */
const OFFSET_DB = -0.691;

/** The two filters of the K-weighting at any rate: {b, a} with a[0] = 1. Derived as in libebur128 (MIT) from the table at 48 kHz. */
export function weighting(rate) {
  const bilinear = (hz) => Math.tan((Math.PI * hz) / rate);
  const [k, quality, gain] = [bilinear(1681.974450955533), 0.7071752369554196, 10 ** (3.999843853973347 / 20)];
  const [middle, whole] = [gain ** 0.4996667741545416, 1 + k / quality + k * k];
  const shelf = {
    b: [gain + (middle * k) / quality + k * k, 2 * (k * k - gain), gain - (middle * k) / quality + k * k].map((one) => one / whole),
    a: [1, (2 * (k * k - 1)) / whole, (1 - k / quality + k * k) / whole],
  };
  const [low, broad] = [bilinear(38.13547087602444), 0.5003270373238773];
  const all = 1 + low / broad + low * low;
  const rumble = { b: [1, -2, 1], a: [1, (2 * (low * low - 1)) / all, (1 - low / broad + low * low) / all] };
  return [shelf, rumble];
}

/** Fed with sound as it is heard: `peak` since it was last taken, and `lufs`, of the last 400 ms; -Infinity: silence. */
export class Loudness {
  constructor(rate) {
    this.filters = weighting(rate);
    this.block = Math.round(BLOCK_S * rate);
    this.states = []; // a channel's: two filters of two numbers
    this.blocks = new Array(BLOCKS).fill(0); // sums of squares over all channels, the oldest first
    this.sum = 0;
    this.count = 0;
    this.peak = 0;
  }

  /** channels: [Float32Array]; a channel that is missing is silent. */
  feed(channels) {
    const length = channels[0]?.length ?? 0;
    while (this.states.length < channels.length) this.states.push([[0, 0], [0, 0]]);
    for (let i = 0; i < length; i++) {
      for (let channel = 0; channel < channels.length; channel++) {
        let value = channels[channel][i];
        if (Math.abs(value) > this.peak) this.peak = Math.abs(value);
        for (let number = 0; number < 2; number++) value = step(this.filters[number], this.states[channel][number], value);
        this.sum += value * value;
      }
      if (++this.count === this.block) this._close();
    }
  }

  get lufs() {
    const mean = this.blocks.reduce((sum, one) => sum + one, 0) / (BLOCKS * this.block);
    return mean > 1e-12 ? OFFSET_DB + 10 * Math.log10(mean) : -Infinity;
  }

  takePeak() {
    const { peak } = this;
    this.peak = 0;
    return peak;
  }

  _close() {
    this.blocks.shift();
    this.blocks.push(this.sum);
    this.sum = 0;
    this.count = 0;
  }
}

/** One sample through a filter of second order (transposed direct form II). */
function step({ b, a }, state, value) {
  const out = b[0] * value + state[0];
  state[0] = b[1] * value - a[1] * out + state[1];
  state[1] = b[2] * value - a[2] * out;
  return out;
}
