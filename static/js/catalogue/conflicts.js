// Unresolved conflicts of concurrent edits. Conflicts of tags are stored in sessionStorage; conflicts of other fields
// are found in the document.

import { compareKeys, Document } from "./crdt.js";

/**
 * @typedef {{mine: any, theirs: any}} Conflict
 * @typedef {{tag: string, did: "added"|"removed"}} TagDeed
 */

/**
 * Return the fields in which a user's value conflicts with another person's. The user's other open pages count as
 * other people.
 * @param {string} document
 * @param {string} user
 * @param {string} actor
 * @returns {Map<string, Conflict>}
 */
export function findOpenConflicts(document, user, actor) {
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

/** Unresolved conflicts in which one person added a tag and another removed it. */
export class TagConflicts {
  /** @type {Map<string, TagDeed>} */ #deeds = new Map();
  #key;

  /** @param {string} name */
  constructor(name) {
    this.#key = `vod-tag-conflicts/${name}`;
    try {
      /** @type {TagDeed[]} */ const kept = JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
      for (const deed of kept) this.#deeds.set(deed.tag, deed);
    } catch {}
  }

  get all() {
    return [...this.#deeds.values()];
  }

  /** @param {TagDeed} deed */
  add(deed) {
    this.#deeds.delete(deed.tag);
    this.#deeds.set(deed.tag, deed);
    this.#keep();
  }

  /** @param {string} tag */
  drop(tag) {
    this.#deeds.delete(tag);
    this.#keep();
  }

  #keep() {
    try {
      if (this.#deeds.size) sessionStorage.setItem(this.#key, JSON.stringify(this.all));
      else sessionStorage.removeItem(this.#key);
    } catch {}
  }
}
