// Talking to the server: JSON in, JSON out, errors as sentences for a person.

export class Refused extends Error {
  constructor(code, message, retryAfter) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** POST a FormData or a plain object; the parsed answer, or a Refused with the server's sentence. */
export async function post(url, body, csrf) {
  return send("POST", url, body, csrf);
}

export async function put(url, body, csrf) {
  return send("PUT", url, body, csrf);
}

export async function remove(url, csrf) {
  const headers = { "X-CSRFToken": csrf, Accept: "application/json" };
  return read(() => fetch(url, { method: "DELETE", headers, credentials: "same-origin" }));
}

async function send(method, url, body, csrf) {
  const headers = { "X-CSRFToken": csrf, Accept: "application/json" };
  const form = body instanceof FormData;
  if (!form) headers["Content-Type"] = "application/json";
  return read(() => fetch(url, { method, headers, body: form ? body : JSON.stringify(body), credentials: "same-origin" }));
}

export async function get(url) {
  return read(() => fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" }));
}

async function read(ask) {
  let answer;
  try {
    answer = await ask();
  } catch {
    throw new Refused("unreachable", "The server cannot be reached. Please check your connection and try again.");
  }
  const values = await answer.json().catch(() => ({}));
  if (answer.ok) return values;
  const error = values.error ?? { code: "internal", message: "Something went wrong on our side. Nothing was decided." };
  const details = Object.entries(error.fields ?? {}).map(([field, texts]) => `${field.replaceAll("_", " ")}: ${texts.join(" ")}`);
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  const sentence = [error.message, ...details, wait ? `Try again in ${wait} seconds.` : ""].filter(Boolean).join(" ");
  throw new Refused(error.code, sentence, wait);
}
