// A text that several people edit at once, merged with Yjs. The state of a text contains a hash of the initial text,
// and all edits since then. Only states with the same initial text can be merged.

import {
  Doc,
  applyUpdate,
  createAbsolutePositionFromRelativePosition,
  createRelativePositionFromTypeIndex,
  encodeStateAsUpdate,
} from "../../vendor/yjs/yjs.min.js";

const NAME = "text";
const MOST = 100_000; // maximum number of characters in a serialized state; longer states lose their edit history

/** @typedef {{value: string, state?: string}} Written */

export class SharedText {
  #doc;
  #root;

  /** @param {Doc} doc @param {number} root */
  constructor(doc, root) {
    this.#doc = doc;
    this.#root = root;
  }

  /**
   * Restore a text from its state. If the state is missing or does not match the value, start a new text with the value.
   * @param {Written} written
   */
  static of(written) {
    return SharedText.#read(written) ?? SharedText.#begin(written.value);
  }

  /** Create a text. Its first state is equal in all browsers, so that edits can be merged. @param {string} value */
  static #begin(value) {
    const root = hashText(value);
    const doc = new Doc();
    const own = doc.clientID;
    doc.clientID = root;
    doc.getText(NAME).insert(0, value);
    doc.clientID = own;
    return new SharedText(doc, root);
  }

  /** @param {Written} written @returns {SharedText|null} */
  static #read({ value, state }) {
    const [root, update] = (state ?? "").split(".");
    if (!update) return null;
    const doc = new Doc();
    try {
      applyUpdate(doc, parseBase64(update));
    } catch {
      return null;
    }
    return doc.getText(NAME).toString() === value ? new SharedText(doc, Number(root)) : null;
  }

  get value() {
    return this.#text.toString();
  }

  get #text() {
    return this.#doc.getText(NAME);
  }

  /** The serialized state for merging. If the state is too long, the edit history is dropped. */
  get state() {
    let state = this.#encoded();
    if (state.length > MOST) {
      const fresh = SharedText.#begin(this.value);
      [this.#doc, this.#root] = [fresh.#doc, fresh.#root];
      state = this.#encoded();
    }
    return state;
  }

  #encoded() {
    return `${this.#root}.${toBase64(encodeStateAsUpdate(this.#doc))}`;
  }

  /** Change the text to a value by a single edit. @param {string} value */
  write(value) {
    const before = this.value;
    if (value === before) return;
    const { start, removed, added } = findEdit(before, value);
    this.#doc.transact(() => {
      if (removed) this.#text.delete(start, removed);
      if (added) this.#text.insert(start, added);
    });
  }

  /**
   * Merge another person's text; return whether that was possible.
   * @param {Written} written
   * @param {number} most
   * @returns {boolean}
   */
  merge(written, most = Infinity) {
    if (written.value === this.value) return true;
    // Only texts with the same initial text can be merged. If the other person's text has no valid edit history
    // (`state`), its current value counts as its initial text.
    const other = SharedText.of(written);
    if (other.#root !== this.#root) return false;
    const merged = new Doc();
    for (const doc of [this.#doc, other.#doc]) applyUpdate(merged, encodeStateAsUpdate(doc));
    if (merged.getText(NAME).length > most) return false;
    applyUpdate(this.#doc, encodeStateAsUpdate(other.#doc));
    return true;
  }

  /**
   * Track positions in the text across later edits. Return a function that returns the current positions.
   * @param {...number} places
   * @returns {() => number[]}
   */
  hold(...places) {
    const held = places.map((at) => createRelativePositionFromTypeIndex(this.#text, at, -1));
    return () => held.map((one) => createAbsolutePositionFromRelativePosition(one, this.#doc)?.index ?? 0);
  }
}

/**
 * Return the edit that turns one text into another, without splitting surrogate pairs.
 * @param {string} before
 * @param {string} after
 */
export function findEdit(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  if (start > 0 && isHighSurrogate(before.charCodeAt(start - 1))) start -= 1;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  if (end > 0 && isLowSurrogate(before.charCodeAt(before.length - end))) end -= 1;
  return { start, removed: before.length - start - end, added: after.slice(start, after.length - end) };
}

const isHighSurrogate = (/** @type {number} */ unit) => unit >= 0xd800 && unit < 0xdc00;
const isLowSurrogate = (/** @type {number} */ unit) => unit >= 0xdc00 && unit < 0xe000;

/** Return a 53-bit hash of a text, by bryc's algorithm cyrb53. @param {string} text */
export function hashText(text) {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 2654435761);
    other = Math.imul(other ^ unit, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return 4294967296 * (2097151 & other) + (one >>> 0);
}

/** @param {string} text @returns {Uint8Array} */
const parseBase64 = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (const one of bytes) text += String.fromCharCode(one);
  return btoa(text);
}
