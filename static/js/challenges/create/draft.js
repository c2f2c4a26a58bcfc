// A challenge that is being made: title, statements, their clips, which one is the lie, and the merge that was begun of
// them. It is kept in this browser with every change; which one is the lie leaves it only when the challenge is made.

import { idempotencyKey } from "../../base/api.js";
import { debounce } from "../../base/dom.js";
import { dropClip, forget, forgetClips, keepClip, keepDraft, readClip, readDraft } from "./kept.js";

/**
 * @typedef {object} Clip
 * @property {string} id
 * @property {string} name of its file, for its owner's eyes
 * @property {string} type MIME type
 * @property {number} size bytes
 * @property {number} duration seconds; 0 where nobody can tell yet
 * @property {boolean} plays whether this browser can show it
 * @property {boolean} isRecorded here, so that there is no other copy
 * @property {Blob|null} blob null where this browser has not kept it
 *
 * @typedef {{id: string, text: string, clip: Clip|null, problem: string}} Statement problem: why its clip has to be another
 * @typedef {{key: string, body: any}} Asked what is asked for once: asked again it is the same thing
 */

const FIRST_STATEMENTS = 3;
const SAVE_PAUSE = 250;
const GUESSED_RATE = 625_000; // bytes a second
const newId = idempotencyKey;

export class Draft {
  title = "";
  level = false;
  /** @type {Statement[]} */ statements = [];
  /** Id of the statement that is the lie; empty while nobody has said. */ lie = "";
  /** @type {Asked|null} the merge that was asked for */ begun = null;
  mergeId = "";
  /** @type {string[]} uploads of which it was told how fast they went */ told = [];
  /** @type {Asked|null} the challenge that was asked for */ made = null;
  challengeId = "";
  /** Whether all of it is found again after a reload. */ isKept = true;
  /** Whether it is kept at all: not one that was begun on another device while this browser has one of its own. */
  mayKeep = true;
  #save = debounce(() => this.saveNow(), SAVE_PAUSE);

  /** @param {number} [count] statements to begin with */
  constructor(count = FIRST_STATEMENTS) {
    for (let n = 0; n < count; n += 1) this.add();
  }

  /** @returns {Promise<Draft|null>} the one that this browser has kept */
  static async load() {
    const kept = await readDraft();
    if (!kept) return null;
    const draft = new Draft(0);
    const { title, level, lie, begun, mergeId, told, made, challengeId } = kept;
    Object.assign(draft, { title, level, lie, begun, mergeId, told, made, challengeId });
    for (const { id, text, problem, clip } of kept.statements) {
      const blob = clip && (await readClip(clip.id));
      const lost = clip && !blob ? `This browser has not kept “${clip.name}”. Choose it again.` : "";
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

  /** Whether there is anything in it that could be lost. */
  get isEmpty() {
    return !this.title && !this.mergeId && this.statements.every(({ text, clip }) => !text && !clip);
  }

  /** Seconds of all clips together. */
  get duration() {
    return this.clips.reduce((sum, clip) => sum + clip.duration, 0);
  }

  /** Bytes of all clips together. */
  get size() {
    return this.clips.reduce((sum, clip) => sum + clip.size, 0);
  }

  /** Which one is the lie, from 0; -1 while nobody has said. */
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

  /** A clip goes once nothing that is kept names it any more. @param {Clip|null} clip */
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
   * Give a statement its clip, or another one.
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

  /** Something in it has changed. */
  changed() {
    this.#save();
  }

  /** Keep it now; resolves when it is on disk. */
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

  /** The merge that was begun is over; clips and words stay. */
  leaveMerge() {
    Object.assign(this, { begun: null, mergeId: "", told: [], made: null, challengeId: "" });
    return this.saveNow();
  }

  /** Nothing of it is kept any more. */
  async forget() {
    this.#save.cancel();
    const kept = this.mayKeep;
    this.mayKeep = false;
    if (kept) await forget();
  }

  /**
   * What a merge is begun with. Files are called by their number: what their owner calls them may tell the lie.
   * @param {number} chunkSize bytes
   */
  mergeBody(chunkSize) {
    const { clips } = this;
    return {
      video_count: clips.length,
      video_filenames: clips.map((clip, index) => `statement-${index + 1}${suffixOf(clip)}`),
      video_file_sizes: clips.map((clip) => clip.size),
      // Where nobody here can tell it is guessed by the size; it is only what the time of the merge is estimated by.
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
   * What the challenge is made of. The program measured the parts; the clips' ids are those of their uploads.
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

  /** What of it may still be changed once the challenge is there. */
  challengeFields() {
    return {
      title: this.title.trim(),
      texts: this.statements.map(({ text }) => text.trim()),
      lie_statement_index: this.lieIndex,
    };
  }
}

/** @param {Clip} clip @returns {string} `.mp4`: that of its name, or of its type */
function suffixOf({ name, type }) {
  const own = /\.[a-z0-9]{2,4}$/i.exec(name)?.[0].toLowerCase();
  return own ?? `.${/webm|mp4|quicktime|ogg/.exec(type)?.[0].replace("quicktime", "mov") ?? "mp4"}`;
}
