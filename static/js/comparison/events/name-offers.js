// The suggestions of user names after an at sign. All text fields share one list.

import { isComposing } from "../../base/drafts.js";
import { createRoot, html } from "../../base/view.js";
import { findTypedName } from "./mentions.js";

const OFFERED = 6;
const LIST = "name-offers";

/** @typedef {HTMLInputElement|HTMLTextAreaElement} Field */

export class NameOffers {
  /** @type {Promise<string[]>|null} */ #known = null;
  /** @type {Field|null} */ #field = null;
  /** @type {string[]} */ #names = [];
  #chosen = 0;
  #root = createRoot();

  /** @param {() => Promise<string[]>} people Function that loads user names when the user first types an at sign. */
  constructor(people) {
    this.people = people;
    this.list = this.#draw();
    document.body.append(this.list);
    document.addEventListener(
      "selectionchange",
      () => this.#field && findNameAtCursor(this.#field) === null && this.close(),
    );
  }

  #draw() {
    // A press must not take the focus from the text field.
    const press = (/** @type {Event} */ event) => event.preventDefault();
    return this.#root(html`
      <ul class="name-offers" role="listbox" id=${LIST} aria-label="People you can mention"
        ?hidden=${!this.#names.length} @pointerdown=${press}>
        ${this.#names.map(
          (name, index) => html`<li role="option" id="name-offer-${index}" data-name=${name}
            aria-selected=${String(index === this.#chosen)} @click=${() => this.#take(name)}>${name}</li>`,
        )}
      </ul>`);
  }

  /** @param {Field} field @param {() => boolean} [isWanted] */
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
    const names = known.filter((name) => name.toLowerCase().startsWith(start)).slice(0, OFFERED);
    if (!names.length) return this.close();
    this.#field = field;
    this.#names = names;
    this.#choose(0);
    const { left, top, bottom, width } = field.getBoundingClientRect();
    const height = this.list.offsetHeight;
    this.list.style.setProperty("--left", `${left}px`);
    this.list.style.setProperty("--top-edge", `${bottom + height < window.innerHeight ? bottom : top - height}px`);
    this.list.style.setProperty("--width", `${width}px`);
    if (field.hasAttribute("aria-expanded")) field.setAttribute("aria-expanded", "true");
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = (index + this.#names.length) % this.#names.length;
    this.#draw();
    this.#field?.setAttribute("aria-activedescendant", `name-offer-${this.#chosen}`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#names.length || isComposing(event) || event.shiftKey || event.ctrlKey) return;
    const take = () => this.#take(this.#names[this.#chosen]);
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
    this.#names = [];
    this.#draw();
    this.#field?.removeAttribute("aria-activedescendant");
    if (this.#field?.hasAttribute("aria-expanded")) this.#field.setAttribute("aria-expanded", "false");
    this.#field = null;
  }
}

/** @param {Field} field */
const findNameAtCursor = (field) => findTypedName(field.value.slice(0, field.selectionStart ?? field.value.length));
