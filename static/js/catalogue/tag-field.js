// The tag field. Enter or a comma adds a tag; Backspace removes one.

import { requireElement, setText } from "../base/dom.js";
import { isComposing, keepTypedText } from "../base/drafts.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { showFieldError } from "./reason-dialogs.js";
import { cleanTag, checkTag } from "./labels.js";

/**
 * @typedef {object} TagOptions
 * @property {string} place Id of the video, under which an unfinished tag is kept.
 * @property {{max_tags: number, max_tag_length: number}} limits
 * @property {(tag: string) => Promise<void>} add
 * @property {(tag: string) => Promise<void>} remove
 */

export class TagField {
  /** @type {string[]} */ #tags = [];

  /** @param {HTMLElement} holder @param {TagOptions} options */
  constructor(holder, options) {
    this.options = options;
    /** @type {HTMLElement} */ this.list = requireElement("[data-tags]", holder);
    /** @type {HTMLInputElement} */ this.input = requireElement("input", holder);
    this.error = requireElement("#tag-error");
    this.said = requireElement("[data-tags-said]", holder);
    this.drawList = mount(this.list);
    this.forget = keepTypedText(`tag/${options.place}`, { tag: this.input });
    this.input.addEventListener("keydown", (event) => this.#pressed(event));
    this.input.addEventListener("input", () => {
      if (this.input.value.includes(",")) this.#take();
      else showFieldError(this.input, this.error, "");
    });
    this.input.addEventListener("blur", () => this.#remind());
  }

  /** Tell a user who leaves the field that its tag is not added: half a word must not become a tag. */
  #remind() {
    if (cleanTag(this.input.value) && this.error.hidden)
      showFieldError(this.input, this.error, "This tag is not added yet. Press Enter to add it.");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (isComposing(event)) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Backspace" && !this.input.value) {
      this.list.lastElementChild?.querySelector("button")?.focus();
    }
  }

  #take() {
    const parts = this.input.value.split(",").map(cleanTag).filter(Boolean);
    showFieldError(this.input, this.error, "");
    for (const [at, tag] of parts.entries()) {
      const wrong = checkTag(tag, this.#tags, this.options.limits);
      if (wrong) {
        // Tags that could not be added stay in the input.
        this.input.value = parts.slice(at).join(", ");
        return showFieldError(this.input, this.error, wrong);
      }
      if (this.#tags.includes(tag)) continue;
      this.show([...this.#tags, tag]);
      setText(this.said, `${tag} added.`);
      this.options.add(tag);
    }
    this.input.value = "";
    this.forget();
  }

  /** @param {string} tag */
  #drop(tag) {
    const at = this.#tags.indexOf(tag);
    this.show(this.#tags.filter((other) => other !== tag));
    const next = this.list.children[Math.min(at, this.#tags.length - 1)];
    (next?.querySelector("button") ?? this.input).focus();
    setText(this.said, `${tag} removed.`);
    this.options.remove(tag);
  }

  /** @param {string[]} tags */
  show(tags) {
    this.#tags = [...tags];
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    this.drawList(repeat(tags, (tag) => tag, this.#chipView));
    this.list.hidden = tags.length === 0;
    // If another person removed the focused tag, focus the input.
    if (focused && !focused.isConnected) this.input.focus();
  }

  /** @param {string} tag */
  #chipView = (tag) => html`
    <li class="pill chip" data-tag=${tag}>
      <span class="truncate" dir="auto" title=${tag}>${tag}</span>
      <button class="btn icon-only quiet" type="button" aria-label="Remove ${tag}" @click=${() => this.#drop(tag)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#pressedOnChip(event, tag)}>${iconView("x")}</button>
    </li>`;

  /** @param {KeyboardEvent} event @param {string} tag */
  #pressedOnChip(event, tag) {
    if (event.key !== "Backspace" && event.key !== "Delete") return;
    event.preventDefault();
    this.#drop(tag);
  }
}
