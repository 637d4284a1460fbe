// The meter, in the audio thread: what goes through it comes out as it was, and is measured.

import { Loudness } from "./loudness.js";

const REPORTS_PER_S = 15;

class Meter extends AudioWorkletProcessor {
  constructor() {
    super();
    this.loudness = new Loudness(sampleRate);
    this.sinceReport = 0;
  }

  process([input], [output]) {
    output.forEach((channel, index) => input[index] && channel.set(input[index]));
    this.loudness.feed(input.length ? input : output); // nothing comes in: silence does
    this.sinceReport += output[0].length;
    if (this.sinceReport > sampleRate / REPORTS_PER_S) {
      this.sinceReport = 0;
      this.port.postMessage({ peak: this.loudness.takePeak(), lufs: this.loudness.lufs });
    }
    return true;
  }
}

registerProcessor("meter", Meter);
