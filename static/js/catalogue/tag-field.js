// The tag field. Enter or a comma adds a tag; Backspace removes one.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { isComposing, keepTypedText } from "../base/drafts.js";
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

  /**
   * @param {HTMLElement} holder
   * @param {TagOptions} options
   */
  constructor(holder, options) {
    this.options = options;
    this.list = /** @type {HTMLElement} */ (requireElement("[data-tags]", holder));
    this.input = /** @type {HTMLInputElement} */ (requireElement("input", holder));
    this.error = /** @type {HTMLElement} */ (requireElement("#tag-error"));
    this.said = /** @type {HTMLElement} */ (requireElement("[data-tags-said]", holder));
    this.forget = keepTypedText(`tag/${options.place}`, { tag: this.input });
    this.input.addEventListener("keydown", (event) => this.#pressed(event));
    this.input.addEventListener("input", () => this.input.value.includes(",") && this.#take());
    this.input.addEventListener("change", () => this.#take());
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (isComposing(event)) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Backspace" && !this.input.value) {
      const last = /** @type {HTMLElement|null} */ (this.list.lastElementChild?.querySelector("button") ?? null);
      last?.focus();
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
      this.#draw([...this.#tags, tag]);
      setText(this.said, `${tag} added.`);
      this.options.add(tag);
    }
    this.input.value = "";
    this.forget();
  }

  /** @param {string} tag */
  #drop(tag) {
    const chips = [...this.list.children];
    const at = chips.findIndex((chip) => /** @type {HTMLElement} */ (chip).dataset.tag === tag);
    this.#draw(this.#tags.filter((other) => other !== tag));
    const next = /** @type {HTMLElement|undefined} */ (
      [...this.list.children][Math.min(at, this.list.children.length - 1)]
    );
    (next?.querySelector("button") ?? this.input).focus();
    setText(this.said, `${tag} removed.`);
    this.options.remove(tag);
  }

  /** @param {string[]} tags */
  show(tags) {
    this.#draw(tags);
  }

  /** @param {string[]} tags */
  #draw(tags) {
    this.#tags = [...tags];
    const there = new Map(
      [...this.list.children].map((chip) => [/** @type {HTMLElement} */ (chip).dataset.tag ?? "", chip]),
    );
    for (const [tag, chip] of there) {
      if (tags.includes(tag)) continue;
      // If another person removed the focused tag, focus the input.
      if (chip.contains(document.activeElement)) this.input.focus();
      chip.remove();
    }
    tags.forEach((tag, at) => {
      const chip = there.get(tag) ?? this.#chip(tag);
      if (this.list.children[at] !== chip) this.list.insertBefore(chip, this.list.children[at] ?? null);
    });
    this.list.hidden = tags.length === 0;
  }

  /** @param {string} tag */
  #chip(tag) {
    return h(
      "li",
      { class: "pill chip", data: { tag } },
      h("span", { class: "truncate", dir: "auto", title: tag }, tag),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `Remove ${tag}`,
          onclick: () => this.#drop(tag),
          onkeydown: (/** @type {KeyboardEvent} */ event) => {
            if (event.key !== "Backspace" && event.key !== "Delete") return;
            event.preventDefault();
            this.#drop(tag);
          },
        },
        icon("x"),
      ),
    );
  }
}
