// A capture's job as it changes: over the websocket, and by asking when the websocket does not work.

import { get } from "./answers.js";

const ASK_EVERY = 1000;
const GIVE_UP_AFTER = 120_000;

/** Calls `show(job)` at each change, and resolves with the job once `settled(job)`. */
export function follow(socketPath, pollUrl, show, settled) {
  return new Promise((resolve, reject) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${socketPath}`);
    const until = Date.now() + GIVE_UP_AFTER;
    let timer = null;
    let ended = false;

    const end = (finish, value) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      finish(value);
    };
    const take = (job) => {
      if (ended) return;
      show(job);
      if (settled(job)) end(resolve, job);
    };
    const ask = async () => {
      if (ended) return;
      if (Date.now() > until) return end(reject, new Error("This took too long. Please try again."));
      try {
        take((await get(pollUrl)).job);
      } catch (error) {
        return end(reject, error);
      }
      timer = setTimeout(ask, ASK_EVERY);
    };
    socket.onmessage = ({ data }) => take(JSON.parse(data).job);
    socket.onclose = () => !ended && ask();
    // A socket that stays silent is asked past as well: a lost message must not leave the person waiting.
    timer = setTimeout(ask, 3 * ASK_EVERY);
  });
}
