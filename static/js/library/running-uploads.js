// The panel of running uploads in the library. States come from the uploading tab, or else from the server.

import { formatTimeLeft } from "../base/format.js";
import { requireElement, setIcon, setText } from "../base/dom.js";
import { explainError, showToast } from "../base/notice.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { askToCancel, cancelUpload } from "../uploads/cancel-upload.js";
import { ASK_AFTER, STATE_HOLDS, openUploadChannel } from "../uploads/tab-channel.js";
import { findEndedUpload, formatBytes, formatPartOfBytes, isFromPages, listLiveUploads } from "../videos/api.js";
import { compareAddress, stayIfOffline } from "../videos/compare-link.js";

/**
 * @typedef {import("../videos/api.js").Upload} Upload
 * @typedef {import("../uploads/tab-channel.js").UploadState} UploadState
 * @typedef {import("../uploads/tab-channel.js").UploadAct} UploadAct
 * @typedef {{told: UploadState|null, toldAt: number}} Heard State received from a tab, and when.
 * @typedef {Heard & {upload: Upload, at: number, speed: number}} Row
 */

const POLL = 4000;
const SHOWN = 5;
/** @type {Record<string, string>} */ const BAR_TONES = {
  offline: "warn",
  left: "warn",
  paused: "off",
  waiting: "off",
};
/** First button of a row, by state. @type {Record<string, {label: string, icon: string, act: UploadAct}>} */
const ACTS = {
  sending: { label: "Pause", icon: "pause", act: "pause" },
  waiting: { label: "Pause", icon: "pause", act: "pause" },
  paused: { label: "Resume", icon: "play", act: "resume" },
  offline: { label: "Try now", icon: "retry", act: "resume" },
};

export class UploadsPanel {
  /** @type {Map<string, Row>} */ #rows = new Map();
  /** States of uploads that the server has not listed yet. @type {Map<string, Heard>} */ #early = new Map();
  /** Completed uploads of this visit, newest last. @type {Map<string, Upload>} */ #completed = new Map();
  #timer = 0;
  #asking = false;

  /** @param {HTMLElement} panel @param {() => void} onEnded @param {(id: string, act: UploadAct) => void} onAct */
  constructor(panel, onEnded, onAct) {
    this.panel = panel;
    this.drawRows = mount(requireElement("[data-uploads-list]", panel));
    this.onEnded = onEnded;
    this.onAct = onAct;
    this.channel = openUploadChannel({ onState: (files) => this.told(files) });
    this.channel.ask();
    this.refresh();
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.refresh());
    // Ask tabs that have not reported lately: the timers of hidden tabs are slow, but hidden tabs answer at once.
    setInterval(() => {
      const isLate = (/** @type {number} */ age) => age > ASK_AFTER && age < STATE_HOLDS;
      if ([...this.#rows.values()].some((row) => row.told && isLate(performance.now() - row.toldAt)))
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
    const listed = new Set(uploads.map(({ id }) => id));
    const ended = [...this.#rows.keys()].filter((id) => !listed.has(id));
    for (const id of ended) {
      this.#rows.delete(id);
      this.#showCompleted(id);
    }
    for (const upload of uploads) {
      const row = this.#rows.get(upload.id);
      if (row) {
        row.speed = Math.max(0, ((upload.offset - row.upload.offset) / (now - row.at)) * 1000);
        Object.assign(row, { upload, at: now });
        continue;
      }
      const heard = this.#early.get(upload.id) ?? { told: null, toldAt: 0 };
      this.#rows.set(upload.id, { upload, at: now, speed: 0, ...heard });
      this.#early.delete(upload.id);
    }
    this.#draw();
    if (ended.length) this.onEnded();
  }

  /** Show an ended upload if it has created a video. @param {string} id */
  async #showCompleted(id) {
    const upload = await findEndedUpload(id).catch(() => null);
    if (!upload?.resource_id || upload.status !== "completed") return;
    this.#completed.set(id, upload);
    this.#draw();
  }

  /** Process the states of uploads that this page or another tab runs. @param {UploadState[]} files */
  told(files) {
    let unknown = false;
    for (const file of files) {
      const row = this.#rows.get(file.id);
      const heard = { told: file, toldAt: performance.now() };
      if (row) Object.assign(row, heard);
      else if (file.state === "stopped") this.#showCompleted(file.id);
      else this.#early.set(file.id, heard);
      if (file.state === "stopped" ? row : !row) unknown = true;
    }
    this.#draw();
    if (unknown) this.refresh();
  }

  #draw() {
    const rows = [...this.#rows.values()];
    const completed = [...this.#completed.values()].slice(-SHOWN);
    this.panel.hidden = rows.length + completed.length === 0;
    const focused = /** @type {HTMLElement|null|undefined} */ (document.activeElement?.closest("[data-upload]"));
    const getId = (/** @type {Row} */ row) => row.upload.id;
    this.drawRows(html`
      ${repeat(rows.slice(0, SHOWN), getId, (row) => this.#rowView(row))}
      ${repeat(completed, ({ id }) => id, completedView)}`);
    // If the button in focus has gone, focus the row's first button.
    if (focused && !focused.contains(document.activeElement))
      /** @type {HTMLElement|null} */ (focused.querySelector(".acts > *"))?.focus();
    const going = rows.filter((row) => ["sending", "arriving"].includes(getState(row).state)).length;
    const waiting = rows.length - going;
    setText(
      requireElement("[data-uploads-words]", this.panel),
      [
        going && `${going} uploading`,
        waiting && `${waiting} waiting`,
        completed.length && `${completed.length} uploaded`,
      ]
        .filter(Boolean)
        .join(", "),
    );
    const mark = requireElement(".status", this.panel);
    setIcon(mark, going ? "run" : waiting ? "hour" : "check");
    requireElement(".icon", mark).classList.toggle("spin", going > 0);
  }

  /** @param {Row} row */
  #rowView(row) {
    const { id, filename, size } = row.upload;
    const { told, sent, speed, state } = getState(row);
    const percent = size ? Math.floor((sent / size) * 100) : 100;
    const warns = state === "offline" || state === "left";
    const first = told && ACTS[state];
    const resume = html`<a class="btn" href="/upload" aria-label="Continue ${filename}">Continue</a>`;
    const stop = () =>
      askToCancel(filename, Math.max(row.upload.offset, row.told?.sent ?? 0), () => this.#cancel(row.upload));
    return html`
      <li class="upload-row" data-upload=${id}>
        <span class="picture none">${iconView("film")}</span>
        <div>
          <p class="truncate" title=${filename} dir="auto">${filename}</p>
          <p class="text-small faint mono" data-size>${formatPartOfBytes(sent, size)}</p>
        </div>
        <div class="upload-progress">
          <progress class=${`bar ${BAR_TONES[state] ?? ""}`.trim()} max="100" .value=${percent}
            aria-label="${filename}, ${percent} percent"></progress>
          <p class="text-small words ${warns ? "status warn" : "muted"}">
            ${warns ? iconView(state === "offline" ? "offline" : "alert") : null}
            <span data-words>${describeState(state, percent, speed, size - sent)}</span>
          </p>
        </div>
        <div class="row acts">
          ${first ? buttonView(filename, first.label, first.icon, () => this.#act(id, first.act)) : null}
          ${state === "left" ? resume : null}
          ${told || isFromPages(row.upload) ? buttonView(filename, "Cancel", "x", stop) : null}
        </div>
      </li>`;
  }

  /** @param {string} id @param {UploadAct} name */
  #act(id, name) {
    this.channel.act(id, name);
    this.onAct(id, name);
  }

  /** @param {Upload} upload */
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

/** @param {Upload} upload */
const completedView = ({ id, filename, size, resource_id: video }) => html`
  <li class="upload-row" data-upload=${id}>
    <span class="picture none">${iconView("film")}</span>
    <div>
      <p class="truncate" title=${filename} dir="auto">${filename}</p>
      <p class="text-small faint mono">${formatBytes(size)}</p>
    </div>
    <p class="upload-progress text-small status ok">${iconView("check")}Uploaded</p>
    <div class="row acts">
      <a class="btn" href=${compareAddress([video ?? ""])} aria-label="Compare with… ${filename}"
        @click=${stayIfOffline}>Compare with…</a>
    </div>
  </li>`;

/** @param {string} filename @param {string} label @param {string} picture @param {() => void} run */
const buttonView = (filename, label, picture, run) => html`
  <button class="btn icon-only quiet" type="button" aria-label="${label} ${filename}" title=${label} @click=${run}>
    ${iconView(picture)}
  </button>`;

/** Return the state of an upload as told by its tab, or else as the server knows it. @param {Row} row */
function getState({ upload, told: heard, toldAt, speed }) {
  const told = heard && performance.now() - toldAt < STATE_HOLDS ? heard : null;
  if (told) return { told, sent: Math.max(told.sent, upload.offset), speed: told.speed, state: told.state };
  const state = speed > 0 ? "arriving" : isFromPages(upload) ? "left" : "quiet";
  return { told, sent: upload.offset, speed, state };
}

/**
 * Describe the state of an upload. `speed` is in bytes per second, and `left` is the number of bytes still to send.
 * @param {string} state
 * @param {number} percent
 * @param {number} speed
 * @param {number} left
 */
function describeState(state, percent, speed, left) {
  if (state === "sending" || state === "arriving") {
    const rate = speed > 0 ? [`${formatBytes(speed)}/s`, formatTimeLeft(left / speed)] : [];
    return [`${percent} %`, ...rate].filter(Boolean).join(" · ");
  }
  /** @type {Record<string, string>} */
  const plain = {
    offline: "Continues automatically when you are online",
    paused: "Paused",
    waiting: "Queued",
    left: "Stopped; uploaded data is kept",
  };
  return plain[state] ?? `${percent} %`;
}
