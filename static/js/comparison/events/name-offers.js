// The suggestions of user names after an at sign, and a note about mentioned users who cannot open the comparison. All
// text fields share one list and one note.

import { isComposing } from "../../base/drafts.js";
import { createRoot, html } from "../../base/view.js";
import { findTypedName, findUnknownNames } from "./mentions.js";

const OFFERED = 6;
const LIST = "name-offers";

/** @typedef {HTMLInputElement|HTMLTextAreaElement} Field */

export class NameOffers {
  /** @type {Promise<string[]>|null} */ #known = null;
  /** @type {Field|null} */ #field = null;
  /** @type {string[]} */ #names = [];
  /** Mentioned users who cannot open the comparison. @type {string[]} */ #unknown = [];
  #chosen = 0;
  /** Field that contains the beginning of a name while the names are being loaded. @type {Field|null} */ #loading =
    null;
  #root = createRoot();

  /** @param {() => Promise<string[]>} people Function that loads user names when the user first types an at sign. */
  constructor(people) {
    this.people = people;
    this.list = this.#draw();
    document.body.append(this.list);
    document.addEventListener("selectionchange", () => {
      if (this.#names.length && this.#field && findNameAtCursor(this.#field) === null) this.#closeList();
    });
  }

  #draw() {
    // A press must not take the focus from the text field.
    const press = (/** @type {Event} */ event) => event.preventDefault();
    return this.#root(html`
      <div class="name-offers" @pointerdown=${press}>
        <ul role="listbox" id=${LIST} aria-label="People you can mention" ?hidden=${!this.#names.length}>
          ${this.#names.map(
            (name, index) => html`<li role="option" id="name-offer-${index}" data-name=${name}
              aria-selected=${String(index === this.#chosen)} @click=${() => this.#take(name)}>${name}</li>`,
          )}
        </ul>
        <p class="anywhere" role="status">${describeUnknown(this.#unknown)}</p>
      </div>`);
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
    if (!field.value.includes("@")) return this.close();
    this.#known ??= this.people();
    this.#loading = now === null ? null : field;
    const known = await this.#known.catch(() => {
      this.#known = null;
      return /** @type {string[]} */ ([]);
    });
    this.#loading = null;
    if (findNameAtCursor(field) !== now || document.activeElement !== field) return;
    this.#field = field;
    const start = now?.toLowerCase();
    this.#names = start === undefined ? [] : known.filter((name) => name.toLowerCase().startsWith(start));
    this.#names.splice(OFFERED);
    // Visitors without an account do not see the names of users, so nothing is known about theirs.
    this.#unknown = known.length ? findUnknownNames(field.value, known, now) : [];
    if (this.#names.length) this.#choose(0);
    else this.#closeList();
    const { left, top, bottom, width } = field.getBoundingClientRect();
    const height = this.list.offsetHeight;
    this.list.style.setProperty("--left", `${left}px`);
    this.list.style.setProperty("--top-edge", `${bottom + height < window.innerHeight ? bottom : top - height}px`);
    this.list.style.setProperty("--width", `${width}px`);
    if (field.hasAttribute("aria-expanded")) field.setAttribute("aria-expanded", String(this.#names.length > 0));
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = (index + this.#names.length) % this.#names.length;
    this.#draw();
    this.#field?.setAttribute("aria-activedescendant", `name-offer-${this.#chosen}`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (isComposing(event) || event.shiftKey || event.ctrlKey) return;
    if (this.#loading === event.currentTarget && event.key === "Enter") {
      event.preventDefault(); // do not send the beginning of a name
      event.stopImmediatePropagation();
    }
    if (!this.#names.length) return;
    const take = () => this.#take(this.#names[this.#chosen]);
    const act = {
      ArrowDown: () => this.#choose(this.#chosen + 1),
      ArrowUp: () => this.#choose(this.#chosen - 1),
      Enter: take,
      Tab: take,
      Escape: () => this.#closeList(),
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
    field.setSelectionRange(caret - now.length, caret);
    // Unlike setRangeText, this command keeps the browser's list of changes that the user can undo.
    document.execCommand("insertText", false, `${name} `);
    this.close();
  }

  #closeList() {
    this.#names = [];
    this.#draw();
    this.#field?.removeAttribute("aria-activedescendant");
    if (this.#field?.hasAttribute("aria-expanded")) this.#field.setAttribute("aria-expanded", "false");
  }

  close() {
    this.#unknown = [];
    this.#closeList();
    this.#field = this.#loading = null;
  }
}

/** @param {string[]} names */
function describeUnknown(names) {
  const all = [...new Set(names)].map((name) => `@${name}`).join(", ");
  return all && `${all} cannot open this comparison and will not be notified.`;
}

/** @param {Field} field */
const findNameAtCursor = (field) => findTypedName(field.value.slice(0, field.selectionStart ?? field.value.length));
