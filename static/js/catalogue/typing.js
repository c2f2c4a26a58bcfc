// One field of words: what is typed becomes an operation at each pause, and what others write never goes over it.

import { h, icon, need, setText } from "../base/dom.js";
import { tellField } from "./dialogs.js";

const PAUSE = 400; // ms without a key after which what was typed is kept

/**
 * @typedef {object} FieldOptions
 * @property {string} label as in "the title"
 * @property {(text: string) => string} clean
 * @property {(value: string) => string} trouble what is wrong with a value, or nothing
 * @property {(value: string) => Promise<void>} keep makes an operation of it
 * @property {(value: string) => Promise<void>} settle the same, also where it is what is shown
 */

export class TypedField {
  #timer = 0;
  #touched = false; // typed in since it has the focus
  /** @type {string|null} what stands in the place of what is typed */ #theirs = null;
  /** @type {{mine: string, theirs: string}|null} told by the client */ #conflict = null;
  /** Whether that was written over, still unasked: the note is then all that is left of what they wrote. */ #isOver = false;

  /**
   * @param {HTMLInputElement|HTMLTextAreaElement} input
   * @param {string} value what everybody sees
   * @param {FieldOptions} options
   */
  constructor(input, value, options) {
    this.input = input;
    this.value = value;
    this.options = options;
    this.error = /** @type {HTMLElement} */ (need(`#${input.id}-error`));
    this.place = /** @type {HTMLElement} */ (need(`[data-conflict="${input.name}"]`));
    if (input.value !== value) input.value = value;
    input.addEventListener("input", () => this.#typed());
    // Whoever goes to the note beside the field is about to choose: what is typed is not written before that.
    input.addEventListener("blur", (event) => {
      const { relatedTarget } = /** @type {FocusEvent} */ (event);
      if (!this.place.contains(/** @type {Node|null} */ (relatedTarget))) this.#left();
    });
  }

  #typed() {
    this.#touched = true;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.flush(), PAUSE);
    if (this.#theirs !== null && !this.#conflict) this.#draw();
    const wrong = this.options.trouble(this.options.clean(this.input.value));
    // What is wrong is told once it stands still; that it is right again, at once.
    if (!wrong) tellField(this.input, this.error, "");
  }

  /** Make an operation of what is typed, now. */
  async flush() {
    clearTimeout(this.#timer);
    if (!this.#touched) return;
    const typed = this.options.clean(this.input.value);
    const wrong = this.options.trouble(typed);
    tellField(this.input, this.error, wrong);
    if (wrong || typed === this.value) return;
    this.value = typed;
    if (this.#conflict) {
      this.#conflict = { ...this.#conflict, mine: typed };
      this.#isOver = true;
    }
    this.#draw();
    await this.options.keep(typed);
  }

  async #left() {
    await this.flush();
    this.#touched = false;
    if (this.error.hidden && this.#theirs === null) this.#write(this.value);
  }

  /**
   * What is shown is another now, made here or elsewhere.
   * @param {string} value
   * @param {boolean} isLocal
   */
  show(value, isLocal) {
    value = this.options.clean(value);
    const mine = this.options.clean(this.input.value);
    const before = this.value;
    this.value = value;
    // A note stays until somebody has chosen, or until there is nothing to choose from.
    if (isLocal) return;
    if (mine === value) return this.#clear();
    const busy = document.activeElement === this.input && this.#touched;
    if (!busy && mine === before) return this.#write(value);
    // Something is being typed here that they had not seen.
    this.#theirs = value;
    this.#draw();
  }

  /**
   * Both have written it, and neither had seen the other.
   * @param {{mine: string, theirs: string}} conflict
   */
  conflict(conflict) {
    this.#conflict = conflict;
    this.#isOver = false;
    this.#draw();
  }

  /** Neither stands beside the other any more: somebody else has chosen, unless it was what is typed here. */
  settled() {
    if (!this.#conflict || this.#isOver) return;
    this.#conflict = null;
    this.#draw();
  }

  #draw() {
    const mine = this.#conflict ? this.#conflict.mine : this.options.clean(this.input.value);
    const theirs = this.#conflict ? this.#conflict.theirs : this.#theirs;
    if (theirs === null) return this.place.replaceChildren();
    const title = this.#conflict
      ? `Somebody else wrote ${this.options.label} too, and neither of you had seen the other's.`
      : `Somebody else changed ${this.options.label} while you were typing.`;
    // A note that is there stays: made again, its buttons would be gone from under a finger.
    const shown = JSON.stringify([title, theirs]);
    if (this.place.dataset.shown === shown && this.place.firstChild)
      return setText(need("[data-mine]", this.place), mine || "nothing");
    this.place.dataset.shown = shown;
    const now = () => (this.#conflict ? this.#conflict.mine : this.options.clean(this.input.value));
    this.place.replaceChildren(choice(title, mine, theirs, (value) => this.#choose(value), now));
  }

  /** @param {string} value the one of the two that shall be */
  async #choose(value) {
    clearTimeout(this.#timer);
    this.#clear();
    this.#touched = false;
    this.#write(value);
    tellField(this.input, this.error, "");
    this.value = value;
    this.input.focus();
    await this.options.settle(value);
  }

  #clear() {
    this.#theirs = this.#conflict = null;
    this.#isOver = false;
    this.#draw();
  }

  /** @param {string} value put into the field; the caret stays where it was */
  #write(value) {
    const { input } = this;
    if (input.value === value) return;
    const focused = document.activeElement === input;
    const [from, to] = [input.selectionStart ?? 0, input.selectionEnd ?? 0];
    input.value = value;
    if (focused) input.setSelectionRange(Math.min(from, value.length), Math.min(to, value.length));
    tellField(input, this.error, "");
  }
}

/**
 * The note beside a field that two have written: mine, theirs, which shall be.
 * @param {string} title
 * @param {string} mine
 * @param {string} theirs
 * @param {(value: string) => void} choose
 * @param {() => string} [now] mine as it is when it is chosen
 */
export function choice(title, mine, theirs, choose, now = () => mine) {
  return h(
    "div",
    { class: "note warn both", role: "group", "aria-label": title },
    icon("compare"),
    h(
      "div",
      { class: "spacer col" },
      h("b", { role: "alert" }, title),
      h(
        "dl",
        {},
        h(
          "div",
          {},
          h("dt", { class: "cap" }, "Yours"),
          h("dd", { class: "anywhere", dir: "auto", data: { mine: "" } }, mine || "nothing"),
          h("dd", {}, h("button", { class: "btn", type: "button", onclick: () => choose(now()) }, "Keep yours")),
        ),
        h(
          "div",
          {},
          h("dt", { class: "cap" }, "Theirs"),
          h("dd", { class: "anywhere", dir: "auto", data: { theirs: "" } }, theirs || "nothing"),
          h("dd", {}, h("button", { class: "btn", type: "button", onclick: () => choose(theirs) }, "Keep theirs")),
        ),
      ),
    ),
  );
}
