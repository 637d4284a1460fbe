// What stretch of time and of frequency is looked at, and where on the screen a moment or a frequency lies.
// One of the state's models: it says itself when it has changed, and knows nothing of who shows it.

/** The lowest frequency that a logarithmic axis shows. */
export const LOWEST_HZ = 30;
const LEAST_SECONDS = 0.05;
const LEAST_HEIGHT = 0.02;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Frequency <-> height, 0 at the bottom of the whole axis and 1 at its top. */
function heightOf(hz, nyquist, scale) {
  if (scale === "linear") return clamp(hz / nyquist, 0, 1);
  return clamp(Math.log(Math.max(hz, LOWEST_HZ) / LOWEST_HZ) / Math.log(nyquist / LOWEST_HZ), 0, 1);
}

export function frequencyAt(height, nyquist, scale) {
  if (scale === "linear") return height * nyquist;
  return height <= 0 ? 0 : LOWEST_HZ * (nyquist / LOWEST_HZ) ** height; // the bottom means everything below, too
}

/**
 * start, end: seconds; bottom, top: heights of the axis that the lower and the upper edge show; width, height: CSS pixels;
 * held: a hand is at it, and nothing else moves it. `changed` is told of every change.
 */
export class View {
  constructor(seconds, nyquist, changed) {
    Object.assign(this, { seconds, nyquist, changed, scale: "log", width: 1, height: 1, held: false });
    this.fit();
  }

  fit() {
    this._become({ start: 0, end: this.seconds, bottom: 0, top: 1 });
  }

  resize(width, height) {
    this._become({ width, height });
  }

  /** "log" or "linear". */
  setScale(scale) {
    this._become({ scale });
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
    this._become(this._times(anchor - share * span, span));
  }

  zoomFrequency(factor, y = this.height / 2) {
    const span = clamp((this.top - this.bottom) / factor, LEAST_HEIGHT, 1);
    const share = 1 - y / this.height;
    const anchor = this.bottom + share * (this.top - this.bottom);
    this._become(this._heights(anchor - share * span, span));
  }

  pan(pixelsRight, pixelsDown = 0) {
    const [span, tall] = [this.end - this.start, this.top - this.bottom];
    this._become({
      ...this._times(this.start + (pixelsRight / this.width) * span, span),
      ...this._heights(this.bottom - (pixelsDown / this.height) * tall, tall),
    });
  }

  /** Shows this stretch, as far as there is one of that length. */
  setTimes(start, end) {
    const [from, to] = [start, end].sort((a, b) => a - b);
    this._become(this._times(from, clamp(to - from, Math.min(LEAST_SECONDS, this.seconds), this.seconds)));
  }

  /** All frequencies. */
  allFrequencies() {
    this._become({ bottom: 0, top: 1 });
  }

  /** Seconds and Hz that a pixel in the middle is. */
  get grain() {
    const middle = this.height / 2;
    const hz = this.frequency(middle);
    return { seconds: (this.end - this.start) / this.width, hz, step: (this.frequency(middle - 1) - this.frequency(middle + 1)) / 2 };
  }

  /** Shows the stretch with some room around it. */
  showTime(start, end) {
    const span = clamp((end - start) * 2, Math.min(LEAST_SECONDS, this.seconds), this.seconds);
    this._become(this._times((start + end) / 2 - span / 2, span));
  }

  /** Turns the page when the playhead leaves it. */
  follow(seconds) {
    if (this.held || (seconds >= this.start && seconds <= this.end)) return;
    this._become(this._times(seconds, this.end - this.start));
  }

  /** So many seconds from `start` on, inside the clip. */
  _times(start, span) {
    const from = clamp(start, 0, Math.max(0, this.seconds - span));
    return { start: from, end: from + span };
  }

  /** So much of the axis from `bottom` on, inside it. */
  _heights(bottom, span) {
    const from = clamp(bottom, 0, 1 - span);
    return { bottom: from, top: from + span };
  }

  _become(values) {
    Object.assign(this, values);
    this.changed();
  }
}
