// What stretch of time and of frequency is looked at, and where on the screen a moment or a frequency lies.

/** The lowest frequency that a logarithmic axis shows. */
export const LOWEST_HZ = 30;
const LEAST_SECONDS = 0.05;
const LEAST_HEIGHT = 0.05;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Frequency <-> height, 0 at the bottom of the whole axis and 1 at its top. */
export function heightOf(hz, nyquist, scale) {
  if (scale === "linear") return clamp(hz / nyquist, 0, 1);
  return clamp(Math.log(Math.max(hz, LOWEST_HZ) / LOWEST_HZ) / Math.log(nyquist / LOWEST_HZ), 0, 1);
}

export function frequencyAt(height, nyquist, scale) {
  if (scale === "linear") return height * nyquist;
  return height <= 0 ? 0 : LOWEST_HZ * (nyquist / LOWEST_HZ) ** height; // the bottom means everything below, too
}

/**
 * start, end: seconds; bottom, top: heights of the axis that the lower and the upper edge show; width, height: CSS pixels.
 */
export class View {
  constructor(seconds, nyquist) {
    Object.assign(this, { seconds, nyquist, scale: "log", width: 1, height: 1 });
    this.fit();
  }

  fit() {
    Object.assign(this, { start: 0, end: this.seconds, bottom: 0, top: 1 });
  }

  x(seconds) {
    return ((seconds - this.start) / (this.end - this.start)) * this.width;
  }

  y(hz) {
    return (1 - (heightOf(hz, this.nyquist, this.scale) - this.bottom) / (this.top - this.bottom)) * this.height;
  }

  time(x) {
    return clamp(this.start + (x / this.width) * (this.end - this.start), 0, this.seconds);
  }

  frequency(y) {
    const height = clamp(this.bottom + (1 - y / this.height) * (this.top - this.bottom), 0, 1);
    return clamp(frequencyAt(height, this.nyquist, this.scale), 0, this.nyquist);
  }

  /** Factor > 1 shows less of the clip; what lies at `x` stays where it is. */
  zoomTime(factor, x = this.width / 2) {
    const span = clamp((this.end - this.start) / factor, Math.min(LEAST_SECONDS, this.seconds), this.seconds);
    const share = x / this.width;
    const anchor = this.start + share * (this.end - this.start);
    this._placeTime(anchor - share * span, span);
  }

  zoomFrequency(factor, y = this.height / 2) {
    const span = clamp((this.top - this.bottom) / factor, LEAST_HEIGHT, 1);
    const share = 1 - y / this.height;
    const anchor = this.bottom + share * (this.top - this.bottom);
    this.bottom = clamp(anchor - share * span, 0, 1 - span);
    this.top = this.bottom + span;
  }

  pan(pixelsRight, pixelsDown = 0) {
    const span = this.end - this.start;
    this._placeTime(this.start + (pixelsRight / this.width) * span, span);
    const tall = this.top - this.bottom;
    this.bottom = clamp(this.bottom - (pixelsDown / this.height) * tall, 0, 1 - tall);
    this.top = this.bottom + tall;
  }

  /** Shows the stretch with some room around it. */
  showTime(start, end) {
    const span = clamp((end - start) * 2, Math.min(LEAST_SECONDS, this.seconds), this.seconds);
    this._placeTime((start + end) / 2 - span / 2, span);
  }

  /** Turns the page when the playhead leaves it. */
  follow(seconds) {
    if (seconds >= this.start && seconds <= this.end) return false;
    this._placeTime(seconds, this.end - this.start);
    return true;
  }

  _placeTime(start, span) {
    this.start = clamp(start, 0, Math.max(0, this.seconds - span));
    this.end = this.start + span;
  }
}

/** Round steps for an axis: at most `count` of them between `low` and `high`. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) found.push(tick);
  return { step, values: found };
}

/** Minutes and seconds: 1:02.50 */
export function clock(seconds, digits = 2) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
}

/** 0.32–0.74 s, 1:02.50–1:03.00 */
export function stretch(start, end) {
  return end < 60 ? `${start.toFixed(2)}–${end.toFixed(2)} s` : `${clock(start)}–${clock(end)}`;
}

/** 42–478 Hz, 0.37–5.51 kHz */
export function band(low, high) {
  if (high < 1000) return `${Math.round(low)}–${Math.round(high)} Hz`;
  return `${Number((low / 1000).toFixed(2))}–${Number((high / 1000).toFixed(2))} kHz`;
}

/** 440 Hz, 1.25 kHz */
export function pitch(hz) {
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${Number((hz / 1000).toFixed(2))} kHz`;
}
