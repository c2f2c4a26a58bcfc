// A person's own edits, to take back and to do again. Knows nothing of events.

const KEPT = 100;

/**
 * @typedef {object} Edit
 * @property {string} label what was done, as in “moved Kill”
 * @property {() => Promise<unknown>} undo
 * @property {() => Promise<unknown>} redo
 */

export class Edits extends EventTarget {
  /** @type {Edit[]} */ #done = [];
  /** @type {Edit[]} */ #undone = [];
  /** One after the other: pressed twice, two are taken back. @type {Promise<unknown>} */ #turn = Promise.resolve();

  /** What would be taken back, and what done again. @returns {{undo: string|null, redo: string|null}} */
  get labels() {
    return { undo: this.#done.at(-1)?.label ?? null, redo: this.#undone.at(-1)?.label ?? null };
  }

  /** Something has been done. @param {Edit} edit */
  add(edit) {
    this.#done.push(edit);
    if (this.#done.length > KEPT) this.#done.shift();
    this.#undone = [];
    this.#changed();
  }

  /** @returns {Promise<string|null>} what was taken back */
  undo() {
    return this.inTurn(() => this.#move("undo"));
  }

  /** @returns {Promise<string|null>} what was done again */
  redo() {
    return this.inTurn(() => this.#move("redo"));
  }

  /**
   * Edits are made, taken back and made again one after the other: what is taken back is the last that was begun.
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
   * @throws what the edit throws; it is gone then, for what it was about has changed, unless the server was not reached
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

/** @param {unknown} error @returns {boolean} whether the same may go well in a while */
function isPassing(error) {
  const status = /** @type {{status?: number}} */ (error).status ?? 400;
  return status === 0 || status === 429 || status >= 500;
}
