// The view of a new challenge's progress: upload, merge, problems, and actions.

import { h, icon, requireElement, setText } from "../../base/dom.js";
import { formatCount, formatDuration } from "../../base/format.js";
import { ACCEPT } from "../../uploads/file-picker.js";
import { formatTimeLeft } from "../../base/format.js";
import { drawThumbnail } from "../../uploads/local-thumbnail.js";
import { formatBytes, formatPartOfBytes } from "../../videos/api.js";

/**
 * @typedef {import("./chunk-sender.js").Part} Part
 *
 * @typedef {import("./chunk-sender.js").Sender} Sender
 *
 * @typedef {import("./draft.js").Clip} Clip
 *
 * @typedef {"pause"|"resume"|"now"|"cancel"|"retry"|"replace"|"back"} WorkAct
 *
 * @typedef {object} Line
 * @property {string} title The statement's text, or its number, as in `Statement 2`.
 * @property {string} name The clip's file name; empty if unknown.
 * @property {Clip|null} clip
 *
 * @typedef {object} Trouble
 * @property {string} title
 * @property {string} text
 * @property {number} clip The index of the clip that caused a failure; -1 if unknown.
 * @property {boolean} mayRetry
 *
 * @typedef {object} Stand
 * @property {"beginning"|"sending"|"merging"|"failed"} phase
 * @property {Sender|null} sender
 * @property {import("./retry.js").Patience|null} patience
 * @property {{percent: number, message: string, isQueued: boolean, estimate: number}|null} merge The
 *   progress of the merge; `estimate` is the merge's expected duration in seconds.
 * @property {Trouble|null} trouble
 */

export class Work {
  #shown = "";
  /** Message about chosen files that fit no missing clip. */ #misfits = "";
  /** @type {HTMLElement[]} */ #rows = [];
  /** @type {Line[]} */ #lines = [];
  /** @type {Stand} */ #stand = { phase: "beginning", sender: null, patience: null, merge: null, trouble: null };

  /**
   * @param {HTMLElement} root
   * @param {object} hears
   * @param {(act: WorkAct) => void} hears.onAct
   * @param {(files: File[]) => string} hears.onFiles Receives files for missing clips, and returns a message
   *   about files that fit no clip.
   * @param {(text: string) => void} hears.say Announces a text to screen readers.
   */
  constructor(root, { onAct, onFiles, say }) {
    this.root = root;
    this.hears = { onAct, onFiles, say };
    this.heading = h("h2", { class: "h-small", tabindex: "-1", id: "work-title" });
    this.summary = h("span", { class: "text-small muted" });
    this.speed = h("span", { class: "text-small faint mono" });
    this.acts = h("span", { class: "row wrap end" });
    this.bar = /** @type {HTMLProgressElement} */ (h("progress", { class: "bar large", max: "100" }));
    this.state = h("span", { class: "status run" });
    this.words = h("span", { class: "mono text-small muted end" });
    this.note = h("div", { class: "col notes" });
    this.list = h("ul", { "aria-label": "Clips" });
    root.replaceChildren(
      h(
        "section",
        { class: "panel working", "aria-labelledby": "work-title" },
        h("header", {}, this.heading, this.summary, h("span", { class: "spacer" }), this.speed, this.acts),
        h(
          "div",
          { class: "pad col whole" },
          this.bar,
          h("div", { class: "row wrap file-line" }, this.state, h("span", { class: "spacer" }), this.words),
          this.note,
        ),
        this.list,
      ),
    );
  }

  /** @param {Line[]} lines */
  show(lines) {
    this.#lines = lines;
    this.#misfits = "";
    this.#rows = lines.map((line, at) => this.#row(line, at));
    this.list.replaceChildren(...this.#rows);
    this.#shown = "";
  }

  focus() {
    this.heading.focus();
  }

  /** @param {Partial<Stand>} [change] */
  draw(change = {}) {
    Object.assign(this.#stand, change);
    const { phase, sender, trouble } = this.#stand;
    const lack = this.#lack;
    const shown = [
      phase,
      this.#isPaused,
      lack?.lack,
      Boolean(lack?.at),
      sender?.lacksClips,
      trouble?.title,
      this.#stand.merge?.isQueued,
      sender?.parts.map((part) => part.state).join("-"),
    ].join();
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#drawAll();
    }
    this.#move();
  }

  /** @returns {Trouble|null} */
  get trouble() {
    return this.#stand.trouble;
  }

  get #isPaused() {
    return this.#stand.patience?.paused ?? false;
  }

  get #lack() {
    return this.#stand.patience?.lack ?? null;
  }

  // Elements that are redrawn only when the status changes

  #drawAll() {
    const { phase, sender, trouble } = this.#stand;
    const count = this.#lines.length;
    const heading = {
      beginning: `Uploading ${formatCount(count, "clip")}`,
      sending: `Uploading ${formatCount(count, "clip")}`,
      merging: "Merging the clips",
      failed: trouble?.title ?? "",
    }[phase];
    setText(this.heading, heading);
    const arrived = sender?.parts.filter((part) => part.state === "arrived").length ?? 0;
    setText(this.summary, phase === "sending" && sender ? `${arrived} of ${count} uploaded` : "");
    const [tone, mark, word] = this.#status();
    this.state.className = `status ${tone}`.trim();
    this.state.replaceChildren(icon(mark, mark === "run" ? "spin" : ""), word);
    this.bar.className =
      `bar large ${phase === "failed" ? "bad" : tone === "warn" ? "warn" : tone === "" ? "off" : ""}`.trim();
    this.bar.hidden = phase === "failed";
    this.state.parentElement?.toggleAttribute("hidden", phase === "failed");
    this.#drawActs();
    this.#drawNote();
    this.#rows.forEach((row, at) => this.#drawRow(row, at));
    this.hears.say(phase === "failed" ? "" : [heading, word].join(": "));
  }

  /** Return the colour, icon and label of the current status. @returns {[string, string, string]} */
  #status() {
    const { phase, sender, merge } = this.#stand;
    const lack = this.#lack;
    if (phase === "failed") return ["bad", "alert", "Failed"];
    if (phase === "merging") return merge?.isQueued ? ["", "clock", "Queued"] : ["run", "run", "Merging"];
    if (this.#isPaused) return ["", "pause", "Paused"];
    if (lack?.lack === "network") return ["warn", "offline", "No connection"];
    if (lack?.lack === "session") return ["warn", "lock", "Signed out"];
    if (lack) return ["warn", "clock", "The server is busy"];
    if (sender?.lacksClips && !sender.isGoing) return ["warn", "hour", "Clips are missing"];
    return ["run", phase === "beginning" ? "run" : "upload", phase === "beginning" ? "Starting" : "Uploading"];
  }

  #drawActs() {
    const { phase, sender, trouble } = this.#stand;
    const had = this.acts.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement).dataset.act
      : null;
    const button = (/** @type {WorkAct} */ act, /** @type {string} */ label, /** @type {string} */ mark, kind = "") =>
      h(
        "button",
        { class: `btn ${kind}`.trim(), type: "button", data: { act }, onclick: () => this.hears.onAct(act) },
        icon(mark),
        label,
      );
    /** @type {HTMLElement[]} */ const acts = [];
    if (phase === "sending" || phase === "beginning") {
      if (this.#lack?.at && !this.#isPaused) acts.push(button("now", "Try now", "retry"));
      if (sender?.isGoing)
        acts.push(this.#isPaused ? button("resume", "Resume", "play") : button("pause", "Pause", "pause"));
    }
    if (phase === "failed" && trouble) {
      if (trouble.mayRetry) acts.push(button("retry", "Try again", "retry", "primary"));
      if (trouble.clip >= 0)
        acts.push(button("replace", `Replace clip ${trouble.clip + 1}`, "upload", trouble.mayRetry ? "" : "primary"));
      else acts.push(button("back", "Back to the form", "left", trouble.mayRetry ? "" : "primary"));
    } else acts.push(button("cancel", "Cancel", "x"));
    this.acts.replaceChildren(...acts);
    if (had)
      /** @type {HTMLElement} */ (
        this.acts.querySelector(`[data-act=${had}]`) ?? this.acts.querySelector("[data-act]") ?? this.heading
      ).focus();
  }

  #drawNote() {
    const { phase, sender, trouble, merge } = this.#stand;
    const lack = this.#lack;
    /** @type {HTMLElement[]} */ const notes = [];
    if (phase === "failed" && trouble)
      notes.push(
        h(
          "div",
          { class: "note bad", role: "alert" },
          icon("alert"),
          h("div", { class: "spacer" }, h("p", { class: "anywhere" }, trouble.text)),
        ),
      );
    else if (phase === "sending" && sender?.lacksClips) notes.push(this.#missing());
    else if (phase === "sending" && lack?.lack === "session")
      notes.push(h("p", { class: "text-small muted" }, "Uploaded data is kept. Sign in again to continue."));
    else if (phase === "sending")
      notes.push(
        h(
          "p",
          { class: "text-small faint" },
          "If you close this page, uploaded data is kept for a day. Open the page again to continue.",
        ),
      );
    else if (phase === "merging" && merge)
      notes.push(
        h("p", { class: "text-small faint" }, "You can leave this page and come back later to publish the challenge."),
      );
    const had = this.note.contains(document.activeElement);
    this.note.replaceChildren(...notes);
    if (had) /** @type {HTMLElement} */ (this.note.querySelector("input") ?? this.heading).focus();
  }

  /** Build the note that asks the user to choose missing clips again. */
  #missing() {
    const input = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "visually-hidden",
        id: "missing-files",
        type: "file",
        multiple: true,
        accept: ACCEPT,
        "aria-label": "Choose the clips again",
      })
    );
    const said = h(
      "p",
      { class: "field-error", role: "alert", hidden: !this.#misfits },
      icon("alert"),
      h("span", { class: "anywhere" }, this.#misfits),
    );
    input.addEventListener("change", () => {
      this.#misfits = this.hears.onFiles([...(input.files ?? [])]);
      input.value = "";
      said.hidden = !this.#misfits;
      setText(requireElement("span", said), this.#misfits);
    });
    return h(
      "div",
      { class: "note warn" },
      icon("hour"),
      h(
        "div",
        { class: "spacer" },
        h("b", {}, "The missing clips are not stored in this browser"),
        h(
          "p",
          { class: "text-small" },
          "Choose the same files again, together or one by one. They are recognised by their size. Data that is already uploaded is not sent again.",
        ),
        said,
      ),
      h("label", { class: "btn choose" }, input, icon("upload"), "Choose the clips"),
    );
  }

  // Clips

  /** @param {Line} line @param {number} at */
  #row({ title, name, clip }, at) {
    const pic = h("span", { class: "picture dark none" }, icon("film"));
    if (clip?.blob && clip.plays) {
      const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", {}));
      drawThumbnail(/** @type {File} */ (clip.blob), canvas, () => pic.isConnected).then((drawn) => {
        if (!drawn) return;
        pic.classList.remove("none");
        pic.replaceChildren(canvas);
      });
    }
    return h(
      "li",
      { class: "file", data: { clip: String(at) } },
      pic,
      h(
        "div",
        { class: "file-name" },
        h("b", { class: "count muted" }, String(at + 1)),
        h("span", { class: "truncate", title: name || title, dir: "auto" }, title),
        h("span", { class: "mono text-small faint", data: { size: "" } }),
      ),
      h("div", { class: "file-body", data: { body: "" } }),
    );
  }

  /** @param {HTMLElement} row @param {number} at */
  #drawRow(row, at) {
    const part = this.#part(at);
    const { phase, trouble } = this.#stand;
    const isBad = phase === "failed" && trouble?.clip === at;
    const hasArrived = phase === "merging" || (phase === "failed" && !part) || part?.state === "arrived";
    const state = isBad
      ? "refused"
      : hasArrived
        ? "arrived"
        : phase === "failed"
          ? "stopped"
          : (part?.state ?? "waiting");
    row.className = `file${isBad ? " fail" : ""}`;
    row.dataset.state = state;
    const waits = state === "sending" && (this.#isPaused || this.#lack !== null);
    const [tone, mark, word] = waits
      ? ["", "clock", "Waiting"]
      : {
          waiting: ["", "clock", "Queued"],
          sending: ["run", "upload", "Uploading"],
          checking: ["run", "run", "Checking"],
          arrived: ["ok", "check", "Uploaded"],
          missing: ["warn", "hour", "File missing"],
          refused: ["bad", "alert", "Clip cannot be used"],
          stopped: ["", "dot", "Stopped"],
        }[state];
    requireElement("[data-body]", row).replaceChildren(
      ...[
        ["waiting", "sending", "missing"].includes(state) &&
          h("progress", {
            class: `bar ${state === "sending" && !waits ? "" : state === "missing" ? "warn" : "off"}`.trim(),
            value: "0",
            max: "100",
          }),
        h(
          "div",
          { class: "file-line" },
          h("span", { class: `status ${tone}`.trim() }, icon(mark, mark === "run" ? "spin" : ""), word),
          h("span", { class: "words mono", data: { words: "" } }),
        ),
      ].filter((one) => one instanceof HTMLElement),
    );
  }

  /** @param {number} at @returns {Part|undefined} */
  #part(at) {
    return this.#stand.sender?.parts.find((part) => part.index === at);
  }

  // Elements that are redrawn whenever the progress changes

  #move() {
    const { phase, sender, merge } = this.#stand;
    this.#rows.forEach((row, at) => this.#moveRow(row, at));
    if (phase === "merging" && merge) {
      const percent = Math.floor(merge.percent);
      if (merge.isQueued) this.bar.removeAttribute("value");
      else this.bar.value = percent;
      this.bar.setAttribute("aria-label", merge.isQueued ? "Queued" : `Merge, ${percent} percent`);
      setText(
        this.words,
        merge.isQueued ? describeEstimate(merge.estimate) : [merge.message, `${percent} %`].filter(Boolean).join(" · "),
      );
      setText(this.speed, "");
      return;
    }
    const [sent, size, speed] = [
      sender?.sent ?? 0,
      sender?.size ?? this.#lines.reduce((sum, { clip }) => sum + (clip?.size ?? 0), 0),
      sender?.speed ?? 0,
    ];
    const percent = size ? Math.floor((sent / size) * 100) : 0;
    this.bar.value = percent;
    this.bar.setAttribute("aria-label", `All clips, ${percent} percent uploaded`);
    const lack = this.#lack;
    const waits = lack?.at
      ? `retries in ${Math.max(1, Math.ceil((lack.at - Date.now()) / 1000))} s`
      : lack?.lack === "network"
        ? "continues when you are online"
        : "";
    setText(
      this.words,
      [formatPartOfBytes(sent, size), `${percent} %`, waits || (speed > 0 && formatTimeLeft((size - sent) / speed))]
        .filter(Boolean)
        .join(" · "),
    );
    setText(this.speed, phase === "sending" && speed > 0 ? `${formatBytes(speed)}/s` : "");
  }

  /** @param {HTMLElement} row @param {number} at */
  #moveRow(row, at) {
    const part = this.#part(at);
    const size = part?.size ?? this.#lines[at].clip?.size ?? 0;
    const sent = part?.sent ?? 0;
    setText(
      requireElement("[data-size]", row),
      part?.state === "sending" || part?.state === "missing" ? formatPartOfBytes(sent, size) : formatBytes(size),
    );
    const bar = /** @type {HTMLProgressElement|null} */ (row.querySelector("progress"));
    const percent = size ? Math.floor((sent / size) * 100) : 0;
    if (bar) {
      bar.value = percent;
      bar.setAttribute("aria-label", `Clip ${at + 1}, ${percent} percent`);
    }
    setText(requireElement("[data-words]", row), part?.state === "sending" ? `${percent} %` : "");
  }
}

/** @param {number} seconds @returns {string} */
const describeEstimate = (seconds) =>
  seconds > 0 ? `takes about ${seconds < 1 ? "a second" : formatDuration(seconds)}` : "";
