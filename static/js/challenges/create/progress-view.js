// The view of a new challenge's progress: upload, merge, problems, and actions.

import { formatCount, formatDuration, formatTimeLeft } from "../../base/format.js";
import { html, iconView, mount, nothing, repeat } from "../../base/view.js";
import { ACCEPT } from "../../uploads/file-picker.js";
import { drawThumbnail } from "../../uploads/local-thumbnail.js";
import { formatBytes, formatPartOfBytes } from "../../videos/api.js";

/**
 * @typedef {import("./draft.js").Statement & {thumbnail?: HTMLCanvasElement}} Line
 * @typedef {"pause"|"resume"|"now"|"cancel"|"retry"|"replace"|"back"} WorkAct
 * @typedef {[WorkAct, string, string, string?]} Act Name, label, icon and class of a button.
 * @typedef {[string, string, string]} Status Colour, icon and label of a status.
 *
 * @typedef {{title: string, text: string, clip: number, mayRetry: boolean}} Trouble A failure; `clip` is the index of
 *   the clip that caused it, -1 if unknown.
 *
 * @typedef {object} Stand
 * @property {"beginning"|"sending"|"merging"|"failed"} phase
 * @property {import("./chunk-sender.js").Sender|null} sender
 * @property {import("./retry.js").Patience|null} patience
 * @property {{percent: number, message: string, isQueued: boolean, estimate: number}|null} merge The progress of the
 *   merge; `estimate` is the merge's expected duration in seconds.
 * @property {Trouble|null} trouble
 */

/** @type {Record<import("./chunk-sender.js").PartState|"stopped", Status>} */
const CLIP_STATUS = {
  waiting: ["", "clock", "Queued"],
  sending: ["run", "upload", "Uploading"],
  checking: ["run", "run", "Checking"],
  arrived: ["ok", "check", "Uploaded"],
  missing: ["warn", "hour", "File missing"],
  refused: ["bad", "alert", "Clip cannot be used"],
  stopped: ["", "dot", "Stopped"],
};

export class Work {
  /** Message about chosen files that fit no missing clip. */ #misfits = "";
  /** @type {Line[]} */ #lines = [];
  /** @type {Stand} */ #stand = { phase: "beginning", sender: null, patience: null, merge: null, trouble: null };
  #isPaused = false;
  /** @type {import("./retry.js").Patience["lack"]} */ #lack = null;

  /**
   * @param {HTMLElement} root
   * @param {object} hears
   * @param {(act: WorkAct) => void} hears.onAct
   * @param {(files: File[]) => string} hears.onFiles Receives files for missing clips, and returns a message
   *   about files that fit no clip.
   * @param {(text: string) => void} hears.say Announces a text to screen readers.
   */
  constructor(root, hears) {
    this.root = root;
    this.hears = hears;
    this.render = mount(root, this);
  }

  get trouble() {
    return this.#stand.trouble;
  }

  /** @param {import("./draft.js").Statement[]} statements */
  show(statements) {
    this.#misfits = "";
    this.#lines = statements.map((statement) => ({ ...statement }));
    for (const line of this.#lines) this.#addThumbnail(line);
  }

  /** @param {Line} line */
  async #addThumbnail(line) {
    if (!line.clip?.blob || !line.clip.plays) return;
    const canvas = document.createElement("canvas");
    const file = /** @type {File} */ (line.clip.blob);
    if (!(await drawThumbnail(file, canvas, () => this.#lines.includes(line)))) return;
    line.thumbnail = canvas;
    this.render(this.#view());
  }

  focus() {
    this.root.querySelector("h2")?.focus();
  }

  /** @param {Partial<Stand>} [change] */
  draw(change = {}) {
    Object.assign(this.#stand, change);
    const { phase, patience } = this.#stand;
    this.#isPaused = patience?.paused ?? false;
    this.#lack = patience?.lack ?? null;
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    this.render(this.#view());
    if (focused && !focused.isConnected) {
      const act = /** @type {HTMLElement|null} */ (this.root.querySelector("[data-act]"));
      if (act && focused.matches("button")) act.focus();
      else this.focus();
    }
    this.hears.say(phase === "failed" ? "" : `${this.#heading}: ${this.#status[2]}`);
  }

  get #heading() {
    const { phase, trouble } = this.#stand;
    if (phase === "failed") return trouble?.title ?? "";
    return phase === "merging" ? "Merging the clips" : `Uploading ${formatCount(this.#lines.length, "clip")}`;
  }

  /** @returns {Status} */
  get #status() {
    const { phase, sender, merge } = this.#stand;
    if (phase === "failed") return ["bad", "alert", "Failed"];
    if (phase === "merging") return merge?.isQueued ? ["", "clock", "Queued"] : ["run", "run", "Merging"];
    if (this.#isPaused) return ["", "pause", "Paused"];
    if (this.#lack?.lack === "network") return ["warn", "offline", "No connection"];
    if (this.#lack?.lack === "session") return ["warn", "lock", "Signed out"];
    if (this.#lack) return ["warn", "clock", "The server is busy"];
    if (sender?.lacksClips && !sender.isGoing) return ["warn", "hour", "Clips are missing"];
    return phase === "beginning" ? ["run", "run", "Starting"] : ["run", "upload", "Uploading"];
  }

  #view() {
    const { phase, sender } = this.#stand;
    const isFailed = phase === "failed";
    const tone = { warn: "warn", bad: "bad", "": "off" }[this.#status[0]] ?? "";
    const { percent, label, words, speed } = this.#measure();
    const arrived = sender?.parts.filter(({ state }) => state === "arrived").length;
    return html`
      <section class="panel working" aria-labelledby="work-title">
        <header>
          <h2 class="h-small" tabindex="-1" id="work-title">${this.#heading}</h2>
          <span class="text-small muted">
            ${phase === "sending" && sender ? `${arrived} of ${this.#lines.length} uploaded` : null}
          </span>
          <span class="spacer"></span>
          <span class="text-small faint mono">${speed}</span>
          <span class="row wrap end">${repeat(this.#listActs(), ([act]) => act, this.#actView)}</span>
        </header>
        <div class="pad col whole">
          <progress class="bar large ${tone}" max="100" value=${percent} aria-label=${label}
            ?hidden=${isFailed}></progress>
          <div class="row wrap file-line" ?hidden=${isFailed}>
            ${statusView(this.#status)}<span class="spacer"></span>
            <span class="mono text-small muted end">${words}</span>
          </div>
          <div class="col notes">${this.#noteView()}</div>
        </div>
        <ul aria-label="Clips">${this.#lines.map(this.#rowView)}</ul>
      </section>`;
  }

  /** Return the value of the progress bar and the texts beside it. */
  #measure() {
    const { phase, sender, merge } = this.#stand;
    if (phase === "merging" && merge) {
      const percent = Math.floor(merge.percent);
      return merge.isQueued
        ? { percent: nothing, label: "Queued", words: describeEstimate(merge.estimate), speed: "" }
        : { percent, label: `Merge, ${percent} percent`, words: join(merge.message, `${percent} %`), speed: "" };
    }
    const [sent, speed] = [sender?.sent ?? 0, sender?.speed ?? 0];
    const size = sender?.size ?? this.#lines.reduce((sum, { clip }) => sum + (clip?.size ?? 0), 0);
    const percent = toPercent(sent, size);
    const { lack, at } = this.#lack ?? { lack: "", at: 0 };
    const left = speed > 0 && formatTimeLeft((size - sent) / speed);
    const wait = at
      ? `retries in ${Math.max(1, Math.ceil((at - Date.now()) / 1000))} s`
      : lack === "network" && "continues when you are online";
    return {
      percent,
      label: `All clips, ${percent} percent uploaded`,
      words: join(formatPartOfBytes(sent, size), `${percent} %`, wait || left),
      speed: phase === "sending" && speed > 0 ? `${formatBytes(speed)}/s` : "",
    };
  }

  /** @returns {Act[]} */
  #listActs() {
    const { phase, sender, trouble } = this.#stand;
    if (phase === "failed" && trouble) {
      const { clip, mayRetry } = trouble;
      const tone = mayRetry ? "" : "primary";
      /** @type {Act} */ const replace = ["replace", `Replace clip ${clip + 1}`, "upload", tone];
      /** @type {Act} */ const leave = clip >= 0 ? replace : ["back", "Back to the form", "left", tone];
      return mayRetry ? [["retry", "Try again", "retry", "primary"], leave] : [leave];
    }
    /** @type {Act[]} */ const acts = [["cancel", "Cancel", "x"]];
    if (phase === "merging") return acts;
    if (sender?.isGoing) acts.unshift(this.#isPaused ? ["resume", "Resume", "play"] : ["pause", "Pause", "pause"]);
    if (this.#lack?.at && !this.#isPaused) acts.unshift(["now", "Try now", "retry"]);
    return acts;
  }

  #actView = (/** @type {Act} */ [act, label, mark, tone = ""]) => html`
    <button class="btn ${tone}" type="button" data-act=${act} @click=${() => this.hears.onAct(act)}>
      ${iconView(mark)}${label}
    </button>`;

  #noteView() {
    const { phase, sender, trouble } = this.#stand;
    if (phase === "failed")
      return html`
        <div class="note bad" role="alert">
          ${iconView("alert")}<div class="spacer"><p class="anywhere">${trouble?.text}</p></div>
        </div>`;
    if (phase === "merging")
      return html`<p class="text-small faint">
        You can leave this page and come back later to publish the challenge.</p>`;
    if (phase === "beginning") return null;
    if (sender?.lacksClips) return this.#missingView();
    if (this.#lack?.lack === "session")
      return html`<p class="text-small muted">Uploaded data is kept. Sign in again to continue.</p>`;
    return html`<p class="text-small faint">
      If you close this page, uploaded data is kept for a day. Open the page again to continue.</p>`;
  }

  #missingView() {
    return html`
      <div class="note warn">
        ${iconView("hour")}
        <div class="spacer">
          <b>The missing clips are not stored in this browser</b>
          <p class="text-small">
            Choose the same files again, together or one by one. They are recognised by their size. Data that is already
            uploaded is not sent again.
          </p>
          <p class="field-error" role="alert" ?hidden=${!this.#misfits}>
            ${iconView("alert")}<span class="anywhere">${this.#misfits}</span>
          </p>
        </div>
        <label class="btn choose">
          <input class="visually-hidden" id="missing-files" type="file" multiple accept=${ACCEPT}
            aria-label="Choose the clips again" @change=${this.#choose} />
          ${iconView("upload")}Choose the clips
        </label>
      </div>`;
  }

  /** @param {Event & {currentTarget: HTMLInputElement}} event */
  #choose({ currentTarget: input }) {
    this.#misfits = this.hears.onFiles([...(input.files ?? [])]);
    input.value = "";
    this.draw();
  }

  #rowView = (/** @type {Line} */ { text, clip, thumbnail }, /** @type {number} */ at) => {
    const { phase, sender, trouble } = this.#stand;
    const part = sender?.parts.find(({ index }) => index === at);
    const isBad = phase === "failed" && trouble?.clip === at;
    const hasArrived = phase === "merging" || (phase === "failed" && !part) || part?.state === "arrived";
    const other = phase === "failed" ? "stopped" : (part?.state ?? "waiting");
    const state = isBad ? "refused" : hasArrived ? "arrived" : other;
    const isHeld = state === "sending" && (this.#isPaused || this.#lack !== null);
    const tone = state === "missing" ? "warn" : state === "sending" && !isHeld ? "" : "off";
    const title = text.trim() || `Statement ${at + 1}`;
    const [sent, size] = [part?.sent ?? 0, part?.size ?? clip?.size ?? 0];
    const percent = toPercent(sent, size);
    const isPart = part?.state === "sending" || part?.state === "missing";
    return html`
      <li class="file ${isBad ? "fail" : ""}" data-clip=${at} data-state=${state}>
        <span class="picture dark ${thumbnail ? "" : "none"}">${thumbnail ?? iconView("film")}</span>
        <div class="file-name">
          <b class="count muted">${at + 1}</b>
          <span class="truncate" title=${clip?.name || title} dir="auto">${title}</span>
          <span class="mono text-small faint">${isPart ? formatPartOfBytes(sent, size) : formatBytes(size)}</span>
        </div>
        <div class="file-body">
          <progress class="bar ${tone}" max="100" value=${percent} aria-label="Clip ${at + 1}, ${percent} percent"
            ?hidden=${!["waiting", "sending", "missing"].includes(state)}></progress>
          <div class="file-line">
            ${statusView(isHeld ? ["", "clock", "Waiting"] : CLIP_STATUS[state])}
            <span class="words mono">${part?.state === "sending" ? `${percent} %` : null}</span>
          </div>
        </div>
      </li>`;
  };
}

/** @param {Status} status */
const statusView = ([tone, mark, word]) =>
  html`<span class="status ${tone}">${iconView(mark, mark === "run" ? "spin" : "")}${word}</span>`;

const join = (/** @type {(string|false)[]} */ ...words) => words.filter(Boolean).join(" · ");

/** @param {number} sent @param {number} size */
const toPercent = (sent, size) => (size ? Math.floor((sent / size) * 100) : 0);

/** @param {number} seconds */
const describeEstimate = (seconds) =>
  seconds > 0 ? `takes about ${seconds < 1 ? "a second" : formatDuration(seconds)}` : "";
