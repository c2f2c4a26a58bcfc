// The draft of a challenge, saved in this browser after every change. Only the finished challenge tells the server
// which statement is the lie.

import { makeIdempotencyKey } from "../../base/api.js";
import { DraftFiles } from "../../base/draft-files.js";
import { Drafts } from "../../base/drafts.js";

/**
 * @typedef {object} Clip A statement's video.
 * @property {string} id
 * @property {string} name
 * @property {string} type
 * @property {number} size Size in bytes.
 * @property {number} duration Duration in seconds; 0 if unknown.
 * @property {boolean} plays True if this browser can play the clip.
 * @property {boolean} isRecorded True if the clip was recorded on this page, so that no other copy exists.
 * @property {Blob|null} blob The clip's content; null if this browser has not stored it.
 *
 * @typedef {{id: string, text: string, clip: Clip|null, problem: string}} Statement A statement of a challenge;
 *   `problem` is the error message about its clip.
 * @typedef {{key: string, body: any}} Asked A request and its idempotency key.
 */

const DRAFT = "draft"; // key of the draft; the keys of its clips begin with `CLIP`
const CLIP = "clip/";
const stored = new DraftFiles("vod-challenges");
const typed = new Drafts(document.body.dataset.userId ?? "", "challenge");
const FIRST_STATEMENTS = 3;
const GUESSED_RATE = 625_000; // assumed bytes per second, from which a clip's unknown duration is estimated
const newId = makeIdempotencyKey;

export class Draft {
  title = "";
  level = false;
  /** @type {Statement[]} */ statements = [];
  /** Id of the statement that is the lie; empty until the user has chosen it. */ lie = "";
  /** Request that started the merge. @type {Asked|null} */ begun = null;
  mergeId = "";
  /** Ids of uploads whose speed was reported to the server. @type {string[]} */ told = [];
  /** Request that created the challenge. @type {Asked|null} */ made = null;
  challengeId = "";
  /** JSON of the challenge's fields as last saved on the server. */ savedAs = "";
  /** False if the browser could not store the draft, so that a reload would lose it. */ isKept = true;
  /** False if saving would overwrite another draft in this browser. */ mayKeep = true;
  /** True if the draft was deleted in this browser, so that it may be stored again. */ #isForgotten = false;

  /** @param {number} [count] Initial number of statements. */
  constructor(count = FIRST_STATEMENTS) {
    for (let n = 0; n < count; n += 1) this.add();
  }

  /** @returns {Promise<Draft|null>} */
  static async load() {
    const kept = await stored.read(DRAFT);
    if (!kept) return null;
    const { statements, ...fields } = kept;
    const draft = new Draft(0);
    Object.assign(draft, fields);
    for (const { clip, problem, ...rest } of statements) {
      const blob = clip && (await stored.read(CLIP + clip.id));
      const lost = clip && !blob ? `The clip “${clip.name}” is not stored in this browser. Choose it again.` : "";
      const known = clip && (blob || draft.mergeId) ? { ...clip, blob: blob ?? null } : null;
      draft.statements.push({ ...rest, problem: problem || lost, clip: known });
    }
    // A page that closed too early may have left clips that no draft uses.
    await stored.deleteAll(CLIP, new Set(draft.clips.map((clip) => clip.id)));
    return draft;
  }

  /** @returns {Clip[]} */
  get clips() {
    return this.statements.flatMap(({ clip }) => clip ?? []);
  }
  get isEmpty() {
    return !this.title && !this.mergeId && this.statements.every(({ text, clip }) => !text && !clip);
  }
  get duration() {
    return this.clips.reduce((sum, clip) => sum + clip.duration, 0);
  }
  get size() {
    return this.clips.reduce((sum, clip) => sum + clip.size, 0);
  }

  /** Index of the statement that is the lie; -1 until the user has chosen it. */
  get lieIndex() {
    return this.statements.findIndex(({ id }) => id === this.lie);
  }

  add() {
    /** @type {Statement} */ const statement = { id: newId(), text: "", clip: null, problem: "" };
    this.statements.push(statement);
    return statement;
  }

  /** @param {Statement} statement */
  remove(statement) {
    this.statements = this.statements.filter((one) => one !== statement);
    if (this.lie === statement.id) this.lie = "";
    this.#saveAndDrop(statement.clip);
  }

  /** @param {Clip|null} clip */
  async #saveAndDrop(clip) {
    // Save first, so that no stored draft refers to a deleted clip.
    await this.saveNow();
    if (clip) await stored.write(CLIP + clip.id, undefined);
  }

  /** @param {Statement} statement @param {-1|1} by */
  move(statement, by) {
    const at = this.statements.indexOf(statement);
    this.statements.splice(at, 1);
    this.statements.splice(at + by, 0, statement);
    this.saveNow();
  }

  /** @param {Statement} statement @param {Omit<Clip, "id">} about */
  async setClip(statement, about) {
    const before = statement.clip;
    const clip = { ...about, id: newId() };
    Object.assign(statement, { clip, problem: "" });
    if (this.mayKeep && clip.blob && !(await stored.write(CLIP + clip.id, clip.blob))) this.isKept = false;
    await this.#saveAndDrop(before);
  }

  async saveNow() {
    if (!this.mayKeep) return;
    typed.set("texts", this.#describe() || undefined);
    const { title, level, lie, begun, mergeId, told, made, challengeId, savedAs } = this;
    const statements = this.statements.map(({ id, text, problem, clip }) => ({
      id,
      text,
      problem: clip ? problem : "",
      clip: clip && { ...clip, blob: null },
    }));
    const kept = { title, level, lie, begun, mergeId, told, made, challengeId, savedAs, statements };
    if (!(await stored.write(DRAFT, kept))) this.isKept = false;
  }

  leaveMerge() {
    Object.assign(this, { begun: null, mergeId: "", told: [], made: null, challengeId: "", savedAs: "" });
    return this.saveNow();
  }

  /** Return the draft's texts, which the list of drafts and the sign-out dialog show. */
  #describe() {
    const texts = [this.title, ...this.statements.map(({ text }) => text)].filter((text) => text.trim());
    return texts.join("\n") || (this.clips.length ? "Clips of a new challenge" : "");
  }

  /** True if the challenge on the server has other texts than the draft. */
  get isUnsaved() {
    return this.challengeId !== "" && this.savedAs !== "" && JSON.stringify(this.challengeFields()) !== this.savedAs;
  }

  /** Store the changes of a challenge that is on the server, until they are saved there. */
  async saveChanges() {
    if (this.isUnsaved && this.#isForgotten) {
      // Without tab locks (plain HTTP), another tab may have stored its draft meanwhile.
      const kept = await stored.read(DRAFT);
      this.mayKeep ||= !kept || kept.mergeId === this.mergeId;
    } else if (this.savedAs) return this.forget();
    await this.saveNow();
  }

  async forget() {
    if (!this.mayKeep) return;
    typed.set("texts", undefined);
    this.mayKeep = false;
    this.#isForgotten = true;
    await stored.deleteAll("");
  }

  /**
   * Return the body of the request that starts a merge. Files are named by number, because their own names may reveal
   * which statement is the lie.
   * @param {number} chunkSize Size in bytes.
   */
  mergeBody(chunkSize) {
    const { clips } = this;
    return {
      video_count: clips.length,
      video_filenames: clips.map((clip, index) => `statement-${index + 1}${getSuffix(clip)}`),
      video_file_sizes: clips.map((clip) => clip.size),
      // The server uses durations only to estimate the merge time, so a guess from the file size is enough.
      video_durations: clips.map(({ duration, size }) => toMilliseconds(duration || Math.max(1, size / GUESSED_RATE))),
      video_mime_types: clips.map(({ type }) =>
        type.startsWith("video/") ? type.split(";")[0] : "application/octet-stream",
      ),
      challenge_title: this.title.trim(),
      chunk_size: chunkSize,
      level_loudness: this.level,
    };
  }

  /** @param {import("./api.js").Merge} merge A completed merge. */
  challengeBody({ merged_video, uploads }) {
    const merged = /** @type {import("./api.js").Merged} */ (merged_video);
    const { video_file_id, total_duration, segments, compression_applied } = merged;
    return {
      title: this.title.trim(),
      statements: this.statements.map(({ text }, index) => ({
        media_file_id: uploads.find((one) => one.video_index === index)?.session_id,
        ...(text.trim() ? { text: text.trim() } : {}),
        duration_seconds: segments.find((one) => one.statement_index === index)?.duration,
      })),
      lie_statement_index: this.lieIndex,
      is_merged_video: true,
      merged_video_metadata: { video_file_id, total_duration, segments, compression_applied },
    };
  }

  /** Return the fields that can change after the challenge is created. */
  challengeFields() {
    return {
      title: this.title.trim(),
      texts: this.statements.map(({ text }) => text.trim()),
      lie_statement_index: this.lieIndex,
    };
  }
}

/** Round seconds to milliseconds. @param {number} seconds */
const toMilliseconds = (seconds) => Math.round(seconds * 1000) / 1000;

/** Return the extension of a clip's file, such as `.mp4`. @param {Clip} clip @returns {string} */
function getSuffix({ name, type }) {
  const own = /\.[a-z0-9]{2,4}$/i.exec(name)?.[0].toLowerCase();
  return own ?? `.${/webm|mp4|quicktime|ogg/.exec(type)?.[0].replace("quicktime", "mov") ?? "mp4"}`;
}
