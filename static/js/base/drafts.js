// Drafts: typed text, stored in this browser until it is sent or discarded.

import { makeIdempotencyKey } from "./api.js";

const PREFIX = "vod-draft/";
// Error types after which the server may have carried out the request, or may still do so.
const UNDECIDED = ["idempotency_mismatch", "idempotency_running", "idempotency_answer_lost"];
const KEPT = 30 * 24 * 3600 * 1000; // age at which drafts are deleted, in ms

/**
 * @typedef {object} Draft
 * @property {any} value The typed text, or an object that contains it as `text`.
 * @property {number} at The time of the last change, in ms since 1970.
 * @property {Attempt & {lost?: Attempt[]}} [sent] The last request with this draft, until the server answers
 *   it. `lost` holds earlier unanswered requests, which had other texts.
 * @typedef {{key: string, body: string}} Attempt An attempt is a request's Idempotency-Key and body.
 */

/**
 * The drafts of one person on one page or dialog. Dispatches "change" when a draft is added or removed, and
 * "unstored" when the browser cannot store a draft. The browser then asks the user before leaving the page.
 */
export class Drafts extends EventTarget {
  /** @type {Map<string, Draft>} */ #all = new Map();
  /** Unanswered requests whose drafts were deleted. @type {Map<string, Draft["sent"]>} */ #bare = new Map();
  /** @type {Set<string>} */ #unstored = new Set();

  /**
   * @param {string} person
   * @param {string} place
   */
  constructor(person, place) {
    super();
    this.prefix = `${PREFIX}${person}/${place}/`;
    deleteOldDrafts();
    for (const name of listDraftKeys()) if (name.startsWith(this.prefix)) this.#read(name);
    window.addEventListener("storage", ({ key: name }) => {
      if (!name?.startsWith(this.prefix)) return;
      this.#read(name);
      this.#changed();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.#unstored.size) event.preventDefault();
    });
  }

  /** @returns {[string, Draft][]} */
  get all() {
    return [...this.#all].sort(([, one], [, other]) => other.at - one.at);
  }

  /** @param {string} key @returns {any} */
  get(key) {
    return this.#all.get(key)?.value;
  }

  /** Store a draft, or delete it if the value is undefined. @param {string} key @param {any} value */
  set(key, value) {
    const before = this.#all.get(key);
    // Remember an unanswered request even if its draft is deleted. If the user types the same text again, `send`
    // repeats the request with the same Idempotency-Key, so that the server does not save the text twice.
    const sent = before?.sent ?? this.#bare.get(key);
    if (value === undefined) {
      this.#all.delete(key);
      if (sent) this.#bare.set(key, sent);
    } else {
      this.#all.set(key, { ...before, ...(sent && { sent }), value, at: Date.now() });
      this.#bare.delete(key);
    }
    this.#store(key);
    if ((before === undefined) !== (value === undefined)) this.#changed();
  }

  /**
   * Send a draft, then remove it. Retries never save the text twice, because an unanswered request is repeated with its
   * Idempotency-Key. If the text has changed since that request, the request is cancelled instead. If the server has
   * already carried it out, `takeBack` undoes it.
   * @template T
   * @param {string} key
   * @param {any} body
   * @param {(body: any, idempotencyKey: string, isCancelled: boolean) => Promise<T>} send
   * @param {(answer: T, body: any) => Promise<unknown>} [takeBack]
   * @returns {Promise<T>}
   */
  async send(key, body, send, takeBack) {
    const text = JSON.stringify(body);
    const typed = serialize(this.#all.get(key)?.value);
    const last = this.#all.get(key)?.sent ?? this.#bare.get(key);
    const sent =
      last?.body === text ? last : { key: makeIdempotencyKey(), body: text, lost: takeBack ? toAttempts(last) : [] };
    this.#keep(key, sent);
    try {
      for (const former of [...(sent.lost ?? [])]) {
        const before = JSON.parse(former.body);
        const made = await send(before, former.key, true).catch(ignoreRefusal);
        if (made !== undefined) await takeBack?.(made, before).catch(ignoreRefusal);
        sent.lost = sent.lost?.filter((one) => one !== former);
        this.#keep(key, sent);
      }
      const answer = await send(body, sent.key, false);
      this.#keep(key, undefined);
      this.#bare.delete(key);
      // Keep a draft whose text or drawing changed during the request.
      if (serialize(this.#all.get(key)?.value) === typed) this.set(key, undefined);
      return answer;
    } catch (error) {
      // Retry with a new Idempotency-Key: with the same key, the server would repeat this rejection.
      if (isRefused(error)) this.#keep(key, undefined);
      throw error;
    }
  }

  /** Move the drafts of an event to the event that replaces it. @param {string} from @param {string} to */
  move(from, to) {
    for (const [key, { value }] of this.all) {
      if (!key.startsWith(`${from}/`)) continue;
      this.set(key.replace(from, to), value);
      this.set(key, undefined);
    }
  }

  /** @param {string} key @param {Draft["sent"]} sent */
  #keep(key, sent) {
    const draft = this.#all.get(key);
    if (!draft) return void this.#bare.set(key, sent);
    this.#all.set(key, { ...draft, sent });
    this.#store(key);
  }

  /** @param {string} key */
  #store(key) {
    const draft = this.#all.get(key);
    this.#unstored.delete(key);
    try {
      if (draft) localStorage.setItem(this.prefix + key, JSON.stringify(draft));
      else localStorage.removeItem(this.prefix + key);
    } catch {
      if (!draft) return;
      this.#unstored.add(key);
      this.dispatchEvent(new Event("unstored"));
    }
  }

  /** @param {string} name */
  #read(name) {
    const draft = parseDraft(name);
    const key = name.slice(this.prefix.length);
    if (draft) this.#all.set(key, draft);
    else this.#all.delete(key);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Store text typed into form fields, and restore it when the form opens again. Return a function that deletes the
 * stored text. The caller runs this function once the form is sent or cancelled. With `isSaved`, the texts of the fields
 * are now the saved values, also in the same form of other tabs.
 * @param {string} place
 * @param {Record<string, HTMLInputElement|HTMLTextAreaElement>} fields
 * @returns {(isSaved?: boolean) => void}
 */
export function keepTypedText(place, fields) {
  const drafts = new Drafts(document.body.dataset.userId ?? "", place);
  /** @type {Record<string, string>} Saved values. */ const saved = {};
  for (const [name, field] of Object.entries(fields)) {
    saved[name] = field.value;
    const draft = drafts.get(name);
    // If a new value was saved after the draft was typed, show the saved value, and keep the draft in the list.
    if (draft && draft.base !== undefined && draft.base !== field.value) {
      drafts.set(`${name}/${makeIdempotencyKey()}`, draft);
      drafts.set(name, undefined);
    } else if (draft) field.value = draft.text ?? draft;
    field.addEventListener("input", () =>
      drafts.set(name, field.value === saved[name] ? undefined : { text: field.value, base: saved[name] }),
    );
    // Show what is typed into this field in another tab.
    drafts.addEventListener("change", () => {
      const draft = drafts.get(name);
      const text = draft?.text ?? draft ?? saved[name];
      if (field.value !== text) field.value = text;
    });
  }
  window.addEventListener("storage", ({ key, newValue }) => {
    const name = key?.startsWith(drafts.prefix) ? key.slice(drafts.prefix.length) : "";
    if (!(name in fields)) return;
    const { text, base } = JSON.parse(newValue ?? "null")?.value ?? {};
    if (text !== undefined && text === base) saved[name] = text;
  });
  return (isSaved = false) => {
    for (const [name, field] of Object.entries(fields)) {
      saved[name] = field.value;
      // A draft that equals its base tells other tabs the saved value. They would show an older value otherwise.
      if (isSaved) drafts.set(name, { text: field.value, base: field.value });
      drafts.set(name, undefined);
    }
  };
}

/**
 * Return the part of a storage key that identifies the draft of a comparison's new name. This part contains the saved
 * name, so that the draft is not restored after another user has renamed the comparison.
 * @param {string} id
 * @param {string} saved
 */
export const makeNamePlace = (id, saved) => `name/${id}/${encodeURIComponent(saved)}`;

/** @param {string} person @returns {string[]} */
export const listDrafts = (person) => listDraftKeys().filter((name) => name.startsWith(`${PREFIX}${person}/`));

/**
 * Return the texts of a person's drafts, newest first.
 * @param {string} person
 * @returns {{name: string, text: string, at: number}[]} `name` is the draft's key in localStorage. `at` is the time of
 * its last change, in ms since 1970.
 */
export function listTexts(person) {
  const found = listDrafts(person).map((name) => {
    const { value, at } = parseDraft(name) ?? { value: "", at: 0 };
    return { name, text: getText(value), at };
  });
  return found.filter(({ text }) => text.trim()).sort((one, other) => other.at - one.at);
}

/** Return the text and the drawing of a draft's value as JSON. @param {any} value */
const serialize = (value) => JSON.stringify([value?.text, value?.strokes]);

/**
 * Return the text of a draft's value. The text of a drawing consists of its text labels, one per line.
 * @param {any} value
 * @returns {string}
 */
export function getText(value) {
  if (typeof value === "string") return value;
  const strokes = /** @type {{text?: string}[]} */ (value?.strokes ?? []);
  return (
    value?.text ||
    strokes
      .map(({ text }) => text ?? "")
      .filter(Boolean)
      .join("\n")
  );
}

/**
 * Delete a draft; the returned function restores it.
 * @param {string} name The draft's key in localStorage.
 */
export function deleteDraft(name) {
  const stored = localStorage.getItem(name) ?? "";
  localStorage.removeItem(name);
  return () => localStorage.setItem(name, stored);
}

/** @param {string} person */
export function deleteDrafts(person) {
  for (const name of listDrafts(person)) localStorage.removeItem(name);
}

/**
 * @param {Draft["sent"]} sent
 * @returns {Attempt[]}
 */
function toAttempts(sent) {
  return sent ? [...(sent.lost ?? []), { key: sent.key, body: sent.body }] : [];
}

/**
 * Return whether the server rejected the request permanently.
 * @param {unknown} error
 * @returns {boolean}
 */
export function isRefused(error) {
  const { status = 0, type = "" } = /** @type {{status?: number, type?: string}} */ (error);
  const isUndecided = [401, 408, 429].includes(status) || UNDECIDED.includes(type);
  return status >= 400 && status < 500 && !isUndecided;
}

/**
 * Ignore a permanent rejection; rethrow other errors.
 * @param {unknown} error
 * @returns {undefined}
 */
function ignoreRefusal(error) {
  if (!isRefused(error)) throw error;
}

/** @returns {string[]} */
function listDraftKeys() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
}

/** @param {string} name @returns {Draft|null} */
function parseDraft(name) {
  try {
    const draft = JSON.parse(localStorage.getItem(name) ?? "null");
    return typeof draft?.at === "number" ? draft : null;
  } catch {
    return null;
  }
}

function deleteOldDrafts() {
  for (const name of listDraftKeys())
    if (!(Date.now() - (parseDraft(name)?.at ?? 0) < KEPT))
      try {
        localStorage.removeItem(name);
      } catch {}
}

/**
 * Return whether a key event belongs to an input method, such as one for Japanese characters. Safari ends the
 * composition before the key event, which then has the key code 229.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/**
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function isSendKey(event) {
  return event.key === "Enter" && !event.shiftKey && !event.altKey && !isComposing(event);
}
