// One attempt: a capture with what was asked for in it, sent, and followed until it is decided. Login and messages use it.

import { post } from "./answers.js";
import { openMicrophone, recordFrames } from "./camera.js";
import { ChallengeShow } from "./challenge.js";
import { follow } from "./job.js";
import { openRecorder } from "./voice.js";

export class Attempt {
  /**
   * `root` holds [data-say], [data-challenge] (the question on the borderline) and [data-panel] (the test).
   * `urls`: ticketUrl, captureUrl (a capture's own address is below it), csrf; `socketPath(id)` is where it is followed.
   */
  constructor(root, scanner, urls, socketPath) {
    this.scanner = scanner;
    this.urls = urls;
    this.socketPath = socketPath;
    this.say = root.querySelector("[data-say]");
    this.question = root.querySelector("[data-challenge]");
    this.show = new ChallengeShow(root.querySelector("[data-panel]"));
  }

  /** Record and send; resolves with the decided job. `fields` go along; `onStages` is told the stages as they fall. */
  async run({ voice, cannot, fields = {}, onStages = () => {}, onRecording = () => {}, onError }) {
    const body = await this.capture(voice, cannot, onRecording);
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    this.scanner.hint("Checking …");
    const { job } = await post(this.urls.captureUrl, body, this.urls.csrf);
    const address = `${this.urls.captureUrl}/${job.id}`;
    let asked = false;
    return follow(
      this.socketPath(job.id),
      address,
      (seen) => {
        onStages(seen.stages);
        if (seen.challenge && !asked) {
          asked = true;
          this.ask(seen, address, onError);
        }
        if (!seen.challenge) this.question.hidden = true;
      },
      (seen) => seen.decision !== null,
    );
  }

  async capture(withVoice, cannot, onRecording) {
    const microphone = withVoice ? await openMicrophone() : null;
    try {
      const recorder = microphone ? await openRecorder(microphone) : null;
      const { nonce, seconds, challenge: steps } = await post(this.urls.ticketUrl, { voice: withVoice, cannot }, this.urls.csrf);
      this.scanner.quiet = true;
      const said = steps.some(({ kind }) => kind === "digits");
      this.say.hidden = !withVoice || said;
      onRecording();
      this.scanner.hint("Look at the camera and blink naturally.");
      this.show.begin(steps, this.scanner.video.srcObject, withVoice && !said);
      const [{ frames, times, began }, sound] = await Promise.all([
        recordFrames(this.scanner.video, seconds, (share) => this.scanner.showProgress(share), (now) => this.show.at(now)),
        recorder ? recorder.record(seconds) : null,
      ]);
      const body = new FormData();
      body.append("nonce", nonce);
      if (sound) body.append("voice_starts", ((sound.began - began) / 1000).toFixed(4));
      body.append("frame_times", JSON.stringify(times));
      frames.forEach((frame, index) => body.append("frames", frame, `${index}.jpg`));
      if (sound) body.append("voice", sound.wav, "voice.wav");
      return body;
    } finally {
      microphone?.getTracks().forEach((track) => track.stop());
      this.say.hidden = true;
      this.show.end();
      this.scanner.showProgress(null);
    }
  }

  ask(job, address, onError) {
    const form = this.question;
    form.hidden = false;
    form.querySelector("[data-question]").textContent = job.challenge.question;
    const seconds = form.querySelector("[data-seconds]");
    const clock = setInterval(() => {
      const left = Math.max(0, Math.round((Date.parse(job.challenge.expires_at) - Date.now()) / 1000));
      seconds.textContent = `Please answer within ${left} seconds.`;
      if (!left || form.hidden) clearInterval(clock);
    }, 500);
    form.elements.answer.value = "";
    form.elements.answer.focus();
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await post(`${address}/answer`, { answer: form.elements.answer.value }, this.urls.csrf);
        form.hidden = true;
      } catch (error) {
        onError(error);
      }
    };
  }
}

/** What the person has ticked under "There is something I cannot do". */
export function cannot(form) {
  return [...form.querySelectorAll("[name=cannot]:checked")].map(({ value }) => value);
}

/** Where the light told nothing it would tell nothing again: the next test is another one, if the person leaves it so. */
export function offerAnother(form, reason) {
  const light = form.querySelector("[name=cannot][value=light]");
  if (reason !== "light_unclear" || !light) return;
  light.checked = true;
  light.closest("details").open = true;
}
