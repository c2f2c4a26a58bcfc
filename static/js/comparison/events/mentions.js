// Mentions of users with `@`: suggestions and highlighting. The server finds the mentioned users in
// sessions_app/comparison/events/mentions.py.

import { h } from "../../base/dom.js";
import { isComposing } from "../../base/drafts.js";

const OFFERED = 6;
// Characters of a user name. TYPED matches an unfinished name after an at sign.
const LETTER = "\\p{L}\\p{N}_.@+\\-";
const TYPED = new RegExp(`(?<![${LETTER}])@([${LETTER}]*)$`, "u");
const NAMED = new RegExp(`(?<![${LETTER}])@[${LETTER}]*[\\p{L}\\p{N}_]`, "gu");
const LIST = "name-offers";

/** @typedef {HTMLInputElement|HTMLTextAreaElement} Field */

/**
 * Split a text into mentions and the parts between them.
 * @param {string} text
 * @returns {{text: string, isName: boolean}[]}
 */
export function splitMentions(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(NAMED)) {
    parts.push({ text: text.slice(from, found.index), isName: false }, { text: found[0], isName: true });
    from = found.index + found[0].length;
  }
  return [...parts, { text: text.slice(from), isName: false }].filter((part) => part.text);
}

/** @param {string} text @returns {(string|HTMLElement)[]} */
export function markMentions(text) {
  return splitMentions(text).map((part) => (part.isName ? h("b", { class: "mention" }, part.text) : part.text));
}

/**
 * Return the name that the user is typing after an at sign, or null.
 * @param {string} before
 * @returns {string|null}
 */
export function findTypedName(before) {
  return before.match(TYPED)?.[1] ?? null;
}

/** The suggestions of user names after an at sign. All text fields share one list. */
export class NameOffers {
  /** @type {Promise<string[]>|null} */ #known = null;
  /** @type {Field|null} */ #field = null;
  #chosen = 0;

  /** @param {() => Promise<string[]>} people Function that loads user names when the user first types an at sign. */
  constructor(people) {
    this.people = people;
    this.list = h("ul", { class: "name-offers", role: "listbox", id: LIST, "aria-label": "People you can mention" });
    this.list.hidden = true;
    document.body.append(this.list);
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus in the text field
    this.list.addEventListener("click", (event) => {
      const option = /** @type {HTMLElement} */ (event.target).closest("li");
      if (option) this.#take(option.dataset.name ?? "");
    });
    document.addEventListener(
      "selectionchange",
      () => this.#field && findNameAtCursor(this.#field) === null && this.close(),
    );
  }

  /**
   * @param {Field} field
   * @param {() => boolean} [isWanted]
   */
  attach(field, isWanted = () => true) {
    this.#known = null; // reload the names: users may have been invited since
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", LIST);
    if (field instanceof HTMLInputElement) {
      field.setAttribute("role", "combobox");
      field.setAttribute("aria-expanded", "false");
    }
    field.addEventListener("input", () => isWanted() && this.#offer(field));
    field.addEventListener("blur", () => this.close());
    // Capture the key event, to handle Enter and Escape before the field does.
    field.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)), { capture: true });
  }

  /** @param {Field} field */
  async #offer(field) {
    const now = findNameAtCursor(field);
    if (now === null) return this.close();
    this.#known ??= this.people();
    const known = await this.#known.catch(() => {
      this.#known = null;
      return /** @type {string[]} */ ([]);
    });
    if (findNameAtCursor(field) !== now || document.activeElement !== field) return;
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
    if (this.list.hidden || isComposing(event) || event.shiftKey || event.ctrlKey) return;
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
    const now = field && findNameAtCursor(field);
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
function findNameAtCursor(field) {
  return findTypedName(field.value.slice(0, field.selectionStart ?? field.value.length));
}
