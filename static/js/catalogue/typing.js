// One field of words: what is typed becomes an operation at each pause. What others write never goes over it, nor does it go
// over theirs: it stands beside it, in conflict, until somebody chooses. A description is merged by characters instead.

import { h, icon, need, setText } from "../base/dom.js";
import { tellField } from "./dialogs.js";
import { SharedText, changeOf } from "./shared-text.js";

const PAUSE = 400; // ms without a key after which what was typed is kept

/** @typedef {import("./crdt.js").Write} Write */
/**
 * @typedef {object} FieldOptions
 * @property {string} label as in "the title"
 * @property {(text: string) => string} clean
 * @property {(value: string) => string} trouble what is wrong with a value, or nothing
 * @property {(value: string, about: {seen: string[], state?: string}) => Promise<void>} keep makes an operation of it
 * @property {() => Write[]} writes what stands there, the first is shown
 * @property {() => string} actor who writes here
 * @property {boolean} [isShared] whether what several write is merged
 */

export class TypedField {
  #timer = 0;
  #touched = false; // typed in since it has the focus
  #composes = false; // a character is being put together from several keys: nothing else is written into the field
  #base; // what was last taken in or kept; what the field has besides has not been kept yet
  #shown; // what everybody sees
  /** @type {string|null} what somebody else wrote in the place of what is typed */ #theirs = null;
  #isBeside = false; // whether what was typed since has been kept beside that
  /** @type {{mine: string, theirs: string}|null} told by the client */ #conflict = null;
  /** @type {SharedText|null} */ #shared = null;
  /** @type {string[]} what of others is in the shared text and in no operation from here */ #merged = [];

  /**
   * @param {HTMLInputElement|HTMLTextAreaElement} input
   * @param {string} value what everybody sees
   * @param {FieldOptions} options
   */
  constructor(input, value, options) {
    this.input = input;
    this.#base = this.#shown = value;
    this.options = options;
    if (options.isShared) this.#shared = SharedText.of({ value });
    this.error = /** @type {HTMLElement} */ (need(`#${input.id}-error`));
    this.place = /** @type {HTMLElement} */ (need(`[data-conflict="${input.name}"]`));
    if (input.value !== value) input.value = value;
    input.addEventListener("input", () => this.#typed());
    input.addEventListener("compositionstart", () => (this.#composes = true));
    input.addEventListener("compositionend", () => {
      this.#composes = false;
      this.show(this.#shown, false);
    });
    // Whoever goes to the note beside the field is about to choose.
    input.addEventListener("blur", (event) => {
      const { relatedTarget } = /** @type {FocusEvent} */ (event);
      if (!this.place.contains(/** @type {Node|null} */ (relatedTarget))) this.#left();
    });
  }

  get #typedText() {
    return this.options.clean(this.input.value);
  }

  get #isKept() {
    return this.#typedText === this.#base;
  }

  #typed() {
    this.#touched = true;
    // At each key: of two places that are changed at once all that is between them would be written anew.
    this.#shared?.write(this.#typedText);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.flush(), PAUSE);
    if (this.#theirs !== null && !this.#conflict) this.#draw();
    // What is wrong is told once it stands still; that it is right again, at once.
    if (!this.options.trouble(this.#typedText)) tellField(this.input, this.error, "");
  }

  /** Make an operation of what is typed, now. */
  async flush() {
    clearTimeout(this.#timer);
    if (!this.#touched) return;
    const typed = this.#typedText;
    const wrong = this.options.trouble(typed);
    tellField(this.input, this.error, wrong);
    if (!wrong && typed !== this.#base) await this.#keep(typed);
  }

  /**
   * @param {string} value
   * @param {string[]} [seen] what it takes the place of
   */
  async #keep(value, seen = [this.#base, ...this.#merged]) {
    this.#base = value;
    this.#merged = [];
    if (this.#theirs !== null) this.#isBeside = true;
    if (this.#conflict) this.#conflict = { ...this.#conflict, mine: value };
    this.#shared?.write(value);
    this.#draw();
    await this.options.keep(value, { seen, state: this.#shared?.state });
  }

  async #left() {
    await this.flush();
    this.#touched = false;
    if (!this.error.hidden || this.#conflict || this.#isBeside) return;
    if (this.#shared) return this.show(this.#shown, false);
    this.#take(this.#shown);
    this.#clear();
  }

  /**
   * What is shown is another now, made here or elsewhere.
   * @param {string} value
   * @param {boolean} isLocal
   */
  show(value, isLocal) {
    this.#shown = this.options.clean(value);
    if (isLocal || this.#composes) return;
    if (this.#shared) {
      const [apart] = this.#merge();
      if (!apart) return this.#clear();
      // Beside something of one's own it is a conflict, which is told.
      if (!this.#ownWrite) this.#tellTheirs(apart.value);
      return;
    }
    if (this.#conflict) return;
    const isBusy = document.activeElement === this.input && this.#touched;
    if (this.#typedText === this.#shown || (!isBusy && this.#isKept)) {
      this.#take(this.#shown);
      return this.#clear();
    }
    this.#tellTheirs(this.#shown);
  }

  /** Something is being typed here that they had not seen. @param {string} theirs */
  #tellTheirs(theirs) {
    this.#theirs = theirs;
    this.#draw();
  }

  /**
   * Both have written it, and neither had seen the other.
   * @param {{mine: string, theirs: string}} conflict
   */
  conflict(conflict) {
    if (this.#composes) return;
    if (this.#shared) {
      const [apart] = this.#merge();
      if (!apart) return this.#clear();
      conflict = { mine: conflict.mine, theirs: apart.value };
    }
    this.#theirs = null;
    this.#isBeside = false;
    // The field keeps one's own until somebody has chosen.
    if (this.#isKept) {
      this.#base = conflict.mine;
      this.#write(conflict.mine);
    }
    this.#conflict = conflict;
    this.#draw();
  }

  /** Nothing stands beside what is shown any more: somebody has chosen. */
  settled() {
    if (!this.#conflict && !this.#isBeside) return;
    const isKept = this.#isKept;
    this.#clear();
    if (isKept) this.#take(this.#shown);
    else this.#tellTheirs(this.#shown);
  }

  /** Have in the field what everybody sees. @param {string} value */
  #take(value) {
    this.#base = value;
    this.#merged = [];
    if (this.#shared) this.#shared = SharedText.of(this.#written(value));
    this.#write(value);
  }

  /** @param {string} value @returns {import("./shared-text.js").Written} as somebody wrote it who has said how it came to be */
  #written(value) {
    const same = this.options.writes().filter((one) => one.value === value);
    return same.find((one) => one.state) ?? { value };
  }

  /**
   * Take into the shared text what others have written; where something of one's own stands beside it, both become one.
   * @returns {Write[]} what cannot be merged
   */
  #merge() {
    const own = this.#ownWrite;
    if (this.#isKept) {
      if (!own) {
        this.#take(this.#shown);
        return [];
      }
      if (this.#base !== own.value) this.#take(own.value);
    }
    return this.#join(own);
  }

  get #ownWrite() {
    return this.options.writes().find((one) => one.actor === this.options.actor());
  }

  /** @param {Write|undefined} own */
  #join(own) {
    const shared = /** @type {SharedText} */ (this.#shared);
    const { input } = this;
    const writes = this.options.writes();
    shared.write(this.#typedText);
    if (own) shared.merge(own);
    const places = shared.hold(input.selectionStart ?? 0, input.selectionEnd ?? 0);
    const most = input.maxLength > 0 ? input.maxLength : Infinity;
    const others = writes.filter((one) => one.actor !== own?.actor && one.value !== own?.value);
    const apart = others.filter((one) => !shared.merge(one, most));
    const merged = others.filter((one) => !apart.includes(one)).map((one) => one.value);
    if (input.value !== shared.value) {
      const [from, to] = places();
      this.#replace(shared.value, from, to);
    }
    this.#merged = [...new Set([...this.#merged, ...merged])];
    if (own && merged.length) this.#keep(this.#typedText);
    return apart;
  }

  #draw() {
    const mine = this.#conflict ? this.#conflict.mine : this.#typedText;
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
    this.place.replaceChildren(
      choice(
        title,
        mine,
        theirs,
        (value) => this.#choose(value, theirs),
        () => this.#typedText,
      ),
    );
  }

  /**
   * @param {string} value the one of the two that shall be
   * @param {string} theirs
   */
  async #choose(value, theirs) {
    clearTimeout(this.#timer);
    const wrong = this.options.trouble(value);
    tellField(this.input, this.error, wrong);
    if (wrong) return this.input.focus();
    const seen = [this.#base, theirs, ...this.#merged];
    if (this.#shared && this.#shared.value !== value) this.#shared = SharedText.of(this.#written(value));
    this.#clear();
    this.#touched = false;
    this.#write(value);
    this.input.focus();
    await this.#keep(value, seen);
  }

  #clear() {
    this.#theirs = this.#conflict = null;
    this.#isBeside = false;
    this.#draw();
  }

  /** @param {string} value put into the field; the caret stays beside the characters that it was beside */
  #write(value) {
    const { input } = this;
    if (input.value === value) return;
    const { start, removed, added } = changeOf(input.value, value);
    const moved = (/** @type {number|null} */ at) =>
      (at ?? 0) <= start ? (at ?? 0) : Math.max(start, (at ?? 0) - removed) + added.length;
    this.#replace(value, moved(input.selectionStart), moved(input.selectionEnd));
    tellField(input, this.error, "");
  }

  /** @param {string} value @param {number} from @param {number} to what is selected then, where the field has the focus */
  #replace(value, from, to) {
    this.input.value = value;
    if (document.activeElement === this.input) this.input.setSelectionRange(from, to);
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
