// The live monitor: captures as they run, pushed over the websocket. Text only, never markup from a capture.

const NOT_ALLOWED = 4403;
const SHORTEST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
const CELL = "px-3 py-2 align-top border-t border-base-200 dark:border-base-800";

const table = document.getElementById("monitor");
const body = table.tBodies[0];
const state = document.getElementById("monitor-state");
const summary = document.getElementById("monitor-summary");
const empty = document.getElementById("monitor-empty");
const pause = document.getElementById("monitor-pause");
const stages = [...table.querySelectorAll("[data-stage]")].map((heading) => heading.dataset.stage);
const newest = Number(table.dataset.newest);
const captures = new Map(); // by number, also those that fell out of the table while it was paused
let wait = SHORTEST_WAIT;
let paused = false;

/** Opens the socket, and again after it was lost, ever more slowly. */
function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/monitor/`);
  socket.onopen = () => {
    wait = SHORTEST_WAIT;
    showState("Live");
  };
  socket.onmessage = ({ data }) => take(JSON.parse(data).captures);
  socket.onclose = ({ code }) => {
    if (code === NOT_ALLOWED) {
      captures.clear();
      body.replaceChildren();
      showState("You may not watch any more. Please log in again.");
      return;
    }
    showState(`Connection lost. What is shown may be old. Trying again in ${wait / 1000} s.`);
    setTimeout(connect, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
}

/** Says how the connection is, where it is read and where it is heard. */
function showState(text) {
  state.textContent = paused && text === "Live" ? "Paused" : text;
  if (text !== "Live") summary.textContent = text;
}

/** Takes captures in, newest first as they were sent. */
function take(found) {
  for (const capture of [...found].reverse()) {
    const before = captures.get(capture.number);
    captures.set(capture.number, capture);
    if (!paused && capture.decision && before && !before.decision) summary.textContent = inALine(capture);
  }
  const kept = [...captures.keys()].sort((a, b) => b - a);
  for (const number of kept.slice(newest)) captures.delete(number);
  if (!paused) draw();
}

/** Puts changed rows in place; rows that did not change keep the focus and the reading position. */
function draw() {
  empty.hidden = captures.size > 0;
  for (const row of [...body.rows]) if (!captures.has(Number(row.dataset.number))) row.remove();
  let after = null;
  for (const number of [...captures.keys()].sort((a, b) => b - a)) {
    const capture = captures.get(number);
    const content = JSON.stringify(capture);
    let row = body.querySelector(`[data-number="${number}"]`);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.number = number;
      body.insertBefore(row, after ? after.nextSibling : body.firstChild);
    }
    if (row.dataset.content !== content) {
      const held = row.contains(document.activeElement);
      row.dataset.content = content;
      row.replaceChildren(...cells(capture));
      if (held) row.querySelector("a")?.focus();
    }
    after = row;
  }
}

/** The cells of one capture. */
function cells(capture) {
  const time = cell("");
  const said = new Date(capture.at).toLocaleTimeString();
  if (table.dataset.attempts) {
    const link = document.createElement("a");
    link.href = `${table.dataset.attempts}${capture.number}/change/`;
    link.textContent = said;
    link.className = "underline";
    time.append(link);
  } else {
    time.textContent = said;
  }
  const byName = new Map(capture.stages.map((stage) => [stage.stage, stage]));
  return [
    time,
    cell(capture.purpose),
    cell(capture.address),
    cell(capture.claimed),
    ...stages.map((name) => cell(stageText(byName.get(name)))),
    cell(capture.decision ? decisionText(capture.decision) : capture.status, Boolean(capture.decision)),
  ];
}

function cell(text, strong = false) {
  const made = document.createElement("td");
  made.className = strong ? `${CELL} font-semibold` : CELL;
  made.textContent = text;
  return made;
}

function stageText(stage) {
  if (!stage) return "–";
  return stage.reason ? `${stage.outcome}: ${stage.reason}` : `${stage.outcome}, ${stage.milliseconds} ms`;
}

function decisionText({ outcome, reason }) {
  return reason ? `${outcome}: ${reason}` : outcome;
}

function inALine(capture) {
  return `${capture.purpose} by ${capture.claimed}: ${decisionText(capture.decision)}`;
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (state.textContent === "Live" || state.textContent === "Paused") state.textContent = paused ? "Paused" : "Live";
  if (!paused) draw();
});

connect();
