// The enrolment page: consent, face, voice, questions, and the job's progress.

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

const root = document.getElementById("enrol");
const urls = root.dataset;
const form = root.querySelector("[data-form]");
const result = root.querySelector("[data-result]");
const say = root.querySelector("[data-say]");
const level = root.querySelector("[data-level]");
const sound = root.querySelector("[data-sound]");
const jobProgress = root.querySelector("[data-job-progress]");
const takeFace = root.querySelector("[data-take=face]");
const takeVoice = root.querySelector("[data-take=voice]");
const scanner = new Scanner(root.querySelector("[data-scanner]"));
const taken = { frames: [], times: [], voices: [] };

takeFace.addEventListener("click", () => guarded(takeFace, scanner.on ? recordFace : turnOn));
takeVoice.addEventListener("click", () => guarded(takeVoice, recordSentences));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  guarded(form.querySelector("[type=submit]"), submit);
});
if (await alreadyAllowed()) takeFace.click();

async function guarded(button, act) {
  button.disabled = true;
  result.hidden = true;
  try {
    await act();
  } catch (error) {
    tell(result, error.message, "bad");
  } finally {
    button.disabled = false;
    scanner.quiet = false;
    scanner.showProgress(null);
    say.hidden = true;
    if (scanner.on) takeFace.textContent = taken.frames.length ? "Record again" : "Record my face";
  }
}

async function turnOn() {
  await scanner.start();
}

async function recordFace() {
  scanner.quiet = true;
  scanner.hint("Look at the camera, then turn your head a little to each side.");
  Object.assign(taken, await recordFrames(scanner.video, FACE_SECONDS, (share) => scanner.showProgress(share)));
  root.querySelector("[data-taken=face]").textContent = `${taken.frames.length} pictures recorded.`;
}

async function recordSentences() {
  const microphone = await openMicrophone();
  const voices = [];
  try {
    for (const sentence of SENTENCES) {
      say.hidden = false;
      root.querySelector("[data-sentence]").textContent = `“${sentence}”`;
      const recording = await recordVoice(microphone, VOICE_SECONDS, (now) => {
        scanner.showProgress(now.share);
        level.value = now.level;
        sound.textContent = soundHint(now);
      });
      voices.push(recording);
    }
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
