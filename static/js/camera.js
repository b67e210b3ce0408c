// The camera: open it, say in words why it cannot be opened, take single frames and short recordings of frames.

const WIDTH = 640;
const HEIGHT = 480;
export const FRAMES_A_SECOND = 12;

/** The stream of the front camera. Throws an Error whose message is meant for the person. */
export async function openCamera() {
  return open({ video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "user" } }, "camera");
}

/** The microphone as it is: processing made for calls changes a voice. */
export async function openMicrophone() {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  return open({ audio }, "microphone");
}

async function open(wanted, device) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(`This browser gives no access to the ${device} here. A page needs https, or the address localhost.`);
  }
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    throw new Error(inWords(error.name, device));
  }
}

function inWords(name, device) {
  const words = {
    NotAllowedError: `The ${device} was not allowed. Allow it beside the address bar, then try again.`,
    NotFoundError: `No ${device} was found. Plug one in, then try again.`,
    NotReadableError: `The ${device} is in use by another program. Close it, then try again.`,
    OverconstrainedError: `The ${device} does not offer what is needed.`,
  };
  return words[name] ?? `The ${device} could not be opened.`;
}

/** True when the browser would not ask again before it opens the camera. */
export async function alreadyAllowed() {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "granted";
  } catch {
    return false; // this browser does not tell: ask by the button
  }
}

/** One frame of the playing video as a JPEG blob, at most `longest` pixels wide. */
export async function takeFrame(video, longest = WIDTH, quality = 0.9) {
  const scale = Math.min(1, longest / video.videoWidth);
  const canvas = new OffscreenCanvas(Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

/**
 * Frames over `seconds`, with the time of each since the first, and `began`, when that was on the page's clock.
 * `tick` is told the share done, `now` the seconds since the first frame, as often as the screen is drawn.
 * Rejects once `signal` is aborted; the frames until then are dropped.
 */
export async function recordFrames(video, seconds, tick, now = () => {}, signal = null) {
  const frames = [];
  const times = [];
  const start = performance.now();
  let running = true;
  const draw = () => {
    if (!running) return;
    now((performance.now() - start) / 1000);
    requestAnimationFrame(draw);
  };
  draw();
  try {
    for (let due = start; due < start + seconds * 1000; due += 1000 / FRAMES_A_SECOND) {
      const wait = due - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      signal?.throwIfAborted();
      const at = performance.now();
      // A slow machine skips frames; two frames never carry the same time.
      if (times.length && (at - start) / 1000 - times.at(-1) < 0.02) continue;
      times.push((at - start) / 1000);
      frames.push(await takeFrame(video));
      tick(Math.min(1, (at - start) / (seconds * 1000)));
    }
    signal?.throwIfAborted();
  } finally {
    running = false;
  }
  const began = start + times[0] * 1000;
  return { frames, began, times: times.map((time) => Number((time - times[0]).toFixed(4))) };
}
