// The mixer, in the audio thread: every stem at one position, each with a gain of its own. What is switched is a gain,
// so that mute, solo and before/after stay aligned to the sample. Stems come in segments; one that is missing is
// waited for, in silence.

/** Seconds of a gain's way from 0 to 1, and of the fade at play and pause. */
const RAMP_S = 0.005;
const REPORTS_PER_S = 30;

class Mixer extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    const { frames, channels, segment } = processorOptions;
    Object.assign(this, { frames, channels, segment });
    this.sources = new Map(); // key -> {gain, target, segments: Map(index -> Float32Array, interleaved)}
    this.position = 0;
    this.loop = [0, frames];
    this.looping = true;
    this.until = Infinity; // where it stops
    this.gate = null; // [start, end]: outside of it nothing is heard
    this.open = 1; // of the gate, on its way
    this.playing = false;
    this.level = 0; // of the whole, on its way to 1 at play and to 0 at pause
    this.envelope = new Float32Array(4096); // more than a run can be long
    this.waiting = false;
    this.sinceReport = 0;
    this.port.onmessage = ({ data }) => this[data.act](data);
  }

  store({ key, index, samples }) {
    this.source(key).segments.set(index, samples);
  }

  drop({ key, index }) {
    this.sources.get(key)?.segments.delete(index);
  }

  gains({ gains, atOnce }) {
    for (const key of Object.keys(gains)) this.source(key);
    for (const [key, source] of this.sources) {
      source.target = gains[key] ?? 0;
      if (atOnce) source.gain = source.target;
    }
  }

  /** until: the frame where it stops; null: at the clip's end. */
  play({ playing, until }) {
    this.playing = playing;
    this.until = until ?? Infinity;
    if (playing && !this.looping && this.position >= this.frames) this.position = 0;
  }

  seek({ position }) {
    this.position = Math.min(Math.max(0, Math.round(position)), this.frames);
  }

  range({ start, end, looping }) {
    this.loop = [Math.max(0, Math.round(start)), Math.min(this.frames, Math.round(end))];
    this.looping = looping;
  }

  /** Nothing is heard but what lies between these frames; null: all is. */
  only({ gate }) {
    this.gate = gate;
  }

  source(key) {
    if (!this.sources.has(key)) this.sources.set(key, { gain: 0, target: 0, segments: new Map() });
    return this.sources.get(key);
  }

  process(_, [output]) {
    const length = output[0].length;
    this.waiting = false;
    let frame = 0;
    let ended = false;
    while (frame < length && (this.playing || this.level > 0)) {
      const [start, end] = this.loop;
      if (this.looping && this.position >= end && end > start) this.position = start;
      if (this.position >= this.frames) {
        this.playing = false;
        this.level = 0;
        break;
      }
      if (this.playing && this.position >= this.until) {
        this.playing = false; // and dies away
        this.until = Infinity;
        ended = true;
      }
      const index = Math.floor(this.position / this.segment);
      if (!this.ready(index)) {
        this.waiting = true;
        this.level = 0;
        break;
      }
      const stops = this.playing ? this.until : Infinity;
      const comesRound = this.looping && end > this.position ? end : Infinity;
      const next = Math.min(this.frames, (index + 1) * this.segment, comesRound, stops);
      const run = Math.min(length - frame, next - this.position);
      this.mix(output, frame, run, index);
      this.position += run;
      frame += run;
    }
    this.sinceReport += length;
    if (ended || this.sinceReport > sampleRate / REPORTS_PER_S) {
      this.sinceReport = 0;
      const { position, playing, waiting } = this;
      this.port.postMessage({ position, playing, waiting, ended });
    }
    return true;
  }

  /** Whether all that is to be heard in that segment is there. */
  ready(index) {
    for (const source of this.sources.values()) {
      if (source.target > 0 && !source.segments.has(index)) return false;
    }
    return true;
  }

  inside(frame) {
    return !this.gate || (frame >= this.gate[0] && frame < this.gate[1]);
  }

  /** Adds `run` frames of every source, from `frame` of the output on. */
  mix(output, frame, run, index) {
    const step = 1 / (RAMP_S * sampleRate);
    if (this.level === 0) this.open = this.inside(this.position) ? 1 : 0;
    for (let i = 0; i < run; i++) {
      this.level = toward(this.level, this.playing ? 1 : 0, step);
      this.open = toward(this.open, this.inside(this.position + i) ? 1 : 0, step);
      this.envelope[i] = this.level * this.open;
    }
    const first = (this.position - index * this.segment) * this.channels;
    for (const source of this.sources.values()) {
      if (source.gain === 0 && source.target === 0) continue;
      const samples = source.segments.get(index);
      for (let i = 0; i < run; i++) {
        source.gain = toward(source.gain, source.target, step);
        if (!samples) continue; // on its way out, and gone already
        const gain = source.gain * this.envelope[i];
        for (let channel = 0; channel < output.length; channel++) {
          output[channel][frame + i] += gain * samples[first + i * this.channels + Math.min(channel, this.channels - 1)];
        }
      }
    }
  }
}

function toward(value, target, step) {
  return value < target ? Math.min(target, value + step) : Math.max(target, value - step);
}

registerProcessor("mixer", Mixer);
