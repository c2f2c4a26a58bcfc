// The review of a merged challenge before publication: video and statements, one of which is the lie.

import { h, icon, requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./api.js").Merge} Merge
 * @typedef {import("./api.js").Segment} Segment
 */

export class Review {
  /** @type {Segment[]} */ #segments = [];
  /** Position in seconds at which the playing segment ends; 0 if the complete video plays. */ #until = 0;
  #address = "";
  #isWaiting = false;
  #hasRenewed = false;

  /**
   * @param {HTMLElement} root
   * @param {{max_text: number, max_title: number}} facts
   * @param {object} hears
   * @param {(publish: boolean) => void} hears.onDone Saves a complete challenge or publishes it.
   * @param {() => void} hears.onChange
   * @param {() => void} hears.onThrowAway
   * @param {() => Promise<string>} hears.renew Returns a new video URL after the signed URL has expired.
   */
  constructor(root, facts, hears) {
    this.root = root;
    this.facts = facts;
    this.hears = hears;
    this.video = /** @type {HTMLVideoElement} */ (
      h("video", {
        class: "film",
        controls: true,
        playsinline: true,
        preload: "metadata",
        "aria-label": "The merged video",
      })
    );
    this.video.addEventListener("timeupdate", () => this.#time());
    this.video.addEventListener("seeked", () => this.#time());
    this.video.addEventListener("play", () => this.#frames());
    this.video.addEventListener("error", () => this.#broken());
    this.trouble = h("div", { class: "mask", hidden: true });
    this.parts = h("nav", { class: "parts-nav", "aria-label": "Parts of the video" });
    this.heading = h("h2", { tabindex: "-1", id: "review-title" }, "Watch the video, then publish it");
    this.title = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input",
        id: "review-name",
        type: "text",
        dir: "auto",
        maxlength: String(facts.max_title),
        autocomplete: "off",
        "aria-describedby": "review-name-problem",
      })
    );
    this.title.addEventListener("input", () => {
      this.draft.title = this.title.value;
      hears.onChange();
    });
    this.statements = h("ol", { class: "col" });
    this.saved = h("p", { class: "status", role: "status" });
    this.problem = h("div", { class: "col" });
    this.publish = h(
      "button",
      { class: "btn primary big", type: "button", data: { act: "publish" }, onclick: () => this.#done(true) },
      icon("check"),
      "Publish",
    );
    this.keep = h(
      "button",
      { class: "btn big", type: "button", data: { act: "keep" }, onclick: () => this.#done(false) },
      "Save as draft",
    );
    /** @type {Draft} */ this.draft;
    this.element = h(
      "div",
      { class: "reviewing" },
      h("div", { class: "col" }, h("div", { class: "stage dark" }, this.video, this.trouble), this.parts),
      h(
        "section",
        { class: "panel side", "aria-labelledby": "review-title" },
        h(
          "div",
          { class: "pad col wide-gap" },
          this.heading,
          h(
            "div",
            { class: "field" },
            h("label", { for: "review-name" }, "Title"),
            this.title,
            createFieldError("review-name-problem"),
          ),
          h(
            "fieldset",
            { class: "col" },
            h(
              "legend",
              { class: "text-small muted" },
              "Check the texts, and mark the lie. Players see which statement is the lie only after they guess.",
            ),
            this.statements,
            createFieldError("review-lie-problem"),
          ),
          this.saved,
          this.problem,
          h("div", { class: "row wrap sticky-foot" }, this.keep, this.publish),
          h(
            "button",
            { class: "btn quiet", type: "button", onclick: () => hears.onThrowAway() },
            icon("trash"),
            "Discard",
          ),
        ),
      ),
    );
  }

  /** @param {Draft} draft @param {Merge} merge A completed merge. */
  show(draft, merge) {
    this.draft = draft;
    this.root.replaceChildren(this.element);
    const merged = /** @type {import("./api.js").Merged} */ (merge.merged_video);
    this.#segments = merged.segments;
    this.title.value = draft.title;
    this.#load(merged.merged_video_url);
    if (merged.poster_url) this.video.poster = merged.poster_url;
    this.parts.replaceChildren(
      ...this.#segments.map((segment) => {
        const button = h(
          "button",
          { class: "part", type: "button", vars: { "--share": segment.duration }, onclick: () => this.#play(segment) },
          h("span", { class: "visually-hidden" }, "Play statement "),
          h("b", { class: "mono" }, String(segment.statement_index + 1)),
          " ",
          h("span", { class: "mono truncate" }, formatDuration(segment.duration)),
        );
        return button;
      }),
    );
    this.statements.replaceChildren(
      ...draft.statements.map((statement, at) => {
        const text = /** @type {HTMLInputElement} */ (
          h("input", {
            class: "input",
            type: "text",
            dir: "auto",
            maxlength: String(this.facts.max_text),
            autocomplete: "off",
            "aria-label": `Text of statement ${at + 1}`,
            placeholder: "No text",
            value: statement.text,
          })
        );
        text.addEventListener("input", () => {
          statement.text = text.value;
          this.hears.onChange();
        });
        const lie = /** @type {HTMLInputElement} */ (
          h("input", {
            type: "radio",
            name: "review-lie",
            value: statement.id,
            checked: draft.lie === statement.id,
            "aria-label": `The lie: statement ${at + 1}`,
          })
        );
        const line = h(
          "li",
          { class: "told" },
          h("span", { class: "statement-number", "aria-hidden": "true" }, String(at + 1)),
          text,
          h("label", { class: "check lie" }, lie, "The lie"),
        );
        line.toggleAttribute("data-lie", lie.checked);
        lie.addEventListener("change", () => {
          draft.lie = statement.id;
          for (const [n, other] of [...this.statements.children].entries()) other.toggleAttribute("data-lie", n === at);
          showFieldError("review-lie-problem", "");
          this.hears.onChange();
        });
        return line;
      }),
    );
    this.#time();
    this.wait(false);
  }

  focus() {
    this.heading.focus();
  }

  end() {
    this.video.pause();
    this.root.replaceChildren();
  }

  /** @param {boolean} isWaiting @param {string} [word] */
  wait(isWaiting, word = "") {
    this.#isWaiting = isWaiting;
    for (const button of [this.publish, this.keep]) {
      if (isWaiting) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
    const fields = /** @type {NodeListOf<HTMLInputElement>} */ (this.root.querySelectorAll("input, textarea"));
    for (const field of fields) field.readOnly = isWaiting;
    if (word) this.saved.replaceChildren(icon("run", "spin"), word);
  }

  /** @param {boolean} isDraft True if the challenge is saved as a draft on the server. */
  drawSaved(isDraft) {
    this.saved.replaceChildren(...(isDraft ? [icon("check"), "Saved as a draft. Only you can see it."] : []));
  }

  /** @param {HTMLElement|null} note */
  tellProblem(note) {
    this.problem.replaceChildren(...(note ? [note] : []));
    // Scroll to the note, which may be below the visible area on phones.
    note?.scrollIntoView({ block: "nearest" });
  }

  /** @param {boolean} publish */
  #done(publish) {
    if (this.#isWaiting) return;
    this.problem.replaceChildren();
    const { draft } = this;
    showFieldError(
      "review-name-problem",
      draft.title.trim() ? "" : "Enter a title. Players see it in the list of challenges.",
    );
    if (draft.title.trim()) this.title.removeAttribute("aria-invalid");
    else this.title.setAttribute("aria-invalid", "true");
    showFieldError("review-lie-problem", draft.lie ? "" : "Choose which statement is the lie.");
    if (!draft.title.trim()) return this.title.focus();
    if (!draft.lie) return /** @type {HTMLElement} */ (requireElement("input[type=radio]", this.statements)).focus();
    this.hears.onDone(publish);
  }

  // Video

  /** @param {string} address */
  #load(address) {
    if (this.#address === address) return;
    this.#address = address;
    this.trouble.hidden = true;
    this.video.src = address;
  }

  /** @param {Segment} segment */
  #play({ start_time, end_time }) {
    // Seek slightly past the start of the frame: rounding of the exact start may show the previous frame.
    this.video.currentTime = start_time + 0.001;
    this.#until = end_time;
    this.video.play().catch(() => {});
  }

  #frames() {
    const { video } = this;
    if (video.paused) return;
    if (this.#until && (video.currentTime >= this.#until - 0.02 || video.ended)) {
      this.#until = 0;
      video.pause();
    }
    requestAnimationFrame(() => this.#frames());
  }

  #time() {
    const time = this.video.currentTime;
    [...this.parts.children].forEach((button, at) => {
      const { start_time, end_time } = this.#segments[at];
      const isHere = time >= start_time - 0.001 && (time < end_time || at === this.#segments.length - 1);
      if (isHere) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  async #broken() {
    if (!this.#address) return;
    const at = this.video.currentTime;
    if (!this.#hasRenewed) {
      this.#hasRenewed = true;
      const address = await this.hears.renew().catch(() => "");
      if (address && address !== this.#address) {
        this.#load(address);
        this.video.currentTime = at;
        return;
      }
    }
    this.trouble.hidden = false;
    this.trouble.replaceChildren(
      icon("alert"),
      h("b", { role: "alert" }, "The video cannot be played here"),
      h(
        "p",
        { class: "text-small" },
        "The video is saved on the server. You can still publish the challenge or save it as a draft.",
      ),
      h("button", { class: "btn", type: "button", onclick: () => this.#again() }, icon("retry"), "Try again"),
    );
  }

  #again() {
    this.#hasRenewed = false;
    this.trouble.hidden = true;
    this.video.load();
  }
}

/** @param {string} id */
function createFieldError(id) {
  return h("p", { class: "field-error", id, role: "alert", hidden: true }, icon("alert"), h("span", {}));
}

/** @param {string} id @param {string} sentence */
function showFieldError(id, sentence) {
  const place = requireElement(`#${id}`);
  place.hidden = !sentence;
  setText(requireElement("span", place), sentence);
}
