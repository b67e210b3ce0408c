// The enrolment page: consent, face, voice, questions, and the job's progress. Camera and microphone are off, and no
// picture leaves the page, until the consent is ticked; they go off again, and what was recorded is dropped, when the
// tick is taken back.

import { get, post } from "./answers.js";
import { alreadyAllowed, openMicrophone, recordFrames } from "./camera.js";
import { tell } from "./result.js";
import { Scanner } from "./scanner.js";
import { recordVoice } from "./voice.js";

const FACE_SECONDS = 4;
const VOICE_SECONDS = 5;
const SENTENCES = [
  "My voice is my own, and nobody else can open this door with it.",
  "Early in the morning the harbour is quiet and the boats lie still.",
  "Seven brown horses walked slowly over the old stone bridge.",
];
const ENOUGH_SPEECH = 1.5; // seconds in one recording
const ENOUGH_SNR = 10; // dB
const ASK_EVERY = 500;
const WHY_OFF = "Camera and microphone stay off until you tick this box.";
const HOW_TO_STOP = "Camera and microphone may be used now. Untick the box to turn them off and drop what was recorded.";

const root = document.getElementById("enrol");
const urls = root.dataset;
const form = root.querySelector("[data-form]");
const result = root.querySelector("[data-result]");
const say = root.querySelector("[data-say]");
const level = root.querySelector("[data-level]");
const sound = root.querySelector("[data-sound]");
const jobProgress = root.querySelector("[data-job-progress]");
const consent = form.elements.consent;
const consentNote = root.querySelector("[data-consent-note]");
const takeFace = root.querySelector("[data-take=face]");
const takeVoice = root.querySelector("[data-take=voice]");
const scanner = new Scanner(root.querySelector("[data-scanner]"));
const taken = { frames: [], times: [], voices: [] };
let allowed = new AbortController(); // whatever runs under one tick; aborted when that is taken back

consent.addEventListener("change", () => (consent.checked ? begin() : forget()));
takeFace.addEventListener("click", () => guarded(takeFace, scanner.on ? recordFace : turnOn, allowed.signal));
takeVoice.addEventListener("click", () => guarded(takeVoice, recordSentences, allowed.signal));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  guarded(form.querySelector("[type=submit]"), submit);
});
if (consent.checked) begin();

/** The camera starts by itself where the browser would not ask about it. */
async function begin() {
  const { signal } = (allowed = new AbortController());
  takeFace.disabled = takeVoice.disabled = false;
  consentNote.textContent = HOW_TO_STOP;
  if ((await alreadyAllowed()) && !signal.aborted) takeFace.click();
}

function forget() {
  allowed.abort();
  scanner.stop();
  rest();
  Object.assign(taken, { frames: [], times: [], voices: [] });
  for (const line of root.querySelectorAll("[data-taken]")) line.textContent = "";
  takeFace.disabled = takeVoice.disabled = true;
  takeFace.textContent = "Turn on the camera";
  takeVoice.textContent = "Record";
  consentNote.textContent = WHY_OFF;
}

function rest() {
  scanner.quiet = false;
  scanner.showProgress(null);
  say.hidden = true;
}

/** `act` is given the signal that ends it, if any. What was ended leaves the page as `forget` has left it. */
async function guarded(button, act, signal = null) {
  button.disabled = true;
  result.hidden = true;
  try {
    await act(signal);
  } catch (error) {
    if (!signal?.aborted) tell(result, error.message, "bad");
  }
  if (signal?.aborted) return;
  button.disabled = false;
  rest();
  if (scanner.on) takeFace.textContent = taken.frames.length ? "Record again" : "Record my face";
}

async function turnOn(signal) {
  await scanner.start(signal);
}

async function recordFace(signal) {
  scanner.quiet = true;
  scanner.hint("Look at the camera, then turn your head a little to each side.");
  Object.assign(taken, await recordFrames(scanner.video, FACE_SECONDS, (share) => scanner.showProgress(share), undefined, signal));
  root.querySelector("[data-taken=face]").textContent = `${taken.frames.length} pictures recorded.`;
}

async function recordSentences(signal) {
  const microphone = await openMicrophone();
  const voices = [];
  try {
    for (const sentence of SENTENCES) {
      signal.throwIfAborted();
      say.hidden = false;
      root.querySelector("[data-sentence]").textContent = `“${sentence}”`;
      const recording = await recordVoice(microphone, VOICE_SECONDS, (now) => {
        scanner.showProgress(now.share);
        level.value = now.level;
        sound.textContent = soundHint(now);
      }, signal);
      voices.push(recording);
    }
    signal.throwIfAborted();
  } finally {
    microphone.getTracks().forEach((track) => track.stop());
  }
  taken.voices = voices.map(({ wav }) => wav);
  const good = voices.filter(({ speech, snr }) => speech >= ENOUGH_SPEECH && snr >= ENOUGH_SNR).length;
  root.querySelector("[data-taken=voice]").textContent =
    `${voices.length} recordings, ${good} of them long and clear enough as far as this page can tell.`;
  takeVoice.textContent = "Record again";
}

function soundHint({ speech, snr, clipped }) {
  if (clipped > 0.005) return "Too loud: move back a little.";
  if (speech < ENOUGH_SPEECH) return `Speech so far: ${speech.toFixed(1)} s. Keep reading.`;
  if (snr < ENOUGH_SNR) return `Much noise around you (${snr.toFixed(0)} dB). Speak up, or find a quieter place.`;
  return `Clear: ${speech.toFixed(1)} s of speech, ${snr.toFixed(0)} dB above the noise.`;
}

async function submit() {
  if (!form.elements.consent.checked) {
    form.elements.consent.focus();
    throw new Error("Please read and tick the consent first. Nothing is sent without it.");
  }
  if (!taken.frames.length) throw new Error("Please record your face first.");
  if (urls.voiceRequired === "true" && !taken.voices.length) throw new Error("Please record your voice first.");
  consent.disabled = true; // what is sent is sent: taking consent back is for the account page then
  try {
    await send();
  } finally {
    consent.disabled = false;
  }
}

async function send() {
  const { nonce } = await post(urls.ticketUrl, {}, urls.csrf);
  const body = new FormData();
  body.append("nonce", nonce);
  body.append("consent", "true");
  body.append("questions", JSON.stringify(questions()));
  body.append("frame_times", JSON.stringify(taken.times));
  taken.frames.forEach((frame, index) => body.append("frames", frame, `${index}.jpg`));
  taken.voices.forEach((voice, index) => body.append("voice", voice, `${index}.wav`));
  const { job, status_url: statusUrl } = await post(urls.submitUrl, body, urls.csrf);
  await finished(job, statusUrl);
}

function questions() {
  const asked = [...root.querySelectorAll("[data-question]")];
  const answered = [...root.querySelectorAll("[data-answer]")];
  return asked
    .map((field, index) => ({ question: field.value.trim(), answer: answered[index].value.trim() }))
    .filter(({ question, answer }) => question || answer);
}

async function finished(job, statusUrl) {
  jobProgress.hidden = false;
  while (["queued", "running"].includes(job.status)) {
    jobProgress.max = job.total || 1;
    jobProgress.value = job.done;
    await new Promise((done) => setTimeout(done, ASK_EVERY));
    job = (await get(statusUrl)).job;
  }
  jobProgress.hidden = true;
  const good = job.status === "done";
  tell(result, good ? `You are enrolled: ${job.accepted} samples were stored.` : job.message, good ? "good" : "bad", job.refusals);
  if (!good) return;
  scanner.stop();
  form.hidden = true;
  root.querySelector("[data-after]").hidden = false;
}
