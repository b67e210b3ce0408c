// Whether the reader is still seen, while a message is open. The server judges the frames; this page only obeys faster.

import { takeFrame } from "./camera.js";

const FRAME_EVERY = 500; // milliseconds
const FRAME_WIDTH = 480;
const SILENCE = 3000; // milliseconds without an answer after which the text is hidden

export class Presence {
  /** `on`: seen() when the reader is there, hidden(words) when the text has to go, ended(words) when the unlock is over. */
  constructor(video, path, on) {
    this.video = video;
    this.path = path;
    this.on = on;
    this.running = false;
  }

  start(seconds) {
    this.running = true;
    this.until = Date.now() + seconds * 1000;
    this.heard = Date.now();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.socket.onclose = () => this.end("The message is locked again.");
    this.timer = setInterval(() => this.step(), FRAME_EVERY);
    this.leaving = () => this.away() && this.on.hidden("The text is hidden while this window is not in front.");
    window.addEventListener("blur", this.leaving);
    document.addEventListener("visibilitychange", this.leaving);
    this.video.srcObject.getVideoTracks()[0].addEventListener("ended", () => this.end("The camera stopped."));
  }

  /** Leave: the server ends the unlock with the socket. */
  stop() {
    this.running = false;
    clearInterval(this.timer);
    window.removeEventListener("blur", this.leaving);
    document.removeEventListener("visibilitychange", this.leaving);
    this.socket?.close();
  }

  end(words) {
    if (!this.running) return;
    this.stop();
    this.on.ended(words);
  }

  away() {
    return document.hidden || !document.hasFocus();
  }

  async step() {
    if (Date.now() > this.until) return this.end("You were not seen for too long. The message is locked again.");
    if (Date.now() - this.heard > SILENCE) this.on.hidden("Nobody can look just now: the text is hidden.");
    if (this.away() || this.socket.readyState !== WebSocket.OPEN || !this.video.videoWidth) return;
    const frame = await takeFrame(this.video, FRAME_WIDTH, 0.75);
    if (this.running && this.socket.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  take(told) {
    if (!this.running) return;
    this.heard = Date.now();
    if (told.type === "gone") return this.end("This message was taken back.");
    if (told.type === "failed") return this.on.hidden(told.message);
    if (!told.open) return this.end(told.message || "The message is locked again.");
    if (told.seen !== "present") return this.on.hidden(told.message);
    if (told.seconds) this.until = Date.now() + told.seconds * 1000; // the first frames renew nothing yet
    if (!this.away()) this.on.seen();
  }
}
