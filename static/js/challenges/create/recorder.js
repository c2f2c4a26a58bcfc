// The dialog that records a statement with the camera: preview, countdown, recording and playback.

import { openDialog } from "../../base/dialog.js";
import { h, icon, requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";
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

/** @typedef {"asking"|"refused"|"ready"|"counting"|"recording"|"taken"} State */

/** Return the preferred format that this browser can record; empty if it cannot record. @returns {string} */
const chooseRecordingType = () =>
  globalThis.MediaRecorder ? (TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? "") : "";

/**
 * @param {string} name
 * @returns {[string, string]}
 */
function explainCameraError(name) {
  if (name === "insecure")
    return [
      "The camera needs a secure connection",
      "Browsers allow the camera only on pages opened over HTTPS. Open this page over HTTPS, or choose a file instead.",
    ];
  if (name === "unsupported")
    return [
      "This browser cannot record video",
      "Record with your camera app and choose the file, or use another browser.",
    ];
  if (name === "NotAllowedError" || name === "SecurityError")
    return [
      "Camera access is blocked",
      "Allow camera and microphone for this page in the address bar or in the browser's settings, then try again. Or choose a file instead.",
    ];
  if (name === "NotFoundError" || name === "OverconstrainedError")
    return ["No camera was found", "Connect a camera and try again, or choose a file instead."];
  if (name === "NotReadableError" || name === "AbortError")
    return [
      "The camera is not responding",
      "Another program may be using the camera. Close that program, then try again.",
    ];
  return ["The camera could not be opened", "Try again, or choose a file instead."];
}

export class Recorder {
  /** @type {State} */ #state = "asking";
  /** @type {MediaStream|null} */ #stream = null;
  /** @type {MediaRecorder|null} */ #recorder = null;
  /** @type {Blob|null} */ #take = null;
  #length = 0;
  #startedAt = 0;
  #timer = 0;
  #address = "";
  #warned = false;
  /** Ids of the chosen camera and microphone; empty for the browser's defaults. */ #devices = {
    camera: "",
    microphone: "",
  };

  /**
   * @param {number} number
   * @param {string} text
   * @param {(blob: Blob, seconds: number) => void} onTaken
   */
  constructor(number, text, onTaken) {
    this.onTaken = onTaken;
    this.video = /** @type {HTMLVideoElement} */ (h("video", { playsinline: true, "aria-label": "Camera preview" }));
    // Stop this event for live video: `showDuration` would seek to the end, and live video has no end.
    this.video.addEventListener("loadedmetadata", (event) => this.video.srcObject && event.stopImmediatePropagation());
    showDuration(this.video);
    this.over = h("div", { class: "over", "aria-hidden": "true", hidden: true });
    this.trouble = h("div", { class: "mask", role: "alert", hidden: true });
    this.bar = /** @type {HTMLProgressElement} */ (
      h("progress", { class: "bar bad", value: "0", max: String(LONGEST), "aria-label": "Recording length" })
    );
    this.clock = h("span", { class: "mono text-small muted" });
    this.said = h("p", { class: "visually-hidden", role: "status" });
    this.choices = h("div", { class: "row wrap choices", hidden: true });
    this.acts = h("div", { class: "row wrap end acts" });
    this.dialog = openDialog(
      h(
        "dialog",
        { class: "dialog recording", "aria-labelledby": "record-heading" },
        h(
          "div",
          { class: "pad col" },
          h("h2", { id: "record-heading" }, `Record statement ${number}`),
          text && h("p", { class: "muted anywhere", dir: "auto" }, `“${text}”`),
          h("div", { class: "stage dark" }, this.video, this.over, this.trouble),
          h("div", { class: "row length" }, this.bar, this.clock),
          this.choices,
          this.said,
          this.acts,
        ),
      ),
    );
    this.dialog.addEventListener("close", () => this.#end());
    this.dialog.addEventListener("cancel", (event) => this.#escape(event));
    this.#open();
  }

  // Camera

  async #open() {
    this.#release();
    this.#to("asking");
    const missing = !globalThis.isSecureContext
      ? "insecure"
      : !navigator.mediaDevices?.getUserMedia || !chooseRecordingType()
        ? "unsupported"
        : "";
    if (missing) return this.#refuse(missing);
    const { camera, microphone } = this.#devices;
    const video = {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30 },
      ...(camera ? { deviceId: { exact: camera } } : { facingMode: "user" }),
    };
    const audio = microphone ? { deviceId: { exact: microphone } } : true;
    try {
      const stream = await this.#opened(video, audio);
      if (!this.dialog.open) return stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
    } catch (error) {
      return this.#refuse(/** @type {Error} */ (error).name);
    }
    for (const track of this.#stream.getTracks()) track.addEventListener("ended", () => this.#lost());
    this.#showLive();
    await this.#listDevices();
    this.#to("ready");
  }

  /** Open the chosen devices; if there is no microphone, only the camera. @param {any} video @param {any} audio */
  async #opened(video, audio) {
    try {
      return await navigator.mediaDevices.getUserMedia({ video, audio });
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "NotFoundError") throw error;
      return await navigator.mediaDevices.getUserMedia({ video, audio: false });
    }
  }

  #showLive() {
    const { video } = this;
    this.#forgetTake();
    video.controls = false;
    video.muted = true;
    video.classList.add("mirror");
    video.srcObject = this.#stream;
    video.play().catch(() => {});
  }

  async #listDevices() {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const lists = /** @type {const} */ ([
      ["camera", "Camera", "videoinput"],
      ["microphone", "Microphone", "audioinput"],
    ]).map(([name, label, kind]) => {
      const found = all.filter((device) => device.kind === kind && device.deviceId);
      if (found.length < 2) return null;
      const used =
        this.#stream
          ?.getTracks()
          .find((track) => track.kind === kind.slice(0, 5))
          ?.getSettings().deviceId ?? "";
      const select = /** @type {HTMLSelectElement} */ (
        h(
          "select",
          { class: "input", id: `record-${name}` },
          ...found.map((device, n) =>
            h(
              "option",
              { value: device.deviceId, selected: device.deviceId === used },
              device.label || `${label} ${n + 1}`,
            ),
          ),
        )
      );
      select.addEventListener("change", () => {
        this.#devices[name] = select.value;
        this.#open();
      });
      return h("div", { class: "field" }, h("label", { for: select.id }, label), select);
    });
    const shown = lists.filter((one) => one !== null);
    this.choices.replaceChildren(...shown);
    const mute = this.#stream?.getAudioTracks().length === 0;
    if (mute)
      this.choices.append(
        h("p", { class: "status warn" }, icon("mute"), "No microphone was found. The recording will have no sound."),
      );
    this.choices.hidden = this.choices.children.length === 0;
  }

  /** @param {string} name Name of the error. */
  #refuse(name) {
    const [title, text] = explainCameraError(name);
    const again = name !== "insecure" && name !== "unsupported";
    this.trouble.replaceChildren(
      icon("alert"),
      h("b", {}, title),
      h("p", { class: "text-small" }, text),
      ...(again
        ? [
            h(
              "div",
              { class: "row wrap" },
              h(
                "button",
                { class: "btn", type: "button", data: { act: "again" }, onclick: () => this.#open() },
                icon("retry"),
                "Try again",
              ),
            ),
          ]
        : []),
    );
    this.#to("refused");
  }

  #lost() {
    if (!this.#stream) return;
    if (this.#state === "recording") return this.#stop();
    if (this.#state === "ready" || this.#state === "counting") this.#refuse("AbortError");
  }

  // Recording

  #count(left = COUNT) {
    if (left === COUNT) this.#to("counting");
    if (left === 0) return this.#record();
    setText(this.over, String(left));
    setText(this.said, left === COUNT ? "Recording starts in 3 seconds" : "");
    this.#timer = window.setTimeout(() => this.#count(left - 1), 1000);
  }

  #record() {
    const stream = /** @type {MediaStream} */ (this.#stream);
    /** @type {Blob[]} */ const pieces = [];
    const type = chooseRecordingType();
    const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS });
    this.#recorder = recorder;
    recorder.addEventListener("dataavailable", ({ data }) => data.size && pieces.push(data));
    recorder.addEventListener(
      "stop",
      () => this.#taken(new Blob(pieces, { type: (recorder.mimeType || type).split(";")[0] })),
      { once: true },
    );
    recorder.addEventListener("error", () => this.#refuse("AbortError"), { once: true });
    recorder.start(1000);
    this.#startedAt = performance.now();
    this.#to("recording");
    setText(this.said, "Recording");
    this.#timer = window.setInterval(() => this.#tick(), 100);
  }

  #tick() {
    this.#length = Math.min(LONGEST, (performance.now() - this.#startedAt) / 1000);
    this.bar.value = this.#length;
    setText(this.clock, `${formatDuration(Math.floor(this.#length))} of ${formatDuration(LONGEST)}`);
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
    if (!this.dialog.open) return;
    if (!take.size) return this.#refuse("AbortError");
    this.#take = take;
    const { video } = this;
    this.#address = URL.createObjectURL(take);
    video.classList.remove("mirror");
    video.srcObject = null;
    video.src = this.#address;
    video.muted = false;
    video.controls = true;
    this.#to("taken");
    setText(this.said, `Recorded ${formatDuration(this.#length)}. Watch the recording, then use it or record again.`);
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
    this.dialog.dataset.state = state;
    this.over.hidden = state !== "counting";
    this.trouble.hidden = state !== "refused";
    this.video.setAttribute("aria-label", state === "taken" ? "Your recording" : "Camera preview");
    const button = (
      /** @type {string} */ act,
      /** @type {string} */ label,
      /** @type {string} */ mark,
      /** @type {() => void} */ run,
      kind = "",
    ) =>
      h(
        "button",
        { class: `btn ${kind}`.trim(), type: "button", data: { act }, onclick: run },
        mark && icon(mark),
        label,
      );
    const close = button("close", "Close", "", () => this.dialog.close());
    /** @type {Record<State, HTMLElement[]>} */ const acts = {
      asking: [
        h(
          "span",
          { class: "status run spacer" },
          icon("run", "spin"),
          "Waiting for the camera. If the browser asks, allow access.",
        ),
        close,
      ],
      refused: [close],
      ready: [close, button("record", "Record", "record", () => this.#count(), "primary record-button")],
      counting: [button("stop", "Cancel", "x", () => this.#to("ready"))],
      recording: [
        h("span", { class: "status bad spacer" }, icon("dot"), "Recording"),
        button("stop", "Stop", "stop", () => this.#stop(), "primary"),
      ],
      taken: [
        button("again", "Record again", "retry", () => this.#again()),
        button("use", "Use recording", "check", () => this.#use(), "primary"),
      ],
    };
    this.acts.replaceChildren(...acts[state]);
    if (state === "ready") {
      this.#length = this.bar.value = 0;
      setText(this.clock, `up to ${formatDuration(LONGEST)}`);
    }
    /** @type {HTMLElement|null} */ (
      this.dialog.querySelector(".acts .primary") ??
        this.dialog.querySelector(".mask:not([hidden]) .btn") ??
        this.dialog.querySelector(".acts .btn")
    )?.focus();
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
  #escape(event) {
    if (this.#state === "recording") {
      event.preventDefault();
      this.#stop();
    } else if (this.#state === "taken" && !this.#warned) {
      event.preventDefault();
      this.#warned = true;
      requireElement("[data-act=again]", this.acts).before(
        h(
          "span",
          { class: "status warn spacer", role: "status" },
          icon("alert"),
          "Press Escape again to discard the recording.",
        ),
      );
    }
  }

  #release() {
    const stream = this.#stream;
    this.#stream = null;
    stream?.getTracks().forEach((track) => track.stop());
  }

  #end() {
    clearTimeout(this.#timer);
    this.#release();
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.video.srcObject = null;
    this.#forgetTake();
  }
}
