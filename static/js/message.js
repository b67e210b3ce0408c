// One message: locked until its reader is seen, and the text is in the page only while they are.

import { get, post, remove } from "./answers.js";
import { Attempt, cannot, offerAnother } from "./attempt.js";
import { alreadyAllowed } from "./camera.js";
import { closeDraft, fillDraft } from "./compose.js";
import { Presence } from "./presence.js";
import { tell } from "./result.js";
import { Scanner } from "./scanner.js";

const root = document.getElementById("message");
const { api, list, csrf, draft } = root.dataset;
const form = root.querySelector("[data-form]");
const button = root.querySelector("[data-start]");
const code = root.querySelector("[data-code]");
const locked = root.querySelector("[data-locked]");
const why = root.querySelector("[data-why]");
const text = root.querySelector("[data-text]");
const files = root.querySelector("[data-files]");
const close = root.querySelector("[data-close]");
const result = root.querySelector("[data-result]");

const SEEN = "You are seen. The text stays as long as you are.";
let presence = null;
let shown = false;

for (const button of root.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => guarded(button, () => act(button.dataset.act)));
}
if (form) await prepare();

async function prepare() {
  const scanner = new Scanner(root.querySelector("[data-scanner]"));
  const urls = { ticketUrl: `${api}/ticket`, captureUrl: `${api}/captures`, csrf };
  const id = api.split("/").at(-1);
  const attempt = new Attempt(root, scanner, urls, (capture) => `/ws/messages/${id}/captures/${capture}/`);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(button, async () => {
      if (scanner.on) await unlock(scanner, attempt, id);
      else await scanner.start();
    }).finally(() => {
      button.textContent = scanner.on ? "Unlock with my face" : "Turn on the camera";
      scanner.quiet = presence !== null;
      scanner.showProgress(null);
    });
  });
  close.addEventListener("click", () => presence?.end("You have locked the message."));
  if (await alreadyAllowed()) form.requestSubmit();
}

async function unlock(scanner, attempt, id) {
  result.hidden = true;
  const job = await attempt.run({
    voice: form.elements.voice.checked,
    cannot: cannot(form),
    onRecording: () => (button.textContent = "Recording …"),
    onError: (error) => tell(result, error.message, "bad"),
  });
  if (job.decision.next !== "complete") {
    tell(result, job.decision.message, "bad");
    scanner.hint("You can try again.");
    offerAnother(form, job.decision.reason);
    return;
  }
  const opened = await openWith(job);
  presence = new Presence(scanner.video, `/ws/messages/${id}/`, {
    seen: () => {
      scanner.hint(SEEN);
      if (!shown) reveal();
    },
    hidden: (words) => {
      scanner.hint(words);
      hide(words);
    },
    ended: (words) => {
      presence = null;
      scanner.quiet = false;
      form.hidden = false;
      close.hidden = true;
      hide(words);
      post(`${api}/lock`, {}, csrf).catch(() => {}); // the socket's end does the same
    },
  });
  scanner.quiet = true;
  scanner.box.hidden = true; // presence says whether, not where
  scanner.hint(SEEN);
  form.hidden = true;
  close.hidden = false;
  show(opened.content);
  presence.start(opened.seconds);
}

/** The content for a decided capture; asks for a code where the decision wants a second factor. */
async function openWith(job) {
  let typed = "";
  for (;;) {
    try {
      return await post(`${api}/open`, { capture: job.id, code: typed }, csrf);
    } catch (error) {
      if (error.code !== "second_factor_wanted") throw error;
      if (typed) tell(result, error.message, "bad");
      typed = await codeTyped();
    }
  }
}

function codeTyped() {
  code.hidden = false;
  code.elements.code.value = "";
  code.elements.code.focus();
  return new Promise((resolve) => {
    code.onsubmit = (event) => {
      event.preventDefault();
      code.hidden = true;
      resolve(code.elements.code.value.trim());
    };
  });
}

async function reveal() {
  shown = true; // asked for once, though several frames may say so
  try {
    const { content } = await get(`${api}/content`);
    if (presence && !presence.away() && shown) show(content);
  } catch (error) {
    shown = false;
    why.textContent = error.message;
  }
}

function show(content) {
  shown = true;
  locked.hidden = true;
  if (draft) {
    fillDraft(content);
    return;
  }
  text.textContent = content.text;
  text.hidden = false;
  files.replaceChildren(...content.attachments.map(fileItem));
  files.hidden = !content.attachments.length;
  text.focus();
}

function hide(words) {
  shown = false;
  if (draft) closeDraft();
  text.textContent = "";
  text.hidden = true;
  files.replaceChildren();
  files.hidden = true;
  locked.hidden = false;
  why.textContent = words;
}

function fileItem({ id, name, kind, size }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `${api}/attachments/${id}`;
  link.download = name;
  link.textContent = name;
  item.append(link, ` (${kind}, ${size > 1e6 ? `${(size / 1e6).toFixed(1)} MB` : `${Math.ceil(size / 1000)} kB`})`);
  return item;
}

const SURE = {
  revoke: "Take this message back for everybody? Nobody will be able to open it again.",
  delete: "Delete it? This cannot be undone.",
};

async function act(what) {
  if (!confirm(SURE[what])) return; // nothing happened, and the page stays
  if (what === "revoke") await post(`${api}/revoke`, {}, csrf);
  if (what === "delete") await remove(api, csrf);
  location.assign(list);
}

async function guarded(button, act) {
  button.disabled = true;
  try {
    await act();
  } catch (error) {
    tell(result, error.message, "bad");
  } finally {
    button.disabled = false;
  }
}
