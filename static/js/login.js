// The login page: camera, capture, the stages as they fall, the question on the borderline, the way in.

import { post } from "./answers.js";
import { alreadyAllowed, openMicrophone, recordFrames } from "./camera.js";
import { ChallengeShow } from "./challenge.js";
import { follow } from "./job.js";
import { Scanner } from "./scanner.js";
import { openRecorder } from "./voice.js";

const WORDS = { passed: "passed", refused: "refused", borderline: "not sure", not_required: "not asked for", done: "done" };

const root = document.getElementById("login");
const urls = root.dataset;
const form = root.querySelector("[data-form]");
const button = root.querySelector("[data-start]");
const say = root.querySelector("[data-say]");
const stages = root.querySelector("[data-stages]");
const result = root.querySelector("[data-result]");
const challenge = root.querySelector("[data-challenge]");
const scanner = new Scanner(root.querySelector("[data-scanner]"));
const show = new ChallengeShow(root.querySelector("[data-panel]"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    if (scanner.on) await logIn();
    else await turnOn();
  } catch (error) {
    tell(error.message, "bad");
  } finally {
    button.disabled = false;
    button.textContent = scanner.on ? "Log in" : "Turn on the camera";
    scanner.quiet = false;
    scanner.showProgress(null);
    say.hidden = true;
  }
});

if (await alreadyAllowed()) form.requestSubmit();

async function turnOn() {
  result.hidden = true;
  await scanner.start();
}

async function logIn() {
  result.hidden = true;
  showStages([]);
  const body = await capture();
  scanner.hint("Checking …");
  const { job } = await post(urls.captureUrl, body, urls.csrf);
  await decided(job);
}

async function capture() {
  const withVoice = form.elements.voice.checked;
  const microphone = withVoice ? await openMicrophone() : null;
  try {
    const recorder = microphone ? await openRecorder(microphone) : null;
    const { nonce, seconds, challenge: steps } = await post(urls.ticketUrl, { voice: withVoice, cannot: cannot() }, urls.csrf);
    scanner.quiet = true;
    const said = steps.some(({ kind }) => kind === "digits");
    say.hidden = !withVoice || said;
    button.textContent = "Recording …";
    scanner.hint("Look at the camera and blink naturally.");
    show.begin(steps, scanner.video.srcObject, withVoice && !said);
    const [{ frames, times, began }, voice] = await Promise.all([
      recordFrames(scanner.video, seconds, (share) => scanner.showProgress(share), (now) => show.at(now)),
      recorder ? recorder.record(seconds) : null,
    ]);
    const body = new FormData();
    body.append("nonce", nonce);
    if (voice) body.append("voice_starts", ((voice.began - began) / 1000).toFixed(4));
    body.append("username", form.elements.username.value.trim());
    body.append("frame_times", JSON.stringify(times));
    frames.forEach((frame, index) => body.append("frames", frame, `${index}.jpg`));
    if (voice) body.append("voice", voice.wav, "voice.wav");
    return body;
  } finally {
    microphone?.getTracks().forEach((track) => track.stop());
    say.hidden = true;
    show.end();
    scanner.showProgress(null);
  }
}

function cannot() {
  return [...form.querySelectorAll("[name=cannot]:checked")].map(({ value }) => value);
}

async function decided(job) {
  const poll = `${urls.captureUrl}/${job.id}`;
  let asked = false;
  const last = await follow(
    job.id,
    poll,
    (seen) => {
      showStages(seen.stages);
      if (seen.challenge && !asked) {
        asked = true;
        ask(seen, poll);
      }
      if (!seen.challenge) challenge.hidden = true;
    },
    (seen) => seen.decision !== null,
  );
  if (last.decision.next === "complete") {
    tell(last.decision.message, "good");
    const { next } = await post(urls.completeUrl, { capture: last.id }, urls.csrf);
    scanner.stop();
    location.assign(next);
  } else {
    tell(last.decision.message, "bad");
    scanner.hint("You can try again.");
    offerAnother(last.decision.reason);
  }
}

/** Where the light told nothing it would tell nothing again: the next test is another one, if the person leaves it so. */
function offerAnother(reason) {
  const light = form.querySelector("[name=cannot][value=light]");
  if (reason !== "light_unclear" || !light) return;
  light.checked = true;
  light.closest("details").open = true;
}

function ask(job, poll) {
  challenge.hidden = false;
  challenge.querySelector("[data-question]").textContent = job.challenge.question;
  const seconds = challenge.querySelector("[data-seconds]");
  const clock = setInterval(() => {
    const left = Math.max(0, Math.round((Date.parse(job.challenge.expires_at) - Date.now()) / 1000));
    seconds.textContent = `Please answer within ${left} seconds.`;
    if (!left || challenge.hidden) clearInterval(clock);
  }, 500);
  challenge.elements.answer.value = "";
  challenge.elements.answer.focus();
  challenge.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await post(`${poll}/answer`, { answer: challenge.elements.answer.value }, urls.csrf);
      challenge.hidden = true;
    } catch (error) {
      tell(error.message, "bad");
    }
  };
}

function showStages(seen) {
  for (const item of stages.children) {
    const stage = seen.find(({ stage: name }) => name === item.dataset.stage);
    item.className = stage?.outcome ?? "";
    item.querySelector("em").textContent = stage ? inWords(stage) : "";
  }
}

function inWords({ outcome, milliseconds }) {
  return milliseconds === null ? WORDS[outcome] : `${WORDS[outcome]} · ${Math.round(milliseconds)} ms`;
}

function tell(words, kind) {
  result.hidden = false;
  result.className = `result ${kind}`;
  result.textContent = words;
  result.focus();
}
