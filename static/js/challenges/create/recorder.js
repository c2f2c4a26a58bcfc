// The dialog that records a statement with the camera: preview, countdown, recording and playback.

import { openView } from "../../base/dialog.js";
import { formatDuration } from "../../base/format.js";
import { html, iconView } from "../../base/view.js";
import { showDuration } from "./clip-info.js";

/** Maximum duration of a recording, in seconds. */
const LONGEST = 60;
const COUNT = 3;
const BITS = 2_500_000; // video bits per second of a recording
/** Recording formats in order of preference. The server can merge H.264 with AAC (`mp4a`) without re-encoding. */
const TYPES = [
  "video/mp4;codecs=avc1.42E01F,mp4a.40.2",
  "video/mp4;codecs=avc1,mp4a.40.2",
  "video/webm;codecs=h264,opus",
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=vp8,opus",
  "video/webm",
  "video/mp4",
];
/** Title and text of a camera error by its name. @type {Record<string, string[]>} */
const ERRORS = {
  insecure: [
    "The camera needs a secure connection",
    "Browsers allow the camera only on pages opened over HTTPS. Open this page over HTTPS, or choose a file instead.",
  ],
  unsupported: [
    "This browser cannot record video",
    "Record with your camera app and choose the file, or use another browser.",
  ],
  NotAllowedError: [
    "Camera access is blocked",
    "Allow camera and microphone for this page in the address bar or in the browser's settings, then try again. Or choose a file instead.",
  ],
  NotFoundError: ["No camera was found", "Connect a camera and try again, or choose a file instead."],
  NotReadableError: [
    "The camera is not responding",
    "Another program may be using the camera. Close that program, then try again.",
  ],
};
ERRORS.SecurityError = ERRORS.NotAllowedError;
ERRORS.OverconstrainedError = ERRORS.NotFoundError;
ERRORS.AbortError = ERRORS.NotReadableError;
const ASKING = "Waiting for the camera. If the browser asks, allow access.";
const WARNING = "Press Escape again to discard the recording.";
const NO_SOUND = "No microphone was found. The recording will have no sound.";
const OTHER = ["The camera could not be opened", "Try again, or choose a file instead."];

/** @typedef {"asking"|"refused"|"ready"|"counting"|"recording"|"taken"} State */

/** Return the preferred format that this browser can record; empty if it cannot record. @returns {string} */
const chooseRecordingType = () =>
  globalThis.MediaRecorder ? (TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? "") : "";

/** @param {string} act @param {string} label @param {string} mark @param {() => void} run @param {string} [tone] */
const buttonView = (act, label, mark, run, tone = "") => html`
  <button class="btn ${tone}" type="button" data-act=${act} @click=${run}>
    ${mark ? iconView(mark) : null}${label}
  </button>`;

export class Recorder {
  /** @type {State} */ #state = "asking";
  /** Name of the camera error. */ #error = "";
  /** @type {MediaStream|null} */ #stream = null;
  /** @type {MediaRecorder|null} */ #recorder = null;
  /** @type {Blob|null} */ #take = null;
  /** Text announced to screen readers. */ #said = "";
  /** Seconds until the recording starts. */ #left = COUNT;
  #length = 0;
  #startedAt = 0;
  #timer = 0;
  #address = "";
  #warned = false;
  /** Ids of the chosen devices; empty for the browser's defaults. */ #chosen = { camera: "", microphone: "" };
  /** @type {MediaDeviceInfo[]} */ #devices = [];
  /** Ids of the open devices. @type {(string|undefined)[]} */ #used = [];
  #isMute = false;

  /** @param {number} number @param {string} text @param {(blob: Blob, seconds: number) => void} onTaken */
  constructor(number, text, onTaken) {
    this.number = number;
    this.text = text;
    this.onTaken = onTaken;
    this.dialog = openView(() => this.#view());
    this.element = this.dialog.element;
    this.video = /** @type {HTMLVideoElement} */ (this.element.querySelector("video"));
    this.#open();
  }

  // Camera

  #open = async () => {
    this.#release();
    this.#to("asking");
    if (!globalThis.isSecureContext) return this.#refuse("insecure");
    if (!navigator.mediaDevices?.getUserMedia || !chooseRecordingType()) return this.#refuse("unsupported");
    const { camera, microphone } = this.#chosen;
    const video = {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30 },
      ...(camera ? { deviceId: { exact: camera } } : { facingMode: "user" }),
    };
    const audio = microphone ? { deviceId: { exact: microphone } } : true;
    try {
      // If there is no microphone, open only the camera.
      const stream = await navigator.mediaDevices.getUserMedia({ video, audio }).catch((error) => {
        if (error.name !== "NotFoundError") throw error;
        return navigator.mediaDevices.getUserMedia({ video, audio: false });
      });
      if (!this.element.open) return stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
    } catch (error) {
      return this.#refuse(/** @type {Error} */ (error).name);
    }
    const tracks = this.#stream.getTracks();
    for (const track of tracks) track.addEventListener("ended", () => this.#lost());
    this.#used = tracks.map((track) => track.getSettings().deviceId);
    this.#isMute = tracks.every(({ kind }) => kind === "video");
    this.#showLive();
    this.#devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.#to("ready");
  };

  #showLive() {
    this.#forgetTake();
    // Mute the video before it plays.
    this.dialog.draw();
    this.video.srcObject = this.#stream;
    this.video.play().catch(() => {});
  }

  /** @param {string} name Name of the error. */
  #refuse(name) {
    this.#error = name;
    this.#to("refused");
  }

  #lost() {
    if (!this.#stream) return;
    if (this.#state === "recording") return this.#stop();
    if (this.#state === "ready" || this.#state === "counting") this.#refuse("AbortError");
  }

  // Recording

  #count(left = COUNT) {
    if (left === 0) return this.#record();
    this.#left = left;
    this.#said = left === COUNT ? `Recording starts in ${COUNT} seconds` : "";
    if (left === COUNT) this.#to("counting");
    else this.dialog.draw();
    this.#timer = window.setTimeout(() => this.#count(left - 1), 1000);
  }

  #record() {
    /** @type {Blob[]} */ const pieces = [];
    const type = chooseRecordingType();
    const stream = /** @type {MediaStream} */ (this.#stream);
    const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS });
    this.#recorder = recorder;
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    recorder.onstop = () => this.#taken(new Blob(pieces, { type: (recorder.mimeType || type).split(";")[0] }));
    recorder.onerror = () => this.#refuse("AbortError");
    recorder.start(1000);
    this.#startedAt = performance.now();
    this.#said = "Recording";
    this.#to("recording");
    this.#timer = window.setInterval(() => this.#tick(), 100);
  }

  #tick() {
    this.#length = Math.min(LONGEST, (performance.now() - this.#startedAt) / 1000);
    this.dialog.draw();
    if (this.#length >= LONGEST) this.#stop();
  }

  #stop() {
    clearInterval(this.#timer);
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  /** @param {Blob} take */
  #taken(take) {
    this.#tick();
    clearInterval(this.#timer);
    this.#recorder = null;
    if (!this.element.open) return;
    if (!take.size) return this.#refuse("AbortError");
    this.#take = take;
    this.#address = URL.createObjectURL(take);
    this.video.srcObject = null;
    this.video.src = this.#address;
    this.#said = `Recorded ${formatDuration(this.#length)}. Watch the recording, then use it or record again.`;
    this.#to("taken");
  }

  #forgetTake() {
    this.#take = null;
    if (!this.#address) return;
    this.video.removeAttribute("src");
    URL.revokeObjectURL(this.#address);
    this.#address = "";
  }

  // Dialog

  /** @param {State} state */
  #to(state) {
    this.#state = state;
    this.#warned = false;
    clearTimeout(this.#timer);
    if (state === "ready") this.#length = 0;
    this.dialog.draw();
    const button =
      this.element.querySelector(".acts .primary") ??
      this.element.querySelector(".mask:not([hidden]) .btn, .acts .btn");
    /** @type {HTMLElement|null} */ (button)?.focus();
  }

  #view() {
    const state = this.#state;
    const retry = buttonView("again", "Try again", "retry", this.#open);
    const isHopeless = this.#error === "insecure" || this.#error === "unsupported";
    const [title, text] = ERRORS[this.#error] ?? OTHER;
    const choices = [
      this.#choiceView("camera", "Camera", "video"),
      this.#choiceView("microphone", "Microphone", "audio"),
      this.#isMute ? html`<p class="status warn">${iconView("mute")}${NO_SOUND}</p>` : null,
    ].filter((choice) => choice !== null);
    const [time, longest] = [formatDuration(Math.floor(this.#length)), formatDuration(LONGEST)];
    return html`
      <dialog class="dialog recording" aria-labelledby="record-heading" data-state=${state} @close=${this.#end}
        @cancel=${this.#escape}>
        <div class="pad col">
          <h2 id="record-heading">Record statement ${this.number}</h2>
          ${this.text ? html`<p class="muted anywhere" dir="auto">“${this.text}”</p>` : null}
          <div class="stage dark">
            <video class=${this.#take ? "" : "mirror"} playsinline ?controls=${this.#take} .muted=${!this.#take}
              aria-label=${state === "taken" ? "Your recording" : "Camera preview"}
              @loadedmetadata=${showDuration}></video>
            <div class="over" aria-hidden="true" ?hidden=${state !== "counting"}>${this.#left}</div>
            <div class="mask" role="alert" ?hidden=${state !== "refused"}>
              ${iconView("alert")}<b>${title}</b><p class="text-small">${text}</p>
              ${isHopeless ? null : html`<div class="row wrap">${retry}</div>`}
            </div>
          </div>
          <div class="row length">
            <progress class="bar bad" max=${LONGEST} value=${this.#length} aria-label="Recording length"></progress>
            <span class="mono text-small muted">${state === "ready" ? "up to" : `${time} of`} ${longest}</span>
          </div>
          <div class="row wrap choices" ?hidden=${choices.length === 0}>${choices}</div>
          <p class="visually-hidden" role="status">${this.#said}</p>
          <div class="row wrap end acts">${this.#actsView()}</div>
        </div>
      </dialog>`;
  }

  /** @param {"camera"|"microphone"} name @param {string} label @param {string} kind */
  #choiceView(name, label, kind) {
    const found = this.#devices.filter((device) => device.kind === `${kind}input` && device.deviceId);
    if (found.length < 2) return null;
    const choose = (/** @type {Event & {currentTarget: HTMLSelectElement}} */ { currentTarget }) => {
      this.#chosen[name] = currentTarget.value;
      this.#open();
    };
    const optionView = (/** @type {MediaDeviceInfo} */ device, /** @type {number} */ at) => html`
      <option value=${device.deviceId} ?selected=${this.#used.includes(device.deviceId)}>
        ${device.label || `${label} ${at + 1}`}
      </option>`;
    return html`
      <div class="field">
        <label for="record-${name}">${label}</label>
        <select class="input" id="record-${name}" @change=${choose}>
          ${found.map(optionView)}
        </select>
      </div>`;
  }

  #actsView() {
    const close = buttonView("close", "Close", "", () => this.dialog.close());
    switch (this.#state) {
      case "asking":
        return [html`<span class="status run spacer">${iconView("run", "spin")}${ASKING}</span>`, close];
      case "refused":
        return close;
      case "ready":
        return [close, buttonView("record", "Record", "record", () => this.#count(), "primary record-button")];
      case "counting":
        return buttonView("stop", "Cancel", "x", () => this.#to("ready"));
      case "recording":
        return [
          html`<span class="status bad spacer">${iconView("dot")}Recording</span>`,
          buttonView("stop", "Stop", "stop", () => this.#stop(), "primary"),
        ];
      case "taken":
        return [
          this.#warned
            ? html`<span class="status warn spacer" role="status">${iconView("alert")}${WARNING}</span>`
            : null,
          buttonView("again", "Record again", "retry", () => this.#again()),
          buttonView("use", "Use recording", "check", () => this.#use(), "primary"),
        ];
    }
  }

  #again() {
    if (!this.#stream?.active) return void this.#open();
    this.#showLive();
    this.#to("ready");
  }

  #use() {
    const [take, length] = [this.#take, this.#length];
    this.#take = null;
    this.dialog.close();
    if (take) this.onTaken(take, length);
  }

  /** Stop a recording on Escape. Discard a finished recording only on a second Escape. @param {Event} event */
  #escape = (event) => {
    if (this.#state === "recording") {
      event.preventDefault();
      this.#stop();
    } else if (this.#state === "taken" && !this.#warned) {
      event.preventDefault();
      this.#warned = true;
      this.dialog.draw();
    }
  };

  #release() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
  }

  #end = () => {
    clearTimeout(this.#timer);
    this.#release();
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.video.srcObject = null;
    this.#forgetTake();
  };
}
