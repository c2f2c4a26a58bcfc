// Mentions with `@`: suggestions while the user types a name, and highlighting of names. The server finds the mentioned
// users (sessions_app/comparison/events/mentions.py).

import { h } from "../../base/dom.js";

const OFFERED = 6;
// Matches an @ that begins a word, and the letters after it.
const LETTER = "\\p{L}\\p{N}_.@+\\-";
const TYPED = new RegExp(`(?<![${LETTER}])@([${LETTER}]*)$`, "u");
const NAMED = new RegExp(`(?<![${LETTER}])@[${LETTER}]*[\\p{L}\\p{N}_]`, "gu");
const LIST = "name-offers";

/** @typedef {HTMLInputElement|HTMLTextAreaElement} Field */

/** @param {string} text @returns {{text: string, isName: boolean}[]} parts in order */
export function parted(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(NAMED)) {
    parts.push({ text: text.slice(from, found.index), isName: false }, { text: found[0], isName: true });
    from = found.index + found[0].length;
  }
  return [...parts, { text: text.slice(from), isName: false }].filter((part) => part.text);
}

/** @param {string} text @returns {(string|HTMLElement)[]} text with highlighted names */
export function marked(text) {
  return parted(text).map((part) => (part.isName ? h("b", { class: "mention" }, part.text) : part.text));
}

/** @param {string} before text before the caret @returns {string|null} name being typed */
export function typedName(before) {
  return before.match(TYPED)?.[1] ?? null;
}

/** Suggestions while the user types a name. All fields share one list. */
export class NameOffers {
  /** @type {Promise<string[]>|null} */ #known = null;
  /** @type {Field|null} */ #field = null;
  #chosen = 0;

  /** @param {() => Promise<string[]>} people called at the first @ */
  constructor(people) {
    this.people = people;
    this.list = h("ul", { class: "name-offers", role: "listbox", id: LIST, "aria-label": "People you can mention" });
    this.list.hidden = true;
    document.body.append(this.list);
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
    this.list.addEventListener("click", (event) => {
      const option = /** @type {HTMLElement} */ (event.target).closest("li");
      if (option) this.#take(option.dataset.name ?? "");
    });
    document.addEventListener("selectionchange", () => this.#field && typed(this.#field) === null && this.close());
  }

  /**
   * @param {Field} field
   * @param {() => boolean} [isWanted] whether the text may contain mentions
   */
  attach(field, isWanted = () => true) {
    this.#known = null; // load again: people may have been invited since
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", LIST);
    if (field instanceof HTMLInputElement) {
      field.setAttribute("role", "combobox");
      field.setAttribute("aria-expanded", "false");
    }
    field.addEventListener("input", () => isWanted() && this.#offer(field));
    field.addEventListener("blur", () => this.close());
    // Captured, to run before the field's own handling of Enter and Escape.
    field.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)), { capture: true });
  }

  /** @param {Field} field */
  async #offer(field) {
    const now = typed(field);
    if (now === null) return this.close();
    this.#known ??= this.people();
    const known = await this.#known.catch(() => {
      this.#known = null; // load again at the next letter
      return /** @type {string[]} */ ([]);
    });
    if (typed(field) !== now || document.activeElement !== field) return;
    const start = now.toLowerCase();
    const fitting = known.filter((name) => name.toLowerCase().startsWith(start)).slice(0, OFFERED);
    if (!fitting.length) return this.close();
    this.#field = field;
    this.list.replaceChildren(
      ...fitting.map((name, index) => h("li", { role: "option", id: `name-offer-${index}`, data: { name } }, name)),
    );
    const { left, top, bottom, width } = field.getBoundingClientRect();
    this.list.hidden = false;
    const isBelow = bottom + this.list.offsetHeight < window.innerHeight;
    this.list.style.setProperty("--left", `${left}px`);
    this.list.style.setProperty("--top-edge", `${isBelow ? bottom : top - this.list.offsetHeight}px`);
    this.list.style.setProperty("--width", `${width}px`);
    if (field.hasAttribute("aria-expanded")) field.setAttribute("aria-expanded", "true");
    this.#choose(0);
  }

  /** @param {number} index */
  #choose(index) {
    const options = [...this.list.children];
    this.#chosen = (index + options.length) % options.length;
    options.forEach((option, number) => option.setAttribute("aria-selected", String(number === this.#chosen)));
    this.#field?.setAttribute("aria-activedescendant", `name-offer-${this.#chosen}`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (this.list.hidden || event.isComposing || event.shiftKey || event.ctrlKey) return;
    const take = () => this.#take(/** @type {HTMLElement} */ (this.list.children[this.#chosen]).dataset.name ?? "");
    const act = {
      ArrowDown: () => this.#choose(this.#chosen + 1),
      ArrowUp: () => this.#choose(this.#chosen - 1),
      Enter: take,
      Tab: take,
      Escape: () => this.close(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }

  /** @param {string} name */
  #take(name) {
    const field = this.#field;
    const now = field && typed(field);
    if (!field || now === null) return this.close();
    const caret = field.selectionStart ?? field.value.length;
    field.setRangeText(`${name} `, caret - now.length, caret, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.#field?.removeAttribute("aria-activedescendant");
    if (this.#field?.hasAttribute("aria-expanded")) this.#field.setAttribute("aria-expanded", "false");
    this.#field = null;
  }
}

/** @param {Field} field */
function typed(field) {
  return typedName(field.value.slice(0, field.selectionStart ?? field.value.length));
}
