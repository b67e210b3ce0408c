// How many messages are unread, beside the link to them, on every page of somebody who is logged in; in the inbox, a
// word when there are more than it was loaded with. The list does not change under whoever reads it.

const badge = document.querySelector("[data-unread]");
const arrived = document.querySelector("[data-arrived]");
const FIRST_WAIT = 5000; // milliseconds; doubled after each attempt that did not come to be open
const LONGEST_WAIT = 60000;
const ENOUGH = 6; // attempts in a row on a page whose socket was never open: whoever may not listen now will not soon
let known = Number(arrived?.dataset.arrived); // unread when the list was made, or fewer since
let everOpen = false;
let failed = 0;

/** A server that refuses does so before the socket is open: the browser says 1006 then, as for one that is away. */
function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/mailbox/`);
  let open = false;
  socket.onopen = () => (open = everOpen = true);
  socket.onmessage = ({ data }) => show(JSON.parse(data).unread);
  socket.onclose = () => {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (open ? 0 : failed));
    failed = open ? 0 : failed + 1;
    if (everOpen || failed < ENOUGH) setTimeout(listen, wait);
  };
}

function show(unread) {
  badge.hidden = !unread;
  badge.textContent = unread ? `${unread} new` : "";
  if (unread > known) arrived.hidden = false;
  known = Math.min(known, unread);
}

listen();
