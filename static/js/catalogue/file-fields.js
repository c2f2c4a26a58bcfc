// The fields for a video's file and thumbnail, and their upload.

import { ApiError } from "../base/api.js";
import { requireElement } from "../base/dom.js";
import { errorView, joinSentences } from "../base/notice.js";
import { createRoot, html, iconView } from "../base/view.js";
import { askToCancel } from "../uploads/cancel-upload.js";
import { formatBytes, formatRoundBytes } from "../videos/api.js";
import { isAbort, readCatalogueVideo, sendFiles } from "./api.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{max_video_size: number, max_upload_size: number, max_thumbnail_size: number}} Limits The limits are in
 * bytes. A video larger than `max_video_size` is sent in chunks. A video larger than `max_upload_size` is rejected.
 * @typedef {"video"|"thumbnail"} Kind
 */

const KIND_NAMES = /** @type {Kind[]} */ (["thumbnail", "video"]);

const KINDS = {
  video: {
    icon: "film",
    what: "MP4, WebM, OGV, AVI or MOV",
    accept: "video/mp4,video/webm,video/ogg,video/x-msvideo,video/quicktime,.mp4,.m4v,.webm,.ogv,.ogg,.avi,.mov",
    suffixes: /\.(mp4|m4v|webm|ogv|ogg|avi|mov)$/i,
    type: /^video\//,
    note: "",
  },
  thumbnail: {
    icon: "grid",
    what: "JPEG, PNG or WebP",
    accept: "image/jpeg,image/png,image/webp,.jpg,.jpeg,.png,.webp",
    suffixes: /\.(jpe?g|png|webp)$/i,
    type: /^image\/(jpeg|png|webp)$/,
    note: ". Optional: by default, a frame of the video is used.",
  },
};

/** Return the maximum size of a file in bytes. @param {Kind} kind @param {Limits} limits */
const getLimit = (kind, limits) => (kind === "video" ? limits.max_upload_size : limits.max_thumbnail_size);

/**
 * Check a file before upload; return an error message, or "".
 * @param {Kind} kind
 * @param {{name: string, type: string, size: number}} file
 * @param {Limits} limits
 * @returns {string}
 */
function checkFile(kind, { name, type, size }, limits) {
  const most = getLimit(kind, limits);
  if (!KINDS[kind].suffixes.test(name) && !KINDS[kind].type.test(type))
    return `“${name}” is not a supported ${kind === "video" ? "video" : "image"} file. Choose ${KINDS[kind].what}.`;
  if (size === 0) return `“${name}” is empty. Choose another file.`;
  if (size > most) return `“${name}” is too large (${formatBytes(size)}). The limit is ${formatRoundBytes(most)}.`;
  return "";
}

/** Reasons why an upload is paused. @type {Record<string, string>} */
const WAITS = {
  network: "No connection. The upload continues automatically when the network is back.",
  session: "Your session has ended. Sign in to continue the upload.",
  server: "The server is busy. The upload continues in a moment.",
};

export class FilesForm {
  /** @type {Record<Kind, File|null>} */ chosen = { video: null, thumbnail: null };
  /** @type {Record<Kind, string>} */ #errors = { video: "", thumbnail: "" };
  /** Number of nested elements that dragged files are over. */ #over = { video: 0, thumbnail: 0 };
  /** @type {AbortController|null} */ #sending = null;
  /** Running upload of a large file. @type {import("../uploads/transfer.js").Transfer|null} */ #transfer = null;
  /** Sent share of the files, 0 to 1. */ #share = 0;
  #isPaused = false;
  /** Text to show instead of the percentage; empty if the upload progresses. */ #state = "";
  // text for screen readers; it changes with the upload's state, but not with each percent
  #said = "";
  /** @type {import("../base/view.js").View} */ #problem = null;
  #preview = "";
  #root = createRoot();

  /**
   * @param {Limits} limits
   * @param {object} [options]
   * @param {boolean} [options.replaces] True if the video already has a file.
   * @param {() => void} [options.onChange] Called when a file is chosen, and when an upload starts or
   * ends.
   */
  constructor(limits, { replaces = false, onChange = () => {} } = {}) {
    this.limits = limits;
    this.replaces = replaces;
    this.onChange = onChange;
    this.element = this.#draw();
  }

  get isSending() {
    return this.#sending !== null;
  }

  get isEmpty() {
    return !this.chosen.video && !this.chosen.thumbnail;
  }

  focus() {
    this.#getInput("video").focus();
  }

  /** @param {Kind} kind @returns {HTMLInputElement} */
  #getInput(kind) {
    return requireElement(`#file-${kind}`, this.element);
  }

  #draw() {
    const percent = Math.floor(this.#share * 100);
    const size = (this.chosen.video?.size ?? 0) + (this.chosen.thumbnail?.size ?? 0);
    return this.#root(html`
      <div class="col files">
        ${this.#fieldView("video")} ${this.#fieldView("thumbnail")}
        <div class="col" ?hidden=${!this.isSending}>
          <progress class="bar ${this.#isPaused ? "warn" : ""}" max="100" .value=${percent}
            aria-label="${percent} percent uploaded"></progress>
          <p class="text-small muted mono">${this.#state || `${percent} % of ${formatBytes(size)}`}</p>
        </div>
        <p class="visually-hidden" role="status">${this.#said}</p>
        <div>${this.#problem}</div>
      </div>`);
  }

  /** @param {Kind} kind */
  #fieldView(kind) {
    const { icon, what, accept, note } = KINDS[kind];
    const id = `file-${kind}`;
    const file = this.chosen[kind];
    const error = this.#errors[kind];
    const picture = kind === "thumbnail" && this.#preview ? html`<img src=${this.#preview} alt="" />` : iconView(icon);
    const choose = (/** @type {FileList|null|undefined} */ files) => {
      if (!this.isSending) this.#take(kind, files?.[0] ?? null);
    };
    const drag = (/** @type {number} */ by) => (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#over[kind] += by;
      this.#draw();
    };
    const drop = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      this.#over[kind] = 0;
      this.#draw();
      choose(event.dataTransfer?.files);
    };
    return html`
      <div ?data-over=${this.#over[kind] > 0} ?data-chosen=${file !== null}
        @dragenter=${drag(1)} @dragover=${cancelEvent} @dragleave=${drag(-1)} @drop=${drop}>
        <label class="drop slim" data-kind=${kind}>
          <input class="visually-hidden" id=${id} type="file" accept=${accept}
            aria-describedby="${id}-words ${id}-error" @change=${() => choose(this.#getInput(kind).files)} />
          <span class="picture none" aria-hidden="true">${picture}</span>
          <span class="spacer">
            <b class="big-words">${kind === "video" && this.replaces ? "Replace" : "Choose"} ${kind}</b>
            <span class="muted text-small anywhere" id="${id}-words">${
              file
                ? html`<span dir="auto">${file.name}</span><span class="mono faint"> ${formatBytes(file.size)}</span>`
                : `${what}, up to ${formatRoundBytes(getLimit(kind, this.limits))}${note}`
            }</span>
          </span>
          <span class="btn desk" aria-hidden="true">Choose</span>
        </label>
        <p class="field-error" id="${id}-error" role="alert" ?hidden=${!error}>
          ${iconView("alert")}<span>${error}</span>
        </p>
      </div>`;
  }

  /** @param {Kind} kind @param {File|null} file */
  #take(kind, file) {
    this.#errors[kind] = file ? checkFile(kind, file, this.limits) : "";
    const taken = this.#errors[kind] ? null : file;
    this.chosen[kind] = taken;
    if (kind === "thumbnail") {
      if (this.#preview) URL.revokeObjectURL(this.#preview);
      this.#preview = taken ? URL.createObjectURL(taken) : "";
    }
    this.#draw();
    this.onChange();
  }

  /**
   * Upload the chosen files; return null if cancelled or rejected.
   * @param {string} id
   * @returns {Promise<CatalogueVideo|null>}
   */
  async send(id) {
    this.#sending = new AbortController();
    this.#problem = null;
    this.#showShare(0);
    this.onChange();
    try {
      const video = await this.#sendAll(id, this.#sending.signal);
      this.clear();
      this.#said = "";
      return video;
    } catch (error) {
      this.#said = isAbort(error) ? "Upload cancelled." : "";
      if (!isAbort(error)) this.#refused(error);
      return null;
    } finally {
      this.#sending = null;
      this.#draw();
      this.onChange();
    }
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #sendAll(id, signal) {
    const { video, thumbnail } = this.chosen;
    const showShare = (/** @type {number} */ share) => this.#showShare(share);
    if (!video || video.size <= this.limits.max_video_size) return sendFiles(id, this.chosen, showShare, signal);
    // Upload the thumbnail first, so that its errors appear early.
    if (thumbnail) {
      await sendFiles(id, { thumbnail }, () => {}, signal);
      this.#take("thumbnail", null);
    }
    return this.#sendLarge(id, video, signal);
  }

  /**
   * Send a large file in chunks. Choosing the same file again resumes its upload.
   * @param {string} id
   * @param {File} file
   * @param {AbortSignal} signal
   * @returns {Promise<CatalogueVideo>}
   */
  async #sendLarge(id, file, signal) {
    // Load the module on demand, because few visitors upload large files.
    const { Transfer } = await import("../uploads/transfer.js");
    const { name, size } = file;
    const transfer = new Transfer({ file, name, size, into: { purpose: "catalogue", video_id: id }, read: null });
    this.#transfer = transfer;
    const resume = (/** @type {boolean} */ isSignIn) =>
      transfer.state === "offline" && (transfer.lack === "session") === isSignIn && transfer.resume();
    const listening = new AbortController();
    const listeners = {
      online: () => resume(false),
      offline: () => transfer.networkLost(),
      signedin: () => resume(true),
      beforeunload: cancelEvent,
    };
    for (const [event, listener] of Object.entries(listeners))
      window.addEventListener(event, listener, { signal: listening.signal });
    try {
      await new Promise((resolve, reject) => {
        const stopped = () => reject(new DOMException("Stopped", "AbortError"));
        transfer.addEventListener("change", () => {
          if (transfer.state === "waiting") queueMicrotask(() => transfer.state === "waiting" && transfer.start());
          else if (transfer.state === "processing") resolve(null);
          else if (transfer.state === "gone") stopped();
          else if (transfer.state === "refused")
            reject(new ApiError(transfer.error?.text ?? "", { status: 400, type: transfer.error?.type }));
          this.#showShare(transfer.sent / size, WAITS[transfer.state === "offline" ? transfer.lack : ""]);
        });
        // If the server cannot delete the upload, stop sending anyway: the user can resume the upload later.
        signal.addEventListener("abort", () => transfer.cancel().catch(stopped), { once: true });
        transfer.start();
      });
      return await readCatalogueVideo(id);
    } finally {
      this.#transfer = null;
      listening.abort();
    }
  }

  stop() {
    const sending = this.#sending;
    const { name = "", sent = 0 } = this.#transfer ?? {};
    const instead = "To continue later, do not cancel. Leave this page, open it again later, and choose the same file.";
    askToCancel(name, sent, () => sending?.abort(), instead);
  }

  clear() {
    for (const kind of KIND_NAMES) {
      this.#getInput(kind).value = "";
      this.#take(kind, null);
    }
  }

  /** @param {number} share @param {string} [wait] */
  #showShare(share, wait = "") {
    this.#share = share;
    this.#isPaused = wait !== "";
    this.#state = share >= 1 ? "Uploaded. Processing…" : wait;
    this.#said = this.#state || "Uploading.";
    this.#draw();
  }

  /** @param {unknown} error */
  #refused(error) {
    const errors = error instanceof ApiError ? error.body?.errors : null;
    const kind = KIND_NAMES.find((name) => errors?.[name]);
    if (kind) {
      this.#errors[kind] = joinSentences(errors[kind]);
      this.#draw();
      this.#getInput(kind).focus();
    } else this.#problem = errorView("The upload was rejected.", error);
  }
}

/** @param {Event} event */
const cancelEvent = (event) => event.preventDefault();
