// What lies between the mixer and the loudspeaker: a band that is heard alone, the meter, the volume.

/** Seconds of the band filter on either side of its middle: its edges fall within 35 Hz, and it is late by so much. */
const HALF_S = 0.08;
const RAMP_S = 0.01;

/**
 * A linear-phase filter that leaves what lies between two frequencies: a sinc with a Blackman window, -6 dB at the edges,
 * -74 dB and less from 18 Hz beyond them. An edge at 0 Hz or at half the rate is none.
 */
export function bandFilter(low, high, rate) {
  const half = Math.round(HALF_S * rate);
  const lowpass = (hz, n) => (n === 0 ? (2 * hz) / rate : Math.sin((2 * Math.PI * hz * n) / rate) / (Math.PI * n));
  const all = (n) => (n === 0 ? 1 : 0);
  return Float32Array.from({ length: 2 * half + 1 }, (_, at) => {
    const n = at - half;
    const window = 0.42 + 0.5 * Math.cos((Math.PI * n) / half) + 0.08 * Math.cos((2 * Math.PI * n) / half);
    const upper = high >= rate / 2 ? all(n) : lowpass(high, n);
    return window * (upper - (low > 0 ? lowpass(low, n) : 0));
  });
}

export class Monitor {
  /** `measured` is told {peak, lufs} a few times a second: of what is heard, before the volume. */
  static async create(context, measured) {
    await context.audioWorklet.addModule(new URL("meter.js", import.meta.url));
    return new Monitor(context, measured);
  }

  constructor(context, measured) {
    this.context = context;
    this.input = new GainNode(context);
    this.direct = new GainNode(context);
    this.banded = new GainNode(context, { gain: 0 });
    this.volume = new GainNode(context);
    this.band = null;
    const meter = new AudioWorkletNode(context, "meter");
    meter.port.onmessage = ({ data }) => measured(data);
    this.input.connect(this.direct).connect(meter).connect(this.volume).connect(context.destination);
    this.banded.connect(meter);
  }

  /** dB; what is too little to be heard is silence. */
  setVolume(decibels, silent) {
    this._to(this.volume, decibels <= silent ? 0 : 10 ** (decibels / 20));
  }

  /** Only {low, high} Hz of what is played is heard; null: all of it. */
  only(band) {
    this._to(this.direct, band ? 0 : 1);
    this._to(this.banded, band ? 1 : 0);
    if (!band || (this.band?.low === band.low && this.band?.high === band.high)) return;
    this.filter?.disconnect();
    const { sampleRate } = this.context;
    const taps = bandFilter(band.low, band.high, sampleRate);
    const buffer = new AudioBuffer({ length: taps.length, sampleRate });
    buffer.copyToChannel(taps, 0);
    this.filter = new ConvolverNode(this.context, { buffer, disableNormalization: true });
    this.input.connect(this.filter).connect(this.banded);
    this.band = band;
  }

  _to(node, gain) {
    const { currentTime } = this.context;
    node.gain.cancelScheduledValues(currentTime);
    node.gain.setTargetAtTime(gain, currentTime, RAMP_S / 3);
  }
}
