// The fields for a video's file and thumbnail, and their upload.

import { ApiError } from "../base/api.js";
import { h, icon, setText } from "../base/dom.js";
import { createErrorNote } from "../base/notice.js";
import { askToCancel } from "../uploads/cancel-upload.js";
import { formatBytes, formatRoundBytes } from "../videos/api.js";
import { isAbort, readCatalogueVideo, sendFiles } from "./api.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{max_video_size: number, max_upload_size: number, max_thumbnail_size: number}} Limits The limits are in
 * bytes. A video larger than `max_video_size` is sent in chunks. A video larger than `max_upload_size` is rejected.
 * @typedef {"video"|"thumbnail"} Kind
 */

const KINDS = {
  video: {
    label: "Video",
    what: "MP4, WebM, OGV, AVI or MOV",
    accept: "video/mp4,video/webm,video/ogg,video/x-msvideo,video/quicktime,.mp4,.m4v,.webm,.ogv,.ogg,.avi,.mov",
    suffixes: /\.(mp4|m4v|webm|ogv|ogg|avi|mov)$/i,
    type: /^video\//,
  },
  thumbnail: {
    label: "Thumbnail",
    what: "JPEG, PNG or WebP",
    accept: "image/jpeg,image/png,image/webp,.jpg,.jpeg,.png,.webp",
    suffixes: /\.(jpe?g|png|webp)$/i,
    type: /^image\/(jpeg|png|webp)$/,
  },
};

/**
 * Check a file before upload; return an error message, or "".
 * @param {Kind} kind
 * @param {{name: string, type: string, size: number}} file
 * @param {Limits} limits
 * @returns {string}
 */
function checkFile(kind, { name, type, size }, limits) {
  const most = kind === "video" ? limits.max_upload_size : limits.max_thumbnail_size;
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
  /** @type {{video: File|null, thumbnail: File|null}} */ chosen = { video: null, thumbnail: null };
  /** @type {AbortController|null} */ #sending = null;
  /** Running upload of a large file. @type {import("../uploads/transfer.js").Transfer|null} */ #transfer = null;
  /** @type {Record<Kind, {box: HTMLElement, words: HTMLElement, error: HTMLElement, input: HTMLInputElement, picture: HTMLElement}>} */ #parts;
  /** @type {string} */ #preview = "";

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
    this.#parts = { video: this.#part("video"), thumbnail: this.#part("thumbnail") };
    this.bar = /** @type {HTMLProgressElement} */ (
      h("progress", { class: "bar", value: "0", max: "100", "aria-label": "Sent" })
    );
    this.words = h("p", { class: "text-small muted mono" });
    // text for screen readers; it changes with the upload's state, but not with each percent
    this.said = h("p", { class: "visually-hidden", role: "status" });
    this.progress = h("div", { class: "col", hidden: true }, this.bar, this.words);
    this.problem = h("div", {});
    this.element = h(
      "div",
      { class: "col files" },
      this.#parts.video.box,
      this.#parts.thumbnail.box,
      this.progress,
      this.said,
      this.problem,
    );
  }

  get isSending() {
    return this.#sending !== null;
  }

  get isEmpty() {
    return !this.chosen.video && !this.chosen.thumbnail;
  }

  focus() {
    this.#parts.video.input.focus();
  }

  /** @param {Kind} kind */
  #part(kind) {
    const id = `file-${kind}`;
    const most = formatRoundBytes(kind === "video" ? this.limits.max_upload_size : this.limits.max_thumbnail_size);
    const verb =
      kind === "video" && this.replaces ? "Replace video" : kind === "video" ? "Choose video" : "Choose thumbnail";
    const input = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "visually-hidden",
        id,
        type: "file",
        accept: KINDS[kind].accept,
        "aria-describedby": `${id}-words ${id}-error`,
        onchange: () => this.choose(kind, input.files?.[0] ?? null),
      })
    );
    const rest =
      kind === "video"
        ? `${KINDS.video.what}, up to ${most}`
        : `${KINDS.thumbnail.what}, up to ${most}. Optional: by default, a frame of the video is used.`;
    const words = h("span", { class: "muted text-small anywhere", id: `${id}-words`, data: { empty: rest } }, rest);
    const error = h(
      "p",
      { class: "field-error", id: `${id}-error`, role: "alert", hidden: true },
      icon("alert"),
      h("span", {}),
    );
    const picture = h(
      "span",
      { class: "picture none", "aria-hidden": "true" },
      icon(kind === "video" ? "film" : "grid"),
    );
    const box = h(
      "div",
      {},
      h(
        "label",
        { class: "drop slim", data: { kind } },
        input,
        picture,
        h("span", { class: "spacer" }, h("b", { class: "big-words" }, verb), words),
        h("span", { class: "btn desk", "aria-hidden": "true" }, "Choose"),
      ),
      error,
    );
    let depth = 0;
    box.addEventListener("dragenter", (event) => {
      depth += 1;
      box.dataset.over = "";
      event.preventDefault();
    });
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("dragleave", () => {
      depth -= 1;
      if (depth === 0) delete box.dataset.over;
    });
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      delete box.dataset.over;
      this.choose(kind, event.dataTransfer?.files[0] ?? null);
    });
    return { box, words, error, input, picture };
  }

  /** @param {Kind} kind @param {File|null} file */
  choose(kind, file) {
    if (!this.isSending) this.#take(kind, file);
  }

  /** @param {Kind} kind @param {File|null} file */
  #take(kind, file) {
    const part = this.#parts[kind];
    const wrong = file ? checkFile(kind, file, this.limits) : "";
    part.error.hidden = !wrong;
    setText(/** @type {HTMLElement} */ (part.error.querySelector("span")), wrong);
    this.chosen[kind] = wrong ? null : file;
    const taken = this.chosen[kind];
    part.words.replaceChildren(
      ...(taken
        ? [h("span", { dir: "auto" }, taken.name), h("span", { class: "mono faint" }, ` ${formatBytes(taken.size)}`)]
        : [part.words.dataset.empty ?? ""]),
    );
    part.box.toggleAttribute("data-chosen", taken !== null);
    if (kind === "thumbnail") this.#show(taken);
    this.onChange();
  }

  /** @param {File|null} file */
  #show(file) {
    if (this.#preview) URL.revokeObjectURL(this.#preview);
    this.#preview = file ? URL.createObjectURL(file) : "";
    this.#parts.thumbnail.picture.replaceChildren(file ? h("img", { src: this.#preview, alt: "" }) : icon("grid"));
  }

  /**
   * Upload the chosen files; return null if cancelled or rejected.
   * @param {string} id
   * @returns {Promise<CatalogueVideo|null>}
   */
  async send(id) {
    this.#sending = new AbortController();
    this.problem.replaceChildren();
    this.progress.hidden = false;
    this.#showShare(0);
    this.onChange();
    try {
      const video = await this.#sendAll(id, this.#sending.signal);
      this.clear();
      setText(this.said, "");
      return video;
    } catch (error) {
      setText(this.said, isAbort(error) ? "Upload cancelled." : "");
      if (!isAbort(error)) this.#refused(error);
      return null;
    } finally {
      this.#sending = null;
      this.progress.hidden = true;
      this.onChange();
    }
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   */
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
    const transfer = new Transfer({
      file,
      name: file.name,
      size: file.size,
      into: { purpose: "catalogue", video_id: id },
      read: null,
    });
    this.#transfer = transfer;
    const withNetwork = () => transfer.state === "offline" && transfer.lack !== "session" && transfer.resume();
    const withoutNetwork = () => transfer.networkLost();
    const signedIn = () => transfer.state === "offline" && transfer.lack === "session" && transfer.resume();
    const leaving = (/** @type {Event} */ event) => event.preventDefault();
    const listeners = { online: withNetwork, offline: withoutNetwork, signedin: signedIn, beforeunload: leaving };
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener);
    try {
      await new Promise((resolve, reject) => {
        const stopped = () => reject(new DOMException("Stopped", "AbortError"));
        transfer.addEventListener("change", () => {
          if (transfer.state === "waiting") queueMicrotask(() => transfer.state === "waiting" && transfer.start());
          else if (transfer.state === "processing") resolve(null);
          else if (transfer.state === "gone") stopped();
          else if (transfer.state === "refused")
            reject(new ApiError(transfer.error?.text ?? "", { status: 400, type: transfer.error?.type }));
          this.#showShare(transfer.sent / file.size, WAITS[transfer.state === "offline" ? transfer.lack : ""]);
        });
        // If the server cannot delete the upload, stop sending anyway: the user can resume the upload later.
        signal.addEventListener("abort", () => transfer.cancel().catch(stopped), { once: true });
        transfer.start();
      });
      return await readCatalogueVideo(id);
    } finally {
      this.#transfer = null;
      for (const [name, listener] of Object.entries(listeners)) window.removeEventListener(name, listener);
    }
  }

  stop() {
    const sending = this.#sending;
    askToCancel(
      this.#transfer?.name ?? "",
      this.#transfer?.sent ?? 0,
      () => sending?.abort(),
      "To continue later, do not cancel. Leave this page, open it again later, and choose the same file.",
    );
  }

  clear() {
    for (const kind of /** @type {Kind[]} */ (["video", "thumbnail"])) {
      this.#parts[kind].input.value = "";
      this.#take(kind, null);
    }
  }

  /** @param {number} share @param {string} [wait] */
  #showShare(share, wait = "") {
    const percent = Math.floor(share * 100);
    const all = (this.chosen.video?.size ?? 0) + (this.chosen.thumbnail?.size ?? 0);
    this.bar.value = percent;
    this.bar.setAttribute("aria-label", `${percent} percent uploaded`);
    this.bar.classList.toggle("warn", wait !== "");
    const still = share >= 1 ? "Uploaded. Processing…" : wait;
    setText(this.words, still || `${percent} % of ${formatBytes(all)}`);
    setText(this.said, still || "Uploading.");
  }

  /** @param {unknown} error */
  #refused(error) {
    const errors = error instanceof ApiError ? error.body?.errors : null;
    const of = /** @type {Kind|undefined} */ (["thumbnail", "video"].find((kind) => errors?.[kind]));
    if (of) {
      const { error: place, input } = this.#parts[of];
      place.hidden = false;
      setText(/** @type {HTMLElement} */ (place.querySelector("span")), [errors[of]].flat(Infinity).join(" "));
      input.focus();
    } else this.problem.replaceChildren(createErrorNote("The upload was rejected.", error));
  }
}
