// A recording from the microphone as a WAV file, with live values for the level meter.

const WORKLET = new URL("./voice_worklet.js", import.meta.url);

/**
 * Records `seconds` from the stream. `tick` gets {share, level (dBFS), speech (s), snr (dB)} a few times a second.
 * Rejects once `signal` is aborted; the sound until then is dropped.
 */
export async function recordVoice(stream, seconds, tick = () => {}, signal = null) {
  return (await openRecorder(stream)).record(seconds, tick, signal);
}

/** A recorder that is ready, so that sound and pictures can begin together. `record` may be called once. */
export async function openRecorder(stream) {
  const context = new AudioContext();
  await context.resume();
  await context.audioWorklet.addModule(WORKLET);
  return { record: (seconds, tick = () => {}, signal = null) => record(context, stream, seconds, tick, signal) };
}

/** The recording as WAV, what its level was, and `began`: when the first sound came in, on the page's clock. */
async function record(context, stream, seconds, tick, signal) {
  try {
    const node = new AudioWorkletNode(context, "recorder");
    const blocks = [];
    const levels = new Levels(context.sampleRate);
    let began = null;
    node.port.onmessage = ({ data }) => {
      began ??= performance.now() - (data.length / context.sampleRate) * 1000;
      blocks.push(data);
      levels.add(data);
    };
    context.createMediaStreamSource(stream).connect(node).connect(context.destination);
    const start = performance.now();
    for (let share = 0; share < 1; share = (performance.now() - start) / (seconds * 1000)) {
      await new Promise((done) => setTimeout(done, 100));
      signal?.throwIfAborted();
      tick({ share: Math.min(1, share), ...levels.summary() });
    }
    return { wav: encodeWav(blocks, context.sampleRate), began: began ?? start, ...levels.summary() };
  } finally {
    await context.close();
  }
}

/** What loudness alone can tell while somebody speaks. The server measures again, with a speech detector. */
class Levels {
  constructor(rate) {
    this.rate = rate;
    this.steps = [];
    this.rest = [];
    this.clipped = 0;
    this.count = 0;
  }

  add(block) {
    for (const sample of block) this.clipped += Math.abs(sample) > 0.985;
    this.count += block.length;
    this.rest.push(...block);
    const step = Math.round(this.rate * 0.02);
    while (this.rest.length >= step) {
      const part = this.rest.splice(0, step);
      const power = part.reduce((sum, sample) => sum + sample * sample, 0) / step;
      this.steps.push(10 * Math.log10(power + 1e-10));
    }
  }

  summary() {
    if (!this.steps.length) return { level: -70, speech: 0, snr: 0, clipped: 0 };
    const sorted = [...this.steps].sort((one, other) => one - other);
    const floor = sorted[Math.floor(sorted.length * 0.1)];
    const loud = this.steps.filter((value) => value > Math.max(floor + 9, -50));
    const speech = loud.length * 0.02;
    const snr = loud.length ? loud.reduce((sum, value) => sum + value, 0) / loud.length - floor : 0;
    return { level: this.steps.at(-1), speech, snr, clipped: this.clipped / Math.max(1, this.count) };
  }
}

function encodeWav(blocks, rate) {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + length * 2));
  const text = (at, letters) => [...letters].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, length * 2, true);
  let at = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 0x7fff, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
