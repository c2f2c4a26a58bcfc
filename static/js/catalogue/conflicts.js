// What two have written or done, neither having seen the other's: of fields told by the document alone, of tags by the
// moment in which it was noticed, kept for as long as the tab. Knows no page.

import { compareKeys, Document } from "./crdt.js";

/**
 * @typedef {{mine: any, theirs: any}} Conflict two values of one field
 * @typedef {{tag: string, did: "added"|"removed"}} TagDeed
 */

/**
 * The fields that a user and somebody else have written and between which nobody has chosen.
 * @param {string} document as the client tells it
 * @param {string} user id
 * @param {string} actor the user's replica here; another of the user's own is asked about like anybody else's
 * @returns {Map<string, Conflict>} by the field's name
 */
export function openConflicts(document, user, actor) {
  /** @type {Map<string, Conflict>} */ const found = new Map();
  for (const [field, { writes }] of Document.parse(document).registers) {
    const all = [...writes]
      .map(([writer, write]) => ({ ...write, actor: writer }))
      .sort((one, other) => compareKeys(other, one));
    const mine = all.find((write) => write.actor === actor) ?? all.find((write) => write.actor.split(":")[0] === user);
    const theirs = all.find((write) => write !== mine);
    if (mine && theirs && mine.value !== theirs.value) found.set(field, { mine: mine.value, theirs: theirs.value });
  }
  return found;
}

/** Tags that one added and another removed: what this user did, until it is chosen. */
export class TagConflicts {
  /** @type {Map<string, TagDeed>} */ #deeds = new Map();
  #key;

  /** @param {string} name of the user and the video */
  constructor(name) {
    this.#key = `vod-tag-conflicts/${name}`;
    for (const deed of this.#kept()) this.#deeds.set(deed.tag, deed);
  }

  get all() {
    return [...this.#deeds.values()];
  }

  /** @param {TagDeed} deed */
  add(deed) {
    this.#deeds.set(deed.tag, deed);
    this.#keep();
  }

  /** @param {string} tag */
  drop(tag) {
    this.#deeds.delete(tag);
    this.#keep();
  }

  /** @returns {TagDeed[]} */
  #kept() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
    } catch {
      return []; // A browser that keeps nothing asks until the page is loaded again.
    }
  }

  #keep() {
    try {
      if (this.#deeds.size) sessionStorage.setItem(this.#key, JSON.stringify(this.all));
      else sessionStorage.removeItem(this.#key);
    } catch {
      // The same.
    }
  }
}
