// The recordings selected for a new comparison, in the order A, B, C.

import { LETTERS } from "../../videos/api.js";

/**
 * @typedef {import("../../videos/api.js").Video} Video
 * @typedef {import("../../uploads/transfer.js").Transfer} Transfer
 * @typedef {{path: string, name: string, size: number}} FolderFile
 */

const FEWEST = 2;
export const MOST = LETTERS.length;

/** A recording to compare: a video, a file of a folder, or an upload that becomes a video. */
export class Recording {
  static #uploads = 0;
  #id;

  /** @param {{video?: Video, file?: FolderFile, transfer?: Transfer}} source */
  constructor({ video, file, transfer }) {
    this.video = video ?? null;
    this.file = file ?? null;
    this.transfer = transfer ?? null;
    this.#id = transfer ? `upload-${++Recording.#uploads}` : "";
  }

  /** Key of the recording: the video's id, the file's path, or `upload-` and a number. */
  get key() {
    return this.video?.id ?? this.file?.path ?? this.#id;
  }

  get name() {
    return this.video?.title ?? this.file?.path.split("/").pop() ?? this.transfer?.name ?? "";
  }

  get isReady() {
    return this.file !== null || this.video?.status === "ready";
  }

  /** Reason why the recording cannot be used; empty if it can. */
  get failure() {
    if (this.video?.status === "failed") return this.video.error?.message || "The video could not be read.";
    const { transfer } = this;
    return transfer?.state === "refused" || transfer?.state === "failed"
      ? [transfer.error?.title, transfer.error?.text].filter(Boolean).join(". ")
      : "";
  }

  /** @param {string} letter */
  asVod(letter) {
    const source = this.video ? { video_id: this.video.id } : { path: this.file?.path };
    return { vod_id: letter, name: this.name.slice(0, 255), ...source };
  }
}

/** The chosen recordings. Fires "change" when the choice, its order or a recording's state changes. */
export class Choice extends EventTarget {
  /** @type {Recording[]} */ recordings = [];

  get isFull() {
    return this.recordings.length >= MOST;
  }

  get isEnough() {
    return this.recordings.length >= FEWEST;
  }

  get awaited() {
    return this.recordings.filter((one) => !one.isReady);
  }

  /** Return a recording's letter; empty if the recording is not chosen. @param {string} key @returns {string} */
  letterOf(key) {
    return LETTERS[this.recordings.findIndex((one) => one.key === key)] ?? "";
  }

  /** @param {Recording} recording @returns {boolean} */
  add(recording) {
    if (this.isFull || this.letterOf(recording.key)) return false;
    this.#set([...this.recordings, recording]);
    return true;
  }

  /** @param {string} key */
  remove(key) {
    this.#set(this.recordings.filter((one) => one.key !== key));
  }

  /** @param {string} key @param {number} to New index. */
  move(key, to) {
    const moved = this.recordings.find((one) => one.key === key);
    if (!moved || to < 0 || to >= this.recordings.length || this.recordings[to] === moved) return;
    const others = this.recordings.filter((one) => one !== moved);
    this.#set([...others.slice(0, to), moved, ...others.slice(to)]);
  }

  /** @param {Video} video */
  renew(video) {
    const recording = this.recordings.find((one) => one.key === video.id);
    if (!recording) return;
    recording.video = video;
    this.touch();
  }

  touch() {
    this.#set(this.recordings);
  }

  /** @param {Recording[]} recordings */
  #set(recordings) {
    this.recordings = recordings;
    this.dispatchEvent(new Event("change"));
  }
}
