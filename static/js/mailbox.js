// How many messages are unread, beside the link to them, on every page of somebody who is logged in; in the inbox, a
// word when there are more than it was loaded with. The list does not change under whoever reads it.

const badge = document.querySelector("[data-unread]");
const arrived = document.querySelector("[data-arrived]");
const RECONNECT_AFTER = 5000;
let known = Number(arrived?.dataset.arrived); // unread when the list was made, or fewer since

function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/mailbox/`);
  socket.onmessage = ({ data }) => show(JSON.parse(data).unread);
  socket.onclose = ({ code }) => code !== 4403 && setTimeout(listen, RECONNECT_AFTER);
}

function show(unread) {
  badge.hidden = !unread;
  badge.textContent = unread ? `${unread} new` : "";
  if (unread > known) arrived.hidden = false;
  known = Math.min(known, unread);
}

listen();
