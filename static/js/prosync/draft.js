// Unsent drafts of Pro segments. Their texts are stored in localStorage, and their files in IndexedDB.

import { makeIdempotencyKey } from "../base/api.js";
import { DraftFiles } from "../base/draft-files.js";
import { Drafts } from "../base/drafts.js";
import { requestTabLock } from "../base/tab-lock.js";

/** @typedef {import("./segments.js").Segment} Segment */
/**
 * A draft. `video` and the file of a sound are null if the user has not chosen them, or this browser has not stored them.
 * @typedef {object} Content
 * @property {string} title
 * @property {File|null} video
 * @property {{id: number, name: string, file: File|null}[]} sounds
 * @property {Segment[]} segments
 * @property {{sync_mode: string, mouths: boolean, remove_text: any}} options
 */

export class Draft {
  #drafts = new Drafts(document.body.dataset.userId ?? "", "pro");
  #files = new DraftFiles("vod-pro");
  #key = "";
  /** Ids of the stored files. @type {Map<File, string>} */ #ids = new Map();
  #writing = 0;
  #areFilesKept = true;

  /** @param {() => void} onStored Runs when files have been stored, or could not be stored. */
  constructor(onStored) {
    this.onStored = onStored;
  }

  /** True if this browser has drafts, including those of other tabs. */
  get isAny() {
    return this.#drafts.all.length > 0;
  }

  /** @returns {"saving"|"saved"|"failed"} */
  get state() {
    if (!this.#areFilesKept) return "failed";
    return this.#writing ? "saving" : "saved";
  }

  /** Open the newest draft that is not open in another tab. @returns {Promise<Content|null>} */
  async open() {
    for (const [key, { value }] of this.#drafts.all) {
      if (!(await this.#lock(key))) continue;
      this.#key = key;
      return this.#read(value);
    }
    return null;
  }

  /** Store a draft, and delete its files that are no longer used. @param {Content} content */
  save({ video, sounds, ...rest }) {
    if (!video && !sounds.length && !rest.segments.length) return this.delete();
    if (!this.#key) {
      this.#key = makeIdempotencyKey();
      this.#lock(this.#key); // keeps other tabs from opening this draft
    }
    const used = [video, ...sounds.map(({ file }) => file)].filter((file) => file !== null);
    const added = used.filter((file) => !this.#ids.has(file));
    for (const file of added) this.#ids.set(file, makeIdempotencyKey());
    const getId = (/** @type {File|null} */ file) => file && this.#ids.get(file);
    const value = {
      ...rest,
      text: [rest.title, ...rest.segments.map(({ label }) => label)].filter(Boolean).join("\n"),
      video: getId(video),
      sounds: sounds.map(({ id, name, file }) => ({ id, name, file: getId(file) })),
    };
    if (JSON.stringify(value) !== JSON.stringify(this.#drafts.get(this.#key))) this.#drafts.set(this.#key, value);
    for (const file of added) this.#write(file);
    for (const file of [...this.#ids.keys()]) if (!used.includes(file)) this.#forget(file);
  }

  delete() {
    if (!this.#key) return;
    this.#drafts.set(this.#key, undefined);
    this.#key = "";
    for (const file of [...this.#ids.keys()]) this.#forget(file);
    this.#areFilesKept = true;
  }

  /** @param {string} key */
  #lock(key) {
    return requestTabLock(`vod-pro/${key}`, () => {}, false);
  }

  /** @param {any} value @returns {Promise<Content>} */
  async #read({ title, video, sounds, segments, options }) {
    const ids = this.#drafts.all.flatMap(([, { value: one }]) => [one.video, ...one.sounds.map(getFileId)]);
    this.#files.deleteAll("", new Set(ids));
    const read = async (/** @type {string|null} */ id) => {
      /** @type {File|null} */ const file = (id && (await this.#files.read(id))) ?? null;
      if (file) this.#ids.set(file, /** @type {string} */ (id));
      return file;
    };
    const files = await Promise.all([video, ...sounds.map(getFileId)].map(read));
    const restored = sounds.map((/** @type {any} */ sound, /** @type {number} */ at) => ({
      ...sound,
      file: files[at + 1],
    }));
    return { title, video: files[0], sounds: restored, segments, options };
  }

  /** @param {File} file */
  async #write(file) {
    const id = this.#ids.get(file);
    if (!id) return;
    this.#writing += 1;
    const isKept = await this.#files.write(id, file);
    this.#writing -= 1;
    if (!isKept) this.#areFilesKept = false;
    if (this.#ids.get(file) !== id) this.#files.write(id, undefined); // removed during the write
    this.onStored();
  }

  /** @param {File} file */
  #forget(file) {
    const id = this.#ids.get(file);
    this.#ids.delete(file);
    if (id) this.#files.write(id, undefined);
  }
}

/** @param {{file: string|null}} sound */
const getFileId = ({ file }) => file;
