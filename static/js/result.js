// How an attempt, an enrolment or a message ended, in words; said aloud by screen readers and put into focus.

/** `kind` is good or bad; `refusals` are files that were not taken, each with its reason. */
export function tell(result, words, kind, refusals = []) {
  result.hidden = false;
  result.className = `result ${kind}`;
  result.textContent = words;
  if (refusals.length) {
    const list = document.createElement("ul");
    for (const { file, message } of refusals) {
      const item = document.createElement("li");
      item.textContent = `${file}: ${message}`;
      list.append(item);
    }
    result.append(list);
  }
  result.focus();
}
