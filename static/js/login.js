// The login page: camera, capture, the stages as they fall, the way in.

import { post } from "./answers.js";
import { Attempt, cannot, offerAnother } from "./attempt.js";
import { alreadyAllowed } from "./camera.js";
import { tell } from "./result.js";
import { Scanner } from "./scanner.js";

const WORDS = { passed: "passed", refused: "refused", borderline: "not sure", not_required: "not asked for", done: "done" };

const root = document.getElementById("login");
const urls = root.dataset;
const form = root.querySelector("[data-form]");
const button = root.querySelector("[data-start]");
const stages = root.querySelector("[data-stages]");
const result = root.querySelector("[data-result]");
const scanner = new Scanner(root.querySelector("[data-scanner]"));
const attempt = new Attempt(root, scanner, urls, (id) => `/ws/captures/${id}/`);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    if (scanner.on) await logIn();
    else await turnOn();
  } catch (error) {
    tell(result, error.message, "bad");
  } finally {
    button.disabled = false;
    button.textContent = scanner.on ? "Log in" : "Turn on the camera";
    scanner.quiet = false;
    scanner.showProgress(null);
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
  const job = await attempt.run({
    voice: form.elements.voice.checked,
    cannot: cannot(form),
    fields: { username: form.elements.username.value.trim() },
    onRecording: () => (button.textContent = "Recording …"),
    onStages: showStages,
    onError: (error) => tell(result, error.message, "bad"),
  });
  if (job.decision.next === "complete") {
    tell(result, job.decision.message, "good");
    const { next } = await post(urls.completeUrl, { capture: job.id }, urls.csrf);
    scanner.stop();
    location.assign(next);
  } else {
    tell(result, job.decision.message, "bad");
    scanner.hint("You can try again.");
    offerAnother(form, job.decision.reason);
  }
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
