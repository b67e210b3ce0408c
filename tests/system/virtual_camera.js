// A camera and a microphone that a test drives: a person who sees the page and does what it asks.
// Until the page's panel opens the person rests; from then on the frames given by `perform` are shown, and heard.
(() => {
  const WIDTH = 640;
  const HEIGHT = 480;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  const person = { rest: [], act: [], rate: 12, sound: null, began: null, context: null, output: null };

  const decode = (texts) =>
    Promise.all(
      texts.map(async (text) => createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/jpeg" }))),
    );
  const draw = () => {
    const now = performance.now();
    const acting = person.began !== null && person.act.length;
    const frames = acting ? person.act : person.rest;
    if (!frames.length) {
      pen.fillStyle = `rgb(96 96 ${96 + (now % 2)})`; // an empty room; a canvas that stays the same sends no frames
      pen.fillRect(0, 0, WIDTH, HEIGHT);
    } else {
      const index = Math.floor(((now - (acting ? person.began : 0)) / 1000) * person.rate);
      pen.drawImage(frames[acting ? Math.min(index, frames.length - 1) : index % frames.length], 0, 0);
    }
    requestAnimationFrame(draw);
  };
  const begin = () => {
    if (person.began !== null) return;
    person.began = performance.now();
    if (!person.sound || !person.context) return;
    const source = person.context.createBufferSource();
    source.buffer = person.sound;
    source.connect(person.output);
    source.start();
  };

  window.virtualPerson = {
    leave() {
      person.rest = [];
    },
    async rest(frames, rate) {
      person.rest = await decode(frames);
      person.rate = rate;
    },
    async perform(frames, samples, soundRate) {
      person.act = await decode(frames);
      person.began = null;
      if (!samples || !person.context) return;
      person.sound = person.context.createBuffer(1, samples.length, soundRate);
      person.sound.getChannelData(0).set(samples);
    },
  };
  document.addEventListener("DOMContentLoaded", () => {
    const panel = document.querySelector("[data-panel]");
    if (panel) new MutationObserver(() => !panel.hidden && begin()).observe(panel, { attributes: true });
  });
  navigator.mediaDevices.getUserMedia = async ({ video }) => {
    if (video) return canvas.captureStream(30);
    person.context = new AudioContext();
    person.output = person.context.createMediaStreamDestination();
    return person.output.stream;
  };
  draw();
})();
