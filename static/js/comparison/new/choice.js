// What is chosen for a comparison, in the order A, B, C: videos of the library and the catalogue, files of folders,
// and files that are still on their way into the library.

import { LETTERS } from "../../videos/api.js";

/**
 * @typedef {import("../../videos/api.js").Video} Video
 * @typedef {import("../../uploads/transfer.js").Transfer} Transfer
 * @typedef {{path: string, name: string, size: number}} FolderFile
 */

const FEWEST = 2;
export const MOST = LETTERS.length;

/** One recording: a video, a file of a folder, or a transfer that becomes a video. */
export class Recording {
  static #uploads = 0;
  #id;

  /** @param {{video?: Video, file?: FolderFile, transfer?: Transfer}} source one of them */
  constructor({ video, file, transfer }) {
    this.video = video ?? null;
    this.file = file ?? null;
    this.transfer = transfer ?? null;
    this.#id = transfer ? `upload-${++Recording.#uploads}` : "";
  }

  /** What it is in the lists: the video's id, or the file's path. */
  get key() {
    return this.video?.id ?? this.file?.path ?? this.#id;
  }

  get name() {
    return this.video?.title ?? this.file?.path.split("/").pop() ?? this.transfer?.name ?? "";
  }

  /** Whether a comparison can be made of it now. */
  get isReady() {
    return this.file !== null || this.video?.status === "ready";
  }

  /** Why nothing will come of it; empty while something may. */
  get failure() {
    if (this.video?.status === "failed") return this.video.error?.message || "It could not be read.";
    const { transfer } = this;
    return transfer?.state === "refused" || transfer?.state === "failed"
      ? [transfer.error?.title, transfer.error?.text].filter(Boolean).join(". ")
      : "";
  }

  /** How a program is asked for it, as one of a new session's VODs. @param {string} letter */
  asVod(letter) {
    const source = this.video ? { video_id: this.video.id } : { path: this.file?.path };
    return { vod_id: letter, name: this.name.slice(0, 255), ...source };
  }
}

/** Tells "change" whenever another recording is chosen, one is left out, or their order is another. */
export class Choice extends EventTarget {
  /** @type {Recording[]} */ recordings = [];

  get isFull() {
    return this.recordings.length >= MOST;
  }

  get isEnough() {
    return this.recordings.length >= FEWEST;
  }

  /** Those that are not here yet. */
  get awaited() {
    return this.recordings.filter((one) => !one.isReady);
  }

  /** @param {string} key @returns {string} empty where it is not chosen */
  letterOf(key) {
    return LETTERS[this.recordings.findIndex((one) => one.key === key)] ?? "";
  }

  /** @param {Recording} recording @returns {boolean} whether there was room */
  add(recording) {
    if (this.isFull || this.letterOf(recording.key)) return false;
    this.#set([...this.recordings, recording]);
    return true;
  }

  /** @param {string} key */
  remove(key) {
    this.#set(this.recordings.filter((one) => one.key !== key));
  }

  /** @param {string} key @param {number} to its new place, from 0 */
  move(key, to) {
    const moved = this.recordings.find((one) => one.key === key);
    if (!moved || to < 0 || to >= this.recordings.length || this.recordings[to] === moved) return;
    const others = this.recordings.filter((one) => one !== moved);
    this.#set([...others.slice(0, to), moved, ...others.slice(to)]);
  }

  /** @param {Video} video as it is now */
  renew(video) {
    const recording = this.recordings.find((one) => one.key === video.id);
    if (!recording) return;
    recording.video = video;
    this.touch();
  }

  /** Something of what is chosen is another, such as that an upload has become a video. */
  touch() {
    this.#set(this.recordings);
  }

  /** @param {Recording[]} recordings */
  #set(recordings) {
    this.recordings = recordings;
    this.dispatchEvent(new Event("change"));
  }
}
