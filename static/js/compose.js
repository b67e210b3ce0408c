// Writing a message: saved as a draft first, its files sealed one by one, then sent. What was typed stays on any error.

import { post, put, remove } from "./answers.js";
import { tell } from "./result.js";

const form = document.querySelector("[data-compose]");
let id = form?.dataset.id ?? "";
let dirty = false;
const result = form?.querySelector("[data-result]");

if (form) {
  form.addEventListener("input", () => (dirty = true));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.submitter?.dataset.then ?? "send");
  });
  window.addEventListener("beforeunload", (event) => dirty && event.preventDefault());
}

/** Put an opened draft's text into the form; what was typed since then stays. */
export function fillDraft({ text, attachments }) {
  form.hidden = false;
  form.querySelector("[data-kept]").replaceChildren(...attachments.map(keptItem));
  if (dirty) return;
  form.elements.text.value = text;
  form.elements.text.focus();
}

/** Take an opened draft out of the page again. What was typed and not saved stays: it is nowhere else. */
export function closeDraft() {
  if (dirty) return;
  form.elements.text.value = "";
  form.querySelector("[data-kept]").replaceChildren();
  form.hidden = true;
}

function keptItem({ id: file, name }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = `Remove ${name}`;
  button.addEventListener("click", async () => {
    try {
      await remove(`${form.dataset.api}/${id}/attachments/${file}`, form.dataset.csrf);
      item.remove();
    } catch (error) {
      tell(result, error.message, "bad");
    }
  });
  item.append(`${name} `, button);
  return item;
}

async function run(then) {
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    await save();
    await attach();
    if (then === "send") await post(`${form.dataset.api}/${id}/send`, {}, form.dataset.csrf);
    dirty = false;
    location.assign(`${form.dataset.list}?folder=${then === "send" ? "sent" : "drafts"}`);
  } catch (error) {
    tell(result, error.message, "bad");
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

async function save() {
  const body = values();
  if (id) {
    await put(`${form.dataset.api}/${id}`, body, form.dataset.csrf);
  } else {
    id = (await post(form.dataset.api, body, form.dataset.csrf)).message.id;
  }
}

function values() {
  const { title, text, recipients, expires, once, reply } = form.elements;
  const seconds = Number(expires.value) || 0;
  const kept = expires.value === "kept" ? form.dataset.expires : null;
  return {
    title: title.value,
    text: text.value,
    recipients: recipients.value.split(/[,;\s]+/).filter(Boolean),
    expires_at: seconds ? new Date(Date.now() + seconds * 1000).toISOString() : kept,
    view_once: once.checked,
    reply_to: reply.value || null,
  };
}

async function attach() {
  const field = form.elements.files;
  const list = form.querySelector("[data-attached]");
  for (const file of [...field.files]) {
    list.textContent = `Attaching ${file.name} …`;
    const body = new FormData();
    body.append("file", file, file.name);
    try {
      await post(`${form.dataset.api}/${id}/attachments`, body, form.dataset.csrf);
    } catch (error) {
      list.textContent = "";
      throw new Error(`${file.name}: ${error.message} The draft is saved without it.`);
    }
    drop(field, file);
  }
  list.textContent = "";
}

/** A file that is attached is not sent a second time when the button is pressed again. */
function drop(field, done) {
  const rest = new DataTransfer();
  [...field.files].filter((file) => file !== done).forEach((file) => rest.items.add(file));
  field.files = rest.files;
}
