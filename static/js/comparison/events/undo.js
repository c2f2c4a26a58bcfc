// Undo and redo of the user's own edits.

const KEPT = 100;

/**
 * @typedef {object} Edit
 * @property {string} label description, such as “moved Kill”
 * @property {() => Promise<unknown>} undo
 * @property {() => Promise<unknown>} redo
 */

export class Edits extends EventTarget {
  /** @type {Edit[]} */ #done = [];
  /** @type {Edit[]} */ #undone = [];
  /** Serialises edits: two presses undo two edits. @type {Promise<unknown>} */ #turn = Promise.resolve();

  /** Descriptions of the next undo and redo. @returns {{undo: string|null, redo: string|null}} */
  get labels() {
    return { undo: this.#done.at(-1)?.label ?? null, redo: this.#undone.at(-1)?.label ?? null };
  }

  /** Record a finished edit. @param {Edit} edit */
  add(edit) {
    this.#done.push(edit);
    if (this.#done.length > KEPT) this.#done.shift();
    this.#undone = [];
    this.#changed();
  }

  /** @returns {Promise<string|null>} description of the undone edit */
  undo() {
    return this.inTurn(() => this.#move("undo"));
  }

  /** @returns {Promise<string|null>} description of the redone edit */
  redo() {
    return this.inTurn(() => this.#move("redo"));
  }

  /**
   * Run edits in sequence, so that undo reverts the latest one.
   * @template T
   * @param {() => Promise<T>} move
   * @returns {Promise<T>}
   */
  inTurn(move) {
    const next = this.#turn.then(move);
    this.#turn = next.catch(() => {});
    return next;
  }

  /**
   * @param {"undo"|"redo"} way
   * @throws the edit's error; the edit is dropped, because its event has changed, unless a retry may succeed
   */
  async #move(way) {
    const from = way === "undo" ? this.#done : this.#undone;
    const edit = from.pop();
    if (!edit) return null;
    try {
      await edit[way]();
      (way === "undo" ? this.#undone : this.#done).push(edit);
      return edit.label;
    } catch (error) {
      if (isPassing(error)) from.push(edit);
      throw error;
    } finally {
      this.#changed();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {unknown} error @returns {boolean} whether a retry may succeed */
function isPassing(error) {
  const status = /** @type {{status?: number}} */ (error).status ?? 400;
  return status === 0 || status === 429 || status >= 500;
}
