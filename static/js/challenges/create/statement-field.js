// The fields of one statement: clip, text, and whether the statement is the lie.

import { h, icon, requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";
import { ACCEPT } from "../../uploads/file-picker.js";
import { formatBytes } from "../../videos/api.js";
import { showDuration } from "./clip-info.js";

/**
 * @typedef {import("./draft.js").Statement} Statement
 *
 * @typedef {"up"|"down"|"remove"|"record"} SlotAct
 *
 * @typedef {object} SlotHears
 * @property {(files: File[]) => void} onFiles Callback that receives one or more chosen files.
 * @property {(act: SlotAct) => void} onAct
 * @property {() => void} onText
 * @property {() => void} onLie
 */

export class Slot {
  #shown = "";
  #address = "";

  /**
   * @param {Statement} statement
   * @param {number} longest
   * @param {SlotHears} hears
   */
  constructor(statement, longest, hears) {
    this.statement = statement;
    this.hears = hears;
    const { id } = statement;
    this.shot = h("div", { class: "shot" });
    this.file = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "visually-hidden",
        type: "file",
        multiple: true,
        accept: ACCEPT,
        "aria-describedby": `problem-${id}`,
      })
    );
    this.file.addEventListener("change", () => {
      const files = [...(this.file.files ?? [])];
      this.file.value = "";
      if (files.length) hears.onFiles(files);
    });
    this.text = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input",
        id: `text-${id}`,
        type: "text",
        dir: "auto",
        autocomplete: "off",
        maxlength: String(longest),
        placeholder: "Text to show while the clip plays",
        value: statement.text,
      })
    );
    this.text.addEventListener("input", () => {
      statement.text = this.text.value;
      hears.onText();
    });
    this.lie = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name: "lie", value: id }));
    this.lie.addEventListener("change", () => hears.onLie());
    this.number = h("span", { class: "statement-number", "aria-hidden": "true" });
    this.title = h("h2", { class: "h-small spacer" });
    this.facts = h("p", { class: "facts text-small muted" });
    this.problem = h(
      "p",
      { class: "field-error", id: `problem-${id}`, hidden: true },
      icon("alert"),
      h("span", { class: "anywhere" }),
    );
    const small = (/** @type {SlotAct} */ act, /** @type {string} */ mark) =>
      h(
        "button",
        { class: "btn icon-only quiet", type: "button", data: { act }, onclick: () => this.hears.onAct(act) },
        icon(mark),
      );
    this.up = small("up", "up");
    this.down = small("down", "down");
    this.remove = small("remove", "trash");
    this.acts = h("div", { class: "row wrap" });
    this.label = h("label", { for: this.text.id });
    this.element = h(
      "li",
      { class: "panel slot", tabindex: "-1", data: { slot: id } },
      h("header", {}, this.number, this.title, this.up, this.down, this.remove),
      h(
        "div",
        { class: "body" },
        this.shot,
        h(
          "div",
          { class: "col about" },
          h("div", { class: "field" }, this.label, this.text),
          this.facts,
          this.problem,
          h(
            "div",
            { class: "row wrap foot" },
            this.acts,
            h("label", { class: "check lie" }, this.lie, "This is the lie"),
          ),
        ),
      ),
    );
  }

  /** Focus the text, or the file field if the statement needs a clip. */
  focus() {
    (this.statement.clip && !this.statement.problem ? this.text : this.file).focus();
  }

  /**
   * @param {number} at
   * @param {number} count
   * @param {number} least The minimum number of statements in a challenge.
   * @param {boolean} isLie
   * @param {boolean} isBusy True while the page checks a file for this statement.
   */
  draw(at, count, least, isLie, isBusy) {
    const { statement, element } = this;
    const { clip, problem } = statement;
    const name = `Statement ${at + 1}`;
    setText(this.number, String(at + 1));
    setText(this.title, name);
    setText(this.label, "Text (optional)");
    this.text.setAttribute("aria-label", `Text (optional), statement ${at + 1}`);
    if (document.activeElement !== this.text && this.text.value !== statement.text) this.text.value = statement.text;
    this.lie.checked = isLie;
    this.lie.setAttribute("aria-label", `This is the lie: statement ${at + 1}`);
    element.toggleAttribute("data-lie", isLie);
    element.toggleAttribute("data-problem", Boolean(problem));
    setButton(this.up, `Move statement ${at + 1} up`, at > 0, "This is the first statement");
    setButton(this.down, `Move statement ${at + 1} down`, at < count - 1, "This is the last statement");
    setButton(
      this.remove,
      `Remove statement ${at + 1}`,
      count > least,
      `A challenge needs at least ${least} statements`,
    );
    this.problem.hidden = !problem;
    setText(requireElement("span", this.problem), problem);
    this.file.setAttribute("aria-label", `${clip ? "Choose another" : "Choose a clip"} for statement ${at + 1}`);
    if (problem) this.file.setAttribute("aria-invalid", "true");
    else this.file.removeAttribute("aria-invalid");
    this.facts.hidden = !clip;
    if (clip)
      this.facts.replaceChildren(
        h("span", { class: "truncate", title: clip.name, dir: "auto" }, clip.name),
        " ",
        h(
          "span",
          { class: "mono nowrap" },
          [clip.duration > 0 && formatDuration(clip.duration), formatBytes(clip.size)].filter(Boolean).join(" · "),
        ),
      );
    const shown = [clip?.id, isBusy, at].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const had = /** @type {HTMLElement|null} */ (
      this.shot.contains(document.activeElement) || this.acts.contains(document.activeElement)
        ? document.activeElement
        : null
    );
    this.#drawShot(at, isBusy);
    if (had && !had.isConnected) this.element.focus();
    else had?.focus();
  }

  /** @param {number} at @param {boolean} isBusy */
  #drawShot(at, isBusy) {
    const { clip } = this.statement;
    this.#release();
    const record = (/** @type {string} */ label) =>
      h(
        "button",
        {
          class: "btn",
          type: "button",
          "aria-label": `${label}, statement ${at + 1}`,
          data: { act: "record" },
          onclick: () => this.hears.onAct("record"),
        },
        icon("camera"),
        label,
      );
    if (isBusy) {
      this.shot.replaceChildren(
        h(
          "div",
          { class: "picture none", role: "status" },
          h("span", { class: "status run" }, icon("run", "spin"), "Checking the file"),
        ),
      );
      this.acts.replaceChildren();
    } else if (!clip) {
      this.shot.replaceChildren(
        h(
          "label",
          { class: "drop pick" },
          this.file,
          icon("film", "extra-large"),
          h("span", { class: "btn", "aria-hidden": "true" }, icon("upload"), "Choose a clip"),
          h("span", { class: "faint text-small desk" }, "or drop it here"),
        ),
      );
      this.acts.replaceChildren(record("Record"));
    } else {
      this.shot.replaceChildren(
        clip.blob && clip.plays
          ? this.#player(clip.blob, at)
          : h(
              "div",
              { class: "picture none" },
              h(
                "div",
                { class: "col unseen" },
                icon("film"),
                h("p", { class: "text-small" }, "This browser cannot play the clip, but the server may be able to."),
              ),
            ),
      );
      this.acts.replaceChildren(
        h("label", { class: "btn choose" }, this.file, icon("upload"), "Choose another"),
        record(clip.isRecorded ? "Record again" : "Record instead"),
      );
    }
  }

  /** @param {Blob} blob @param {number} at */
  #player(blob, at) {
    this.#address = URL.createObjectURL(blob);
    const video = /** @type {HTMLVideoElement} */ (
      h("video", {
        class: "picture dark",
        controls: true,
        playsinline: true,
        preload: "metadata",
        "aria-label": `Clip of statement ${at + 1}`,
      })
    );
    showDuration(video);
    video.src = this.#address;
    // Pause other clips, so that only one plays.
    video.addEventListener("play", () =>
      document
        .querySelectorAll(".slot video")
        .forEach((other) => other !== video && /** @type {HTMLVideoElement} */ (other).pause()),
    );
    return video;
  }

  #release() {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = "";
  }

  end() {
    this.#release();
    this.element.remove();
  }
}

/**
 * @param {HTMLElement} button
 * @param {string} label
 * @param {boolean} may
 * @param {string} why The reason shown while the button is disabled.
 */
function setButton(button, label, may, why) {
  button.setAttribute("aria-label", label);
  button.title = may ? label : why;
  if (may) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}
