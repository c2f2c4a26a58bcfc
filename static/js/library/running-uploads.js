// The panel of running uploads in the library. States come from the uploading tab, or else from the server.

import { formatTimeLeft } from "../base/format.js";
import { h, icon, requireElement, setIcon, setText } from "../base/dom.js";
import { explainError, showToast } from "../base/notice.js";
import { askToCancel, cancelUpload } from "../uploads/cancel-upload.js";
import { ASK_AFTER, STATE_HOLDS, openUploadChannel } from "../uploads/tab-channel.js";
import { formatBytes, formatPartOfBytes, isFromPages, listLiveUploads } from "../videos/api.js";

/**
 * @typedef {import("../videos/api.js").Upload} Upload
 * @typedef {import("../uploads/tab-channel.js").UploadState} UploadState
 * @typedef {{upload: Upload, at: number, speed: number, told: UploadState|null, toldAt: number, element: HTMLElement, shown: string}} Row
 */

const POLL = 4000;
const SHOWN = 5;
/** @type {Record<string, string>} */ const BAR_TONES = {
  offline: " warn",
  left: " warn",
  paused: " off",
  waiting: " off",
};

export class UploadsPanel {
  /** @type {Map<string, Row>} */ #rows = new Map();
  /** States received from tabs about uploads that the server has not listed yet. @type {Map<string, {told: UploadState, toldAt: number}>} */ #early =
    new Map();
  #timer = 0;
  #asking = false;

  /**
   * @param {HTMLElement} panel
   * @param {() => void} onEnded
   * @param {(id: string, act: import("../uploads/tab-channel.js").UploadAct) => void} onAct
   */
  constructor(panel, onEnded, onAct) {
    this.panel = panel;
    this.list = requireElement("[data-uploads-list]", panel);
    this.onEnded = onEnded;
    this.onAct = onAct;
    this.channel = openUploadChannel({ onState: (files) => this.told(files) });
    this.channel.ask();
    this.refresh();
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.refresh());
    // Ask tabs that have not reported lately: the timers of hidden tabs are slow, but hidden tabs answer at once.
    setInterval(() => {
      const now = performance.now();
      if (
        [...this.#rows.values()].some(
          (row) => row.told && now - row.toldAt > ASK_AFTER && now - row.toldAt < STATE_HOLDS,
        )
      )
        this.channel.ask();
    }, 1000);
  }

  async refresh() {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    try {
      // Uploads for the catalogue are resumed on their video's edit page.
      this.#adopt((await listLiveUploads()).filter((upload) => upload.purpose === "library"));
    } catch {
      // Keep the old list; banners report a lost network or session.
    }
    this.#asking = false;
    if (this.#rows.size && document.visibilityState === "visible")
      this.#timer = window.setTimeout(() => this.refresh(), POLL);
  }

  /** @param {Upload[]} uploads */
  #adopt(uploads) {
    const now = performance.now();
    let ended = 0;
    for (const [id, row] of this.#rows) {
      if (uploads.some((upload) => upload.id === id)) continue;
      row.element.remove();
      this.#rows.delete(id);
      ended += 1;
    }
    for (const upload of uploads) {
      const row = this.#rows.get(upload.id);
      if (!row) {
        const element = h("li", { class: "upload-row", data: { upload: upload.id } });
        this.#rows.set(upload.id, {
          upload,
          at: now,
          speed: 0,
          told: null,
          toldAt: 0,
          element,
          shown: "",
          ...this.#early.get(upload.id),
        });
        this.#early.delete(upload.id);
        this.list.append(element);
        continue;
      }
      row.speed = Math.max(0, ((upload.offset - row.upload.offset) / (now - row.at)) * 1000);
      Object.assign(row, { upload, at: now });
    }
    this.#draw();
    if (ended) this.onEnded();
  }

  /** Process the states of uploads that this page or another tab runs. @param {UploadState[]} files */
  told(files) {
    let unknown = false;
    for (const file of files) {
      const row = this.#rows.get(file.id);
      const heard = { told: file, toldAt: performance.now() };
      if (row) Object.assign(row, heard);
      else this.#early.set(file.id, heard);
      if (file.state === "stopped" ? row : !row) unknown = true;
    }
    this.#draw();
    if (unknown) this.refresh();
  }

  #draw() {
    const rows = [...this.#rows.values()];
    this.panel.hidden = rows.length === 0;
    let going = 0;
    rows.forEach((row, index) => {
      row.element.hidden = index >= SHOWN;
      if (this.#drawRow(row)) going += 1;
    });
    const waiting = rows.length - going;
    setText(
      requireElement("[data-uploads-words]", this.panel),
      [going && `${going} uploading`, waiting && `${waiting} waiting`].filter(Boolean).join(", "),
    );
    const mark = requireElement(".status", this.panel);
    setIcon(mark, going ? "run" : "hour");
    requireElement(".icon", mark).classList.toggle("spin", going > 0);
  }

  /**
   * Redraw a row, and return whether data of its upload is being transferred.
   * @param {Row} row
   * @returns {boolean}
   */
  #drawRow(row) {
    const { upload, element } = row;
    const told = row.told && performance.now() - row.toldAt < STATE_HOLDS ? row.told : null;
    const sent = told ? Math.max(told.sent, upload.offset) : upload.offset;
    const speed = told ? told.speed : row.speed;
    const state = told ? told.state : speed > 0 ? "arriving" : isFromPages(upload) ? "left" : "quiet";
    // Replace buttons only when they change, because replacing them every second would lose the focus.
    const shown = `${state} ${Boolean(told)}`;
    if (row.shown !== shown) {
      const focused = element.contains(document.activeElement);
      element.replaceChildren(
        h("span", { class: "picture none" }, icon("film")),
        h(
          "div",
          {},
          h("p", { class: "truncate", title: upload.filename, dir: "auto" }, upload.filename),
          h("p", { class: "text-small faint mono", data: { size: "" } }),
        ),
        h(
          "div",
          { class: "upload-progress" },
          h("progress", { class: `bar${BAR_TONES[state] ?? ""}`, value: "0", max: "100" }),
          h(
            "p",
            { class: `text-small words ${state === "offline" || state === "left" ? "status warn" : "muted"}` },
            (state === "offline" || state === "left") && icon(state === "offline" ? "offline" : "alert"),
            h("span", { data: { words: "" } }),
          ),
        ),
        h("div", { class: "row acts" }, ...this.#buttons(row, state, Boolean(told))),
      );
      if (focused) /** @type {HTMLElement|null} */ (element.querySelector(".acts > *"))?.focus();
      row.shown = shown;
    }
    const percent = upload.size ? Math.floor((sent / upload.size) * 100) : 100;
    const bar = /** @type {HTMLProgressElement} */ (requireElement("progress", element));
    bar.value = percent;
    bar.setAttribute("aria-label", `${upload.filename}, ${percent} percent`);
    setText(requireElement("[data-size]", element), formatPartOfBytes(sent, upload.size));
    setText(requireElement("[data-words]", element), describeState(state, percent, speed, upload.size - sent));
    return state === "sending" || state === "arriving";
  }

  /**
   * @param {Row} row
   * @param {string} state
   * @param {boolean} told
   */
  #buttons(row, state, told) {
    const { id, filename } = row.upload;
    const act = (/** @type {import("../uploads/tab-channel.js").UploadAct} */ name) => () => this.#act(id, name);
    const small = (/** @type {string} */ label, /** @type {string} */ picture, /** @type {() => void} */ run) =>
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `${label} ${filename}`,
          title: label,
          onclick: run,
        },
        icon(picture),
      );
    const stop = () =>
      askToCancel(filename, Math.max(row.upload.offset, row.told?.sent ?? 0), () => this.#cancel(row.upload));
    return [
      told && (state === "sending" || state === "waiting") && small("Pause", "pause", act("pause")),
      told && state === "paused" && small("Resume", "play", act("resume")),
      told && state === "offline" && small("Try now", "retry", act("resume")),
      state === "left" && h("a", { class: "btn", href: "/upload", "aria-label": `Continue ${filename}` }, "Continue"),
      (told || isFromPages(row.upload)) && small("Cancel", "x", stop),
    ]
      .filter(Boolean)
      .map((button) => /** @type {HTMLElement} */ (button));
  }

  /**
   * @param {string} id
   * @param {import("../uploads/tab-channel.js").UploadAct} name
   */
  #act(id, name) {
    this.channel.act(id, name);
    this.onAct(id, name);
  }

  /**
   * @param {Upload} upload
   */
  async #cancel({ id, front }) {
    // Pause first, because the uploading tab would treat the deletion as an error.
    this.#act(id, "pause");
    try {
      await cancelUpload(id, front === "direct");
      this.#act(id, "cancelled");
    } catch (error) {
      const status = /** @type {any} */ (error).status;
      if (status === 404 || status === 410) this.#act(id, "cancelled");
      // Status 409 means that the upload has ended. After other errors the upload stays, paused.
      else if (status !== 409) showToast(explainError(error), "bad");
    }
    this.refresh();
  }
}

/**
 * Describe the state of an upload. `speed` is in bytes per second, and `left` is the number of bytes still to send.
 * @param {string} state
 * @param {number} percent
 * @param {number} speed
 * @param {number} left
 */
function describeState(state, percent, speed, left) {
  if (state === "sending" || state === "arriving")
    return [`${percent} %`, speed > 0 && `${formatBytes(speed)}/s`, speed > 0 && formatTimeLeft(left / speed)]
      .filter(Boolean)
      .join(" · ");
  const plain = {
    offline: "Continues automatically when you are online",
    paused: "Paused",
    waiting: "Queued",
    left: "Stopped; uploaded data is kept",
  };
  return plain[/** @type {keyof plain} */ (state)] ?? `${percent} %`;
}
