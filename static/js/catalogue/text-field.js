// A text field of a video that several people edit. Typed text is saved after each pause. If two people change a title
// or category at the same time, a person chooses one text; descriptions are merged character by character.

import { requireElement } from "../base/dom.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { showFieldError } from "./reason-dialogs.js";
import { SharedText, findEdit } from "./shared-text.js";

const PAUSE = 400; // ms without a key press after which typed text is saved

/** @typedef {import("./crdt.js").Write} Write */
/**
 * @typedef {object} FieldOptions Options of a text field.
 * @property {string} label The field's name in messages, such as "the title".
 * @property {(text: string) => string} clean
 * @property {(value: string) => string} trouble Returns the error message for a text; empty if valid.
 * @property {(value: string, about: {seen: string[], state?: string}) => Promise<void>} keep Saves a text as an
 *   operation of the sync client.
 * @property {() => void} typed Runs each time the user has changed the text.
 * @property {() => Write[]} writes Returns the field's concurrent writes, the displayed write first.
 * @property {() => string} actor Returns the actor id of this page's writes.
 * @property {boolean} [isShared] True if concurrent texts are merged character by character.
 */

export class TypedField {
  #drawNote;
  #timer = 0;
  #touched = false; // whether the user has typed since focusing the field
  #composes = false; // whether an input method is composing text; meanwhile, the page must not change the field
  #base; // the field's last loaded or saved value
  #shown; // the field's value in the sync client, merged from all writers
  /** Another person's value that arrived during typing. @type {string|null} */ #theirs = null;
  // True if this user's text is already saved, but the user must still choose between it and `#theirs`.
  #isBeside = false;
  /** @type {{mine: string, theirs: string}|null} */ #conflict = null;
  /** @type {SharedText|null} */ #shared = null;
  /** Other people's values merged into this text since this page's last save. @type {string[]} */ #merged = [];

  /** @param {HTMLInputElement|HTMLTextAreaElement} input @param {string} value @param {FieldOptions} options */
  constructor(input, value, options) {
    this.input = input;
    this.#base = this.#shown = value;
    this.options = options;
    if (options.isShared) this.#shared = SharedText.of({ value });
    this.error = requireElement(`#${input.id}-error`);
    /** @type {HTMLElement} */ const place = requireElement(`[data-conflict="${input.name}"]`);
    this.#drawNote = mount(place);
    if (input.value !== value) input.value = value;
    input.addEventListener("input", () => this.#typed());
    input.addEventListener("compositionstart", () => (this.#composes = true));
    input.addEventListener("compositionend", () => {
      this.#composes = false;
      this.show(this.#shown, false);
    });
    // Do not save if the focus moves into the conflict note, where the user chooses a value.
    input.onblur = ({ relatedTarget }) => !place.contains(/** @type {Node|null} */ (relatedTarget)) && this.#left();
  }

  get #typedText() {
    return this.options.clean(this.input.value);
  }

  get #isKept() {
    return this.#typedText === this.#base;
  }

  /** Return whether the page waits for a pause in typing before it saves the field. */
  get isUnsaved() {
    return this.#touched && !this.#isKept && !this.options.trouble(this.#typedText);
  }

  #typed() {
    this.#touched = true;
    // Record each key press as its own edit. A single edit for two distant changes would replace all text between them.
    this.#shared?.write(this.#typedText);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.flush(), PAUSE);
    if (this.#theirs !== null && !this.#conflict) this.#draw();
    this.options.typed();
    // Errors appear only after a pause in typing, but disappear as soon as the text is valid.
    if (!this.options.trouble(this.#typedText)) showFieldError(this.input, this.error, "");
  }

  async flush() {
    clearTimeout(this.#timer);
    if (!this.#touched) return;
    const typed = this.#typedText;
    const wrong = this.options.trouble(typed);
    showFieldError(this.input, this.error, wrong);
    if (!wrong && typed !== this.#base) await this.#keep(typed);
  }

  /** @param {string} value @param {string[]} [seen] */
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

  /** @param {string} value @param {boolean} isLocal */
  show(value, isLocal) {
    this.#shown = this.options.clean(value);
    if (isLocal || this.#composes) return;
    if (this.#shared) {
      const [apart] = this.#merge();
      if (!apart) return this.#clear();
      // If this page has written the field, the sync client reports the conflict, so do not report it here.
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

  /** @param {string} theirs */
  #tellTheirs(theirs) {
    this.#theirs = theirs;
    this.#draw();
  }

  /** @param {{mine: string, theirs: string}} conflict */
  conflict(conflict) {
    if (this.#composes) return;
    if (this.#shared) {
      const [apart] = this.#merge();
      if (!apart) return this.#clear();
      conflict = { mine: conflict.mine, theirs: apart.value };
    }
    this.#theirs = null;
    this.#isBeside = false;
    // Until the user chooses one of the two conflicting texts, show the user's own text.
    if (this.#isKept) {
      this.#base = conflict.mine;
      this.#write(conflict.mine);
    }
    this.#conflict = conflict;
    this.#draw();
  }

  settled() {
    if (!this.#conflict && !this.#isBeside) return;
    const isKept = this.#isKept;
    this.#clear();
    if (isKept) this.#take(this.#shown);
    else this.#tellTheirs(this.#shown);
  }

  /** @param {string} value */
  #take(value) {
    this.#base = value;
    this.#merged = [];
    if (this.#shared) this.#shared = SharedText.of(this.#written(value));
    this.#write(value);
  }

  /** @param {string} value @returns {import("./shared-text.js").Written} */
  #written(value) {
    const same = this.options.writes().filter((one) => one.value === value);
    return same.find((one) => one.state) ?? { value };
  }

  /** Merge all writes into the shared text; return the writes that cannot be merged. @returns {Write[]} */
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
    const { mine, theirs } = this.#conflict ?? { mine: this.#typedText, theirs: this.#theirs };
    if (theirs === null) return this.#drawNote(null);
    const when = this.#conflict ? "at the same time" : "while you were typing";
    const title = `Another person changed ${this.options.label} ${when}. Choose which text to keep.`;
    const choose = (/** @type {boolean} */ isMine) => this.#choose(isMine ? this.#typedText : theirs, theirs);
    this.#drawNote(choiceView(title, mine, theirs, choose));
  }

  /** @param {string} value @param {string} theirs */
  async #choose(value, theirs) {
    clearTimeout(this.#timer);
    const wrong = this.options.trouble(value);
    showFieldError(this.input, this.error, wrong);
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

  /** Set the field's text, and keep the selection. @param {string} value */
  #write(value) {
    const { input } = this;
    if (input.value === value) return;
    const { start, removed, added } = findEdit(input.value, value);
    const moved = (/** @type {number|null} */ at) =>
      (at ?? 0) <= start ? (at ?? 0) : Math.max(start, (at ?? 0) - removed) + added.length;
    this.#replace(value, moved(input.selectionStart), moved(input.selectionEnd));
    showFieldError(input, this.error, "");
  }

  /** @param {string} value @param {number} from @param {number} to */
  #replace(value, from, to) {
    this.input.value = value;
    if (document.activeElement === this.input) this.input.setSelectionRange(from, to);
  }
}

/**
 * Return a note in which the user chooses between two values.
 * @param {string} title
 * @param {string} mine
 * @param {string} theirs
 * @param {(isMine: boolean) => void} choose
 */
export const choiceView = (title, mine, theirs, choose) =>
  // If the question or the other person's value changes, replace the buttons: the user may be pressing one of them.
  repeat(
    [`${title} ${theirs}`],
    (key) => key,
    () => html`
      <div class="note warn both" role="group" aria-label=${title}>
        ${iconView("compare")}
        <div class="spacer col">
          <b role="alert">${title}</b>
          <dl>
            <div>
              <dt class="cap">Yours</dt>
              <dd class="anywhere" dir="auto" data-mine>${mine || "(empty)"}</dd>
              <dd><button class="btn" type="button" @click=${() => choose(true)}>Keep yours</button></dd>
            </div>
            <div>
              <dt class="cap">Theirs</dt>
              <dd class="anywhere" dir="auto" data-theirs>${theirs || "(empty)"}</dd>
              <dd><button class="btn" type="button" @click=${() => choose(false)}>Keep theirs</button></dd>
            </div>
          </dl>
        </div>
      </div>`,
  );
