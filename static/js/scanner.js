// The live picture: box and hints come from the server, which sees a small frame now and then.

import { openCamera, takeFrame } from "./camera.js";

const PREVIEW_EVERY = 400; // milliseconds; the server drops what comes faster than 200
const PREVIEW_WIDTH = 320;
const RECONNECT_AFTER = 3000;

export class Scanner {
  constructor(root) {
    this.video = root.querySelector("[data-video]");
    this.box = root.querySelector("[data-box]");
    this.note = root.querySelector("[data-note]");
    this.hintLine = root.querySelector("[data-hint]");
    this.progress = root.querySelector("[data-progress]");
    this.quiet = false; // while recording, hints keep still
    this.on = false;
  }

  /**
   * Opens the camera and begins to show what the system sees. Rejects with words for the person; also once `signal` is
   * aborted, and the camera is off again then, however late the browser let it be opened.
   */
  async start(signal = null) {
    const stream = await openCamera();
    try {
      signal?.throwIfAborted();
      this.video.srcObject = stream;
      await this.video.play();
      signal?.throwIfAborted();
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw error;
    }
    this.on = true;
    this.note.hidden = true;
    this.hint("Looking for a face …");
    stream.getVideoTracks()[0].addEventListener("ended", () => this.lost());
    this.listen();
    this.timer = setInterval(() => this.preview(), PREVIEW_EVERY);
  }

  stop(words = "The camera is off.") {
    this.on = false;
    clearInterval(this.timer);
    this.socket?.close();
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.box.hidden = true;
    this.note.textContent = words;
    this.note.hidden = false;
    this.hint("");
  }

  lost() {
    this.stop("The camera stopped. Reload the page to try again.");
  }

  hint(words) {
    if (this.hintLine.textContent !== words) this.hintLine.textContent = words;
  }

  showProgress(share) {
    this.progress.hidden = share === null;
    this.progress.value = (share ?? 0) * 100;
  }

  listen() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/ws/preview/`);
    this.socket.onmessage = ({ data }) => this.seen(JSON.parse(data));
    this.socket.onclose = () => this.on && setTimeout(() => this.on && this.listen(), RECONNECT_AFTER);
  }

  async preview() {
    if (this.quiet || document.hidden || this.socket?.readyState !== WebSocket.OPEN || !this.video.videoWidth) return;
    this.socket.send(await takeFrame(this.video, PREVIEW_WIDTH, 0.75));
  }

  seen(message) {
    if (message.type !== "preview" || this.quiet || !this.on) return;
    this.drawBox(message.box, message.hints.length === 0);
    this.hint(message.hints[0]?.message ?? "One face, well lit and near enough. Ready.");
  }

  /** The picture is mirrored and cropped to its frame: so is the box. */
  drawBox(box, good) {
    this.box.hidden = !box;
    if (!box) return;
    const { videoWidth, videoHeight, clientWidth, clientHeight } = this.video;
    const scale = Math.max(clientWidth / videoWidth, clientHeight / videoHeight);
    const [left, top, across, down] = [box[0] * videoWidth, box[1] * videoHeight, box[2] * videoWidth, box[3] * videoHeight];
    const offsetX = (clientWidth - videoWidth * scale) / 2;
    const offsetY = (clientHeight - videoHeight * scale) / 2;
    this.box.style.left = `${clientWidth - offsetX - (left + across) * scale}px`;
    this.box.style.top = `${offsetY + top * scale}px`;
    this.box.style.width = `${across * scale}px`;
    this.box.style.height = `${down * scale}px`;
    this.box.classList.toggle("good", good);
  }
}
