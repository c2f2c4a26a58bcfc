// The row of one upload. While bytes are sent, only its bar and text change.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatDuration, formatPercent, formatTimeLeft, formatWhen } from "../base/format.js";
import { formatBytes, formatPartOfBytes, formatPicture } from "../videos/api.js";
import { drawThumbnail } from "./local-thumbnail.js";

/**
 * @typedef {import("./transfer.js").Transfer} Transfer
 * @typedef {"pause"|"resume"|"try"|"cancel"|"remove"|"choose"|"reopen"|"again"} RowAct
 */

const FAILED = new Set(["refused", "failed"]);
const WITH_BAR = new Set(["waiting", "sending", "paused", "offline", "unfinished", "elsewhere"]);

export class Row {
  #shown = "";
  #pictured = "";
  #remark = "";

  /**
   * @param {Transfer} transfer
   * @param {(act: RowAct) => void} onAct
   */
  constructor(transfer, onAct) {
    this.transfer = transfer;
    this.onAct = onAct;
    this.pic = h("span", { class: "picture dark none" }, icon("film"));
    this.element = h("li", { class: "file", tabindex: "-1" });
    this.draw();
  }

  /** @param {string} text Note about an unfinished upload, shown until the row changes. */
  remark(text) {
    this.#remark = text;
    this.#shown = "";
    this.draw();
  }

  draw() {
    const { transfer, element } = this;
    const shown = [
      transfer.state,
      transfer.lack,
      transfer.error?.type,
      Boolean(transfer.work),
      transfer.retryAt > 0,
      Boolean(transfer.handle),
      transfer.going,
    ].join();
    if (shown !== this.#shown) {
      if (this.#shown !== "") this.#remark = "";
      this.#shown = shown;
      const focused = /** @type {HTMLElement|null} */ (document.activeElement);
      const act = focused && element.contains(focused) ? (focused.dataset.act ?? "") : null;
      element.className = `file${FAILED.has(transfer.state) ? " fail" : ""}`;
      element.dataset.state = transfer.state;
      const acts = this.#acts();
      element.replaceChildren(
        this.pic,
        this.#name(),
        this.#body(),
        h(
          "div",
          {
            class: `file-actions${acts.every((button) => button.classList.contains("icon-only")) ? " icons-only" : ""}`,
          },
          ...acts,
        ),
      );
      if (act !== null)
        /** @type {HTMLElement} */ (
          element.querySelector(act ? `[data-act=${act}]` : "[data-act]") ??
            element.querySelector("[data-act], a") ??
            element
        ).focus();
      this.#showPicture();
    }
    this.#move();
  }

  #move() {
    const { transfer, element } = this;
    const { size, state, sent } = transfer;
    setText(
      requireElement("[data-size]", element),
      WITH_BAR.has(state) && (sent > 0 || state === "sending")
        ? formatPartOfBytes(Math.min(sent, size), size)
        : formatBytes(size),
    );
    const share = size ? Math.floor((Math.min(sent, size) / size) * 100) : 0;
    const bar = /** @type {HTMLProgressElement|null} */ (element.querySelector("progress"));
    if (bar) {
      bar.value = share;
      bar.setAttribute("aria-label", `${transfer.name}, ${share} percent`);
    }
    const words = element.querySelector("[data-words]");
    if (words) setText(words, this.#words(share));
  }

  /** @param {number} share Percentage sent. @returns {string} */
  #words(share) {
    const { state, speed, size, sent, expires, lack, retryAt, work, video } = this.transfer;
    const until = expires ? formatWhen(expires) : "";
    if (state === "sending")
      return [formatPercent(share), speed > 0 && formatTimeLeft((size - sent) / speed)].filter(Boolean).join(" · ");
    if (state === "waiting") return sent > 0 ? "Continues in a moment" : "Up to 3 files are uploaded at once";
    if (state === "paused") return until ? `Resume before ${until}` : "";
    if (state === "unfinished") return until ? `Uploaded data is kept until ${until}` : "Uploaded data is kept";
    if (state === "elsewhere") return formatPercent(share);
    if (state === "offline") {
      const kept = sent > 0 ? "Uploaded data is kept. " : "";
      if (lack === "session") return `${kept}Continues when you sign in`;
      return retryAt
        ? `${kept}Retries in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s`
        : `${kept}Continues when you are online`;
    }
    if (state === "processing")
      return work && work.progress > 0
        ? `${work.message || "Being processed"}, ${formatPercent(work.progress)}`
        : "Waiting to be processed";
    if (state === "ready")
      return work
        ? `Creating preview thumbnails, ${formatPercent(work.progress)}`
        : [video && formatPicture(video), video && formatDuration(video.duration_exact)].filter(Boolean).join(", ");
    return "";
  }

  #name() {
    const { transfer } = this;
    const { video } = transfer;
    const name = video?.title && transfer.state === "ready" ? video.title : transfer.name;
    return h(
      "div",
      { class: "file-name" },
      h(
        "span",
        { class: "truncate", title: transfer.name, dir: "auto" },
        video && transfer.state === "ready" ? h("a", { href: `/watch/${video.id}` }, name) : name,
      ),
      h("span", { class: "mono text-small faint", data: { size: "" } }),
    );
  }

  #body() {
    const { transfer } = this;
    const { state, error, lack, going } = transfer;
    if (error && FAILED.has(state))
      return h(
        "div",
        { class: "file-body" },
        h("span", { class: "status bad" }, icon("alert"), error.title),
        h("p", { class: "text-small anywhere" }, error.text),
      );
    const [tone, picture, word, barTone] = {
      waiting: ["", "clock", "Queued", "off"],
      sending: ["run", "upload", "Uploading", ""],
      paused: ["", "pause", "Paused", "off"],
      offline:
        lack === "network"
          ? ["warn", "offline", "No connection", "warn"]
          : lack === "session"
            ? ["warn", "lock", "Signed out", "warn"]
            : ["warn", "clock", "The server is busy", "warn"],
      unfinished: ["warn", "hour", "Unfinished", "warn"],
      elsewhere: /** @type {Record<string, string[]>} */ ({
        paused: ["", "pause", "Paused in another tab", "off"],
        waiting: ["", "clock", "Queued in another tab", "off"],
        offline: ["warn", "offline", "Interrupted in another tab", "warn"],
      })[going] ?? ["run", "upload", "Uploading in another tab", ""],
      processing: ["run", "run", "Uploaded", ""],
      ready: ["ok", "check", "Ready", ""],
    }[/** @type {"waiting"} */ (state)] ?? ["", "dot", "", ""];
    return h(
      "div",
      { class: "file-body" },
      WITH_BAR.has(state) && h("progress", { class: `bar ${barTone}`.trim(), value: "0", max: "100" }),
      h(
        "div",
        { class: "file-line" },
        h("span", { class: `status ${tone}`.trim() }, icon(picture, state === "processing" ? "spin" : ""), word),
        h("span", { class: "words", data: { words: "" } }),
      ),
      state === "unfinished" &&
        h(
          "p",
          { class: "text-small muted" },
          this.#remark ||
            (transfer.handle
              ? "Your browser will ask again for permission to read the file."
              : "Choose the file again to continue."),
        ),
    );
  }

  /** @returns {HTMLElement[]} */
  #acts() {
    const { transfer } = this;
    const { state, error, video, name } = transfer;
    const button = (/** @type {RowAct} */ act, /** @type {string} */ label, /** @type {string} */ picture = "") =>
      h(
        "button",
        {
          class: "btn",
          type: "button",
          "aria-label": `${label}, ${name}`,
          data: { act },
          onclick: () => this.onAct(act),
        },
        picture && icon(picture),
        label,
      );
    const small = (/** @type {RowAct} */ act, /** @type {string} */ label, /** @type {string} */ picture) =>
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `${label} ${name}`,
          title: label,
          data: { act },
          onclick: () => this.onAct(act),
        },
        icon(picture),
      );
    const link = (/** @type {string} */ href, /** @type {string} */ label) => h("a", { class: "btn", href }, label);
    const cancel = () => small("cancel", "Cancel", "x");
    if (state === "waiting" || state === "sending") return [small("pause", "Pause", "pause"), cancel()];
    if (state === "paused") return [button("resume", "Resume", "play"), cancel()];
    if (state === "offline") return [button("try", "Try now", "retry"), cancel()];
    if (state === "unfinished")
      return [transfer.handle ? button("reopen", "Continue", "play") : button("choose", "Choose the file"), cancel()];
    if (state === "ready" && video)
      return [h("a", { class: "btn", href: `/watch/${video.id}`, "aria-label": `Watch ${video.title}` }, "Watch")];
    if (state === "failed" && video) return [button("remove", "Remove"), link(`/watch/${video.id}`, "Show details")];
    if (state !== "refused") return [];
    if (error?.type === "too_large") return [button("remove", "Remove"), link("/account#plan", "See plans")];
    if (error?.type === "storage_full" || error?.type === "upload_limit")
      return [button("remove", "Remove"), link("/library", "Go to the library"), button("again", "Try again", "retry")];
    if (error?.type === "stopped_elsewhere" || error?.type === "upload_finished")
      return [button("remove", "Remove"), button("again", "Upload again", "retry")];
    if (error?.type === "not_a_video" || error?.type === "empty")
      return [button("remove", "Remove"), button("choose", "Choose another")];
    return [button("remove", "Remove")];
  }

  async #showPicture() {
    const { transfer, pic } = this;
    const poster = transfer.video?.poster_url;
    const wanted = poster ? "poster" : transfer.file && transfer.state !== "refused" ? "file" : "";
    if (!wanted || wanted === this.#pictured) return;
    this.#pictured = wanted;
    if (poster) {
      pic.classList.remove("none");
      pic.replaceChildren(h("img", { src: poster, alt: "", decoding: "async" }));
      return;
    }
    const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", {}));
    // Show the local thumbnail unless the server's poster has arrived.
    if (
      transfer.file &&
      (await drawThumbnail(transfer.file, canvas, () => this.#pictured === "file" && this.element.isConnected)) &&
      this.#pictured === "file"
    ) {
      pic.classList.remove("none");
      pic.replaceChildren(canvas);
    }
  }
}
