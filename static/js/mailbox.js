// How many messages are unread, beside the link to them, on every page of somebody who is logged in.

const badge = document.querySelector("[data-unread]");
const RECONNECT_AFTER = 5000;

function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/mailbox/`);
  socket.onmessage = ({ data }) => show(JSON.parse(data).unread);
  socket.onclose = ({ code }) => code !== 4403 && setTimeout(listen, RECONNECT_AFTER);
}

function show(unread) {
  badge.hidden = !unread;
  badge.textContent = unread ? `${unread} new` : "";
}

listen();
