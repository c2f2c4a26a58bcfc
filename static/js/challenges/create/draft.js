// The draft of a challenge, stored in this browser with every change. The lie is sent to the server only with the
// finished challenge.

import { idempotencyKey } from "../../base/api.js";
import { debounce } from "../../base/dom.js";
import { dropClip, forget, forgetClips, keepClip, keepDraft, readClip, readDraft } from "./storage.js";

/**
 * @typedef {object} Clip
 * @property {string} id
 * @property {string} name file name
 * @property {string} type MIME type
 * @property {number} size bytes
 * @property {number} duration seconds; 0 if unknown
 * @property {boolean} plays whether this browser can play it
 * @property {boolean} isRecorded whether it was recorded here: there is no other copy
 * @property {Blob|null} blob null if not stored in this browser
 *
 * @typedef {{id: string, text: string, clip: Clip|null, problem: string}} Statement problem: reason to replace the clip
 * @typedef {{key: string, body: any}} Asked request with its idempotency key
 */

const FIRST_STATEMENTS = 3;
const SAVE_PAUSE = 250;
const GUESSED_RATE = 625_000; // bytes per second of a typical clip
const newId = idempotencyKey;

export class Draft {
  title = "";
  level = false;
  /** @type {Statement[]} */ statements = [];
  /** Id of the statement that is the lie; empty until chosen. */ lie = "";
  /** @type {Asked|null} request that started the merge */ begun = null;
  mergeId = "";
  /** @type {string[]} uploads whose speed was reported */ told = [];
  /** @type {Asked|null} request that created the challenge */ made = null;
  challengeId = "";
  /** False once something could not be stored, so that a reload would lose it. */ isKept = true;
  /** False for another device's draft if this browser stores its own. */
  mayKeep = true;
  #save = debounce(() => this.saveNow(), SAVE_PAUSE);

  /** @param {number} [count] initial number of statements */
  constructor(count = FIRST_STATEMENTS) {
    for (let n = 0; n < count; n += 1) this.add();
  }

  /** @returns {Promise<Draft|null>} the draft stored in this browser */
  static async load() {
    const kept = await readDraft();
    if (!kept) return null;
    const draft = new Draft(0);
    const { title, level, lie, begun, mergeId, told, made, challengeId } = kept;
    Object.assign(draft, { title, level, lie, begun, mergeId, told, made, challengeId });
    for (const { id, text, problem, clip } of kept.statements) {
      const blob = clip && (await readClip(clip.id));
      const lost = clip && !blob ? `“${clip.name}” is not stored in this browser. Choose it again.` : "";
      draft.statements.push({
        id,
        text,
        problem: problem || lost,
        clip: clip && (blob || mergeId) ? { ...clip, blob: blob ?? null } : null,
      });
    }
    await forgetClips(new Set(draft.clips.map((clip) => clip.id)));
    return draft;
  }

  /** @returns {Clip[]} */
  get clips() {
    return this.statements.flatMap(({ clip }) => clip ?? []);
  }

  /** True if nothing in the draft could be lost. */
  get isEmpty() {
    return !this.title && !this.mergeId && this.statements.every(({ text, clip }) => !text && !clip);
  }

  /** Total length of the clips, seconds. */
  get duration() {
    return this.clips.reduce((sum, clip) => sum + clip.duration, 0);
  }

  /** Total size of the clips, bytes. */
  get size() {
    return this.clips.reduce((sum, clip) => sum + clip.size, 0);
  }

  /** Index of the lie, or -1. */
  get lieIndex() {
    return this.statements.findIndex(({ id }) => id === this.lie);
  }

  /** @returns {Statement} */
  add() {
    const statement = { id: newId(), text: "", clip: null, problem: "" };
    this.statements.push(statement);
    return statement;
  }

  /** @param {Statement} statement */
  remove(statement) {
    this.statements = this.statements.filter((one) => one !== statement);
    if (this.lie === statement.id) this.lie = "";
    this.#saveAndDrop(statement.clip);
  }

  /** Save before deleting a clip: a stored draft must not refer to a deleted clip. @param {Clip|null} clip */
  async #saveAndDrop(clip) {
    await this.saveNow();
    if (clip) await dropClip(clip.id);
  }

  /** @param {Statement} statement @param {-1|1} by */
  move(statement, by) {
    const at = this.statements.indexOf(statement);
    this.statements.splice(at, 1);
    this.statements.splice(at + by, 0, statement);
    this.changed();
  }

  /**
   * Set or replace a statement's clip.
   * @param {Statement} statement
   * @param {Omit<Clip, "id">} about
   */
  async setClip(statement, about) {
    const before = statement.clip;
    const clip = { ...about, id: newId() };
    Object.assign(statement, { clip, problem: "" });
    if (this.mayKeep && clip.blob && !(await keepClip(clip.id, clip.blob))) this.isKept = false;
    await this.#saveAndDrop(before);
  }

  changed() {
    this.#save();
  }

  /** Save the draft now; resolves once stored. */
  async saveNow() {
    this.#save.cancel();
    if (!this.mayKeep) return;
    const { title, level, lie, begun, mergeId, told, made, challengeId } = this;
    const statements = this.statements.map(({ id, text, problem, clip }) => ({
      id,
      text,
      problem: clip ? problem : "",
      clip: clip && { ...clip, blob: null },
    }));
    if (!(await keepDraft({ title, level, lie, begun, mergeId, told, made, challengeId, statements })))
      this.isKept = false;
  }

  /** Detach the merge; clips and texts stay. */
  leaveMerge() {
    Object.assign(this, { begun: null, mergeId: "", told: [], made: null, challengeId: "" });
    return this.saveNow();
  }

  /** Delete the draft from this browser. */
  async forget() {
    this.#save.cancel();
    const kept = this.mayKeep;
    this.mayKeep = false;
    if (kept) await forget();
  }

  /**
   * Return the request that starts a merge. Its file names are numbers, since names may reveal the lie.
   * @param {number} chunkSize bytes
   */
  mergeBody(chunkSize) {
    const { clips } = this;
    return {
      video_count: clips.length,
      video_filenames: clips.map((clip, index) => `statement-${index + 1}${suffixOf(clip)}`),
      video_file_sizes: clips.map((clip) => clip.size),
      // Without a duration, guess it from the size: it only serves to estimate the merge time.
      video_durations: clips.map(
        (clip) => Math.round((clip.duration || Math.max(1, clip.size / GUESSED_RATE)) * 1000) / 1000,
      ),
      video_mime_types: clips.map((clip) =>
        clip.type.startsWith("video/") ? clip.type.split(";")[0] : "application/octet-stream",
      ),
      challenge_title: this.title.trim(),
      chunk_size: chunkSize,
      level_loudness: this.level,
    };
  }

  /**
   * Return the request that creates the challenge.
   * @param {import("./api.js").Merge} merge
   */
  challengeBody({ merged_video, uploads }) {
    const { video_file_id, total_duration, segments, compression_applied } = /** @type {import("./api.js").Merged} */ (
      merged_video
    );
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

  /** Return the fields that can change after the challenge was created. */
  challengeFields() {
    return {
      title: this.title.trim(),
      texts: this.statements.map(({ text }) => text.trim()),
      lie_statement_index: this.lieIndex,
    };
  }
}

/** @param {Clip} clip @returns {string} extension such as `.mp4` */
function suffixOf({ name, type }) {
  const own = /\.[a-z0-9]{2,4}$/i.exec(name)?.[0].toLowerCase();
  return own ?? `.${/webm|mp4|quicktime|ogg/.exec(type)?.[0].replace("quicktime", "mov") ?? "mp4"}`;
}
