// The row of one upload.

import { formatDuration, formatPercent, formatTimeLeft, formatWhen } from "../base/format.js";
import { posterView } from "../base/poster.js";
import { createRoot, html, iconView, nothing, repeat } from "../base/view.js";
import { formatBytes, formatPartOfBytes, formatPicture } from "../videos/api.js";
import { compareAddress } from "../videos/compare-link.js";
import { drawThumbnail } from "./local-thumbnail.js";

/**
 * @typedef {import("./transfer.js").Transfer} Transfer
 * @typedef {"pause"|"resume"|"try"|"cancel"|"remove"|"choose"|"reopen"|"again"} RowAct
 * @typedef {{act?: RowAct, href?: string, label: string, icon?: string, isSmall?: boolean}} Action Button or link.
 */

/** Tone, icon and text of states, and the tone of the progress bar if there is one. @type {Record<string, string[]>} */
const STATES = {
  waiting: ["", "clock", "Queued", "off"],
  sending: ["run", "upload", "Uploading", ""],
  paused: ["", "pause", "Paused", "off"],
  unfinished: ["warn", "hour", "Unfinished", "warn"],
  processing: ["run", "run", "Uploaded"],
  ready: ["ok", "check", "Ready"],
};
const LACKS = {
  network: ["warn", "offline", "No connection", "warn"],
  session: ["warn", "lock", "Signed out", "warn"],
  server: ["warn", "clock", "The server is busy", "warn"],
};
/** The same as STATES, for uploads of another tab. @type {Record<string, string[]>} */
const ELSEWHERE = {
  paused: ["", "pause", "Paused in another tab", "off"],
  waiting: ["", "clock", "Queued in another tab", "off"],
  offline: ["warn", "offline", "Interrupted in another tab", "warn"],
  sending: ["run", "upload", "Uploading in another tab", ""],
};

/** @satisfies {Record<string, Action>} */
const ACTIONS = {
  pause: { act: "pause", label: "Pause", icon: "pause", isSmall: true },
  cancel: { act: "cancel", label: "Cancel", icon: "x", isSmall: true },
  resume: { act: "resume", label: "Resume", icon: "play" },
  tryNow: { act: "try", label: "Try now", icon: "retry" },
  reopen: { act: "reopen", label: "Continue", icon: "play" },
  choose: { act: "choose", label: "Choose the file" },
  chooseOther: { act: "choose", label: "Choose another" },
  remove: { act: "remove", label: "Remove" },
  again: { act: "again", label: "Try again", icon: "retry" },
  uploadAgain: { act: "again", label: "Upload again", icon: "retry" },
  plans: { href: "/account#plan", label: "See plans" },
  library: { href: "/library", label: "Go to the library" },
};
/** Actions after “Remove” by type of the error. @type {Record<string, Action[]>} */
const AFTER_ERROR = {
  too_large: [ACTIONS.plans],
  storage_full: [ACTIONS.library, ACTIONS.again],
  upload_limit: [ACTIONS.library, ACTIONS.again],
  stopped_elsewhere: [ACTIONS.uploadAgain],
  upload_finished: [ACTIONS.uploadAgain],
  not_a_video: [ACTIONS.chooseOther],
  empty: [ACTIONS.chooseOther],
};

export class Row {
  /** Note about an unfinished upload. */ #remark = "";
  /** State of the transfer as drawn. */ #shown = "";
  #poster = "";
  /** Thumbnail of the local file. @type {HTMLCanvasElement|null} */ #canvas = null;
  #hasAskedForThumbnail = false;
  #root = createRoot();

  /** @param {Transfer} transfer @param {(act: RowAct) => void} onAct */
  constructor(transfer, onAct) {
    this.transfer = transfer;
    this.onAct = onAct;
    this.element = this.#root(this.#view());
    this.#showThumbnail();
  }

  /** @param {string} text Note about an unfinished upload, shown until the row changes. */
  remark(text) {
    this.#remark = text;
    this.#shown = this.#state;
    this.draw();
  }

  get #state() {
    const { state, handle, going } = this.transfer;
    return [state, handle !== null, going].join();
  }

  draw() {
    const isChanged = this.#shown !== this.#state;
    this.#shown = this.#state;
    if (isChanged) this.#remark = "";
    this.#poster ||= this.transfer.video?.poster_url ?? "";
    const { element } = this;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    this.#root(this.#view());
    const isLost = !element.contains(document.activeElement) || (isChanged && focused === element);
    /** @type {HTMLElement} */ const next =
      element.querySelector("[data-act]") ?? element.querySelector("a") ?? element;
    if (focused && isLost) next.focus();
    this.#showThumbnail();
  }

  #view() {
    const { transfer } = this;
    const { state, name, size, video, error, lack, going } = transfer;
    const sent = Math.min(transfer.sent, size);
    const share = size ? Math.floor((sent / size) * 100) : 0;
    const hasFailed = state === "refused" || state === "failed";
    /** @type {Record<string, string[]>} */
    const looks = { ...STATES, offline: LACKS[lack], elsewhere: ELSEWHERE[going] ?? ELSEWHERE.sending };
    const [tone, icon, word, bar] = looks[state] ?? ["", "dot", ""];
    const isPart = bar !== undefined && (transfer.sent > 0 || state === "sending");
    const bytes = isPart ? formatPartOfBytes(sent, size) : formatBytes(size);
    const problem =
      hasFailed && error
        ? html`<span class="status bad">${iconView("alert")}${error.title}</span>
            <p class="text-small anywhere">${error.text}</p>`
        : null;
    const progress =
      bar === undefined
        ? null
        : html`<progress class=${`bar ${bar}`.trim()} max="100" .value=${share}
            aria-label="${name}, ${share} percent"></progress>`;
    const line = problem
      ? null
      : html`<div class="file-line">
          <span class=${`status ${tone}`.trim()}>${iconView(icon, state === "processing" ? "spin" : "")}${word}</span>
          <span class="words" data-words>${this.#words(share)}</span>
        </div>`;
    const picture = this.#poster ? posterView(this.#poster) : this.#canvas;
    const title = state === "ready" && video ? html`<a href="/watch/${video.id}">${video.title || name}</a>` : name;
    const actions = this.#actions();
    const isSmall = actions.every((action) => action.isSmall);
    return html`
      <li class=${hasFailed ? "file fail" : "file"} tabindex="-1" data-state=${state}>
        <span class=${picture ? "picture dark" : "picture dark none"}>${picture ?? iconView("film")}</span>
        <div class="file-name">
          <span class="truncate" title=${name} dir="auto">${title}</span>
          <span class="mono text-small faint" data-size>${bytes}</span>
        </div>
        <div class="file-body">
          ${problem} ${progress} ${line}
          ${state === "unfinished" ? html`<p class="text-small muted">${this.#note}</p>` : null}
        </div>
        <div class=${isSmall ? "file-actions icons-only" : "file-actions"}>${repeat(
          actions,
          ({ act, label }) => act ?? label,
          (action) => this.#actionView(action),
        )}</div>
      </li>`;
  }

  get #note() {
    if (this.#remark) return this.#remark;
    if (this.transfer.handle) return "Your browser will ask again for permission to read the file.";
    return "Choose the file again to continue.";
  }

  /** @param {number} share Percentage sent. @returns {string} */
  #words(share) {
    const { state, speed, size, sent, expires, lack, retryAt, work, video } = this.transfer;
    const until = expires ? formatWhen(expires) : "";
    const kept = sent > 0 ? "Uploaded data is kept. " : "";
    const parts = (/** @type {any[]} */ ...all) => all.filter(Boolean);
    if (state === "sending")
      return parts(formatPercent(share), speed > 0 && formatTimeLeft((size - sent) / speed)).join(" · ");
    if (state === "waiting") return sent > 0 ? "Continues in a moment" : "Up to 3 files are uploaded at once";
    if (state === "paused") return until ? `Resume before ${until}` : "";
    if (state === "unfinished") return until ? `Uploaded data is kept until ${until}` : "Uploaded data is kept";
    if (state === "elsewhere") return formatPercent(share);
    if (state === "offline" && lack === "session") return `${kept}Continues when you sign in`;
    if (state === "offline" && !retryAt) return `${kept}Continues when you are online`;
    if (state === "offline") return `${kept}Retries in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s`;
    if (state === "processing" && !(work && work.progress > 0)) return "Waiting to be processed";
    if (state === "processing") return `${work?.message || "Being processed"}, ${formatPercent(work?.progress ?? 0)}`;
    if (state !== "ready") return "";
    if (work) return `Creating preview thumbnails, ${formatPercent(work.progress)}`;
    return parts(video && formatPicture(video), video && formatDuration(video.duration_exact)).join(", ");
  }

  /** @returns {Action[]} */
  #actions() {
    const { state, error, video, handle } = this.transfer;
    const { pause, cancel, resume, tryNow, reopen, choose, remove } = ACTIONS;
    const href = `/watch/${video?.id}`;
    if (state === "waiting" || state === "sending") return [pause, cancel];
    if (state === "paused") return [resume, cancel];
    if (state === "offline") return [tryNow, cancel];
    if (state === "unfinished") return [handle ? reopen : choose, cancel];
    if (state === "ready" && video)
      return [
        { href: compareAddress([video.id]), label: "Compare with…" },
        { href, label: "Watch" },
      ];
    if (state === "failed" && video) return [remove, { href, label: "Show details" }];
    return state === "refused" ? [remove, ...(AFTER_ERROR[error?.type ?? ""] ?? [])] : [];
  }

  /** @param {Action} action */
  #actionView({ act, href, label, icon, isSmall = false }) {
    const { name, video } = this.transfer;
    if (!act)
      return html`<a class="btn" href=${href}
        aria-label=${this.transfer.state === "ready" ? `${label} ${video?.title}` : nothing}>${label}</a>`;
    const run = () => this.onAct(act);
    return html`<button class=${isSmall ? "btn icon-only quiet" : "btn"} type="button"
      title=${isSmall ? label : nothing} aria-label=${isSmall ? `${label} ${name}` : `${label}, ${name}`}
      data-act=${act} @click=${run}>${icon ? iconView(icon) : null}${isSmall ? null : label}</button>`;
  }

  async #showThumbnail() {
    const { file, state } = this.transfer;
    if (this.#poster || this.#hasAskedForThumbnail || !file || state === "refused") return;
    this.#hasAskedForThumbnail = true;
    const canvas = document.createElement("canvas");
    const isWanted = () => !this.#poster && this.element.isConnected;
    if (!(await drawThumbnail(file, canvas, isWanted))) return;
    this.#canvas = canvas;
    this.draw();
  }
}
