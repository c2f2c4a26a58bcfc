// Drafts: text that a person has typed, kept in this browser until it is sent or discarded. Independent of pages.

import { idempotencyKey } from "./api.js";

const PREFIX = "vod-draft/";
const KEPT = 30 * 24 * 3600 * 1000; // ms

/**
 * @typedef {object} Draft
 * @property {any} value the typed text
 * @property {number} at time of the last change, ms since the epoch
 * @property {Attempt & {lost?: Attempt[]}} [sent] the last attempt to send it, if it was not answered; lost: earlier
 *   attempts with another text
 * @typedef {{key: string, body: string}} Attempt the Idempotency-Key and the body of a request
 */

/**
 * The drafts of one person at one place. Dispatches "change" when a draft begins or ends, and when another tab of this
 * browser changes one. If the browser cannot store them, they last as long as the page, and the browser asks before it
 * leaves the page.
 */
export class Drafts extends EventTarget {
  /** @type {Map<string, Draft>} */ #all = new Map();
  /** Attempts to send what has no text. @type {Map<string, Draft["sent"]>} */ #bare = new Map();
  /** Keys of drafts that the browser could not store. @type {Set<string>} */ #unstored = new Set();

  /**
   * @param {string} person an account or a visitor
   * @param {string} place such as `comparison/{id}`
   */
  constructor(person, place) {
    super();
    this.prefix = `${PREFIX}${person}/${place}/`;
    prune();
    for (const name of stored()) if (name.startsWith(this.prefix)) this.#read(name);
    window.addEventListener("storage", ({ key: name }) => {
      if (!name?.startsWith(this.prefix)) return;
      this.#read(name);
      this.#changed();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.#unstored.size) event.preventDefault();
    });
  }

  /** @returns {[string, Draft][]} keys and drafts, the newest first */
  get all() {
    return [...this.#all].sort(([, one], [, other]) => other.at - one.at);
  }

  /** @param {string} key @returns {any} the typed text; undefined without a draft */
  get(key) {
    return this.#all.get(key)?.value;
  }

  /** @param {string} key @param {any} value undefined: the draft was sent or discarded */
  set(key, value) {
    const before = this.#all.get(key);
    if (value === undefined) this.#all.delete(key);
    else this.#all.set(key, { ...before, value, at: Date.now() });
    this.#store(key);
    if ((before === undefined) !== (value === undefined)) this.#changed();
  }

  /**
   * Send a draft and remove it. It is saved once, however many attempts it takes: an attempt whose answer was lost is
   * repeated under its key, and undone if the text has changed since.
   * @template T
   * @param {string} key
   * @param {any} body body of the request
   * @param {(body: any, idempotencyKey: string) => Promise<T>} send
   * @param {(answer: T) => Promise<unknown>} [takeBack] undoes a request; omitted if the endpoint supports no keys
   * @returns {Promise<T>}
   */
  async send(key, body, send, takeBack) {
    const text = JSON.stringify(body);
    const typed = this.#all.get(key)?.value?.text;
    const last = this.#all.get(key)?.sent ?? this.#bare.get(key);
    const sent =
      last?.body === text ? last : { key: idempotencyKey(), body: text, lost: takeBack ? attempts(last) : [] };
    this.#keep(key, sent);
    try {
      for (const former of [...(sent.lost ?? [])]) {
        const made = await send(JSON.parse(former.body), former.key).catch(unlessRefused);
        if (made !== undefined) await takeBack?.(made).catch(unlessRefused);
        sent.lost = sent.lost?.filter((one) => one !== former);
        this.#keep(key, sent);
      }
      const answer = await send(body, sent.key);
      this.#bare.delete(key);
      if (this.#all.get(key)?.value?.text === typed) this.set(key, undefined);
      else this.#keep(key, undefined); // typed on meanwhile
      return answer;
    } catch (error) {
      // Under the same key the server repeats a refusal, even if its reason is gone.
      if (isRefused(error)) this.#keep(key, undefined);
      throw error;
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
      if (draft) this.#unstored.add(key);
    }
  }

  /** @param {string} name in the storage */
  #read(name) {
    const draft = parsed(name);
    const key = name.slice(this.prefix.length);
    if (draft) this.#all.set(key, draft);
    else this.#all.delete(key);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Keep the text typed into a form when its dialog or page is closed, and fill it in again.
 * @param {string} place such as `report/{id}`
 * @param {Record<string, HTMLInputElement|HTMLTextAreaElement>} fields with the values that are saved
 * @returns {() => void} a function to call when the form was sent or cancelled
 */
export function keepTyped(place, fields) {
  const drafts = new Drafts(document.body.dataset.userId ?? "", place);
  for (const [name, field] of Object.entries(fields)) {
    const saved = field.value;
    field.value = drafts.get(name) ?? saved;
    field.addEventListener("input", () => drafts.set(name, field.value === saved ? undefined : field.value));
  }
  return () => {
    for (const name of Object.keys(fields)) drafts.set(name, undefined);
  };
}

/** @param {string} person an account @returns {string[]} names of their drafts in this browser's storage */
export const draftNames = (person) => stored().filter((name) => name.startsWith(`${PREFIX}${person}/`));

/** @param {string} person an account */
export function deleteDrafts(person) {
  for (const name of draftNames(person)) localStorage.removeItem(name);
}

/** @param {Draft["sent"]} sent @returns {Attempt[]} in order */
function attempts(sent) {
  return sent ? [...(sent.lost ?? []), { key: sent.key, body: sent.body }] : [];
}

/** @param {unknown} error @returns {boolean} whether the server has refused the request, and would refuse it again */
function isRefused(error) {
  const { status = 0, type = "" } = /** @type {{status?: number, type?: string}} */ (error);
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status) && !type.startsWith("idempotency_");
}

/** @param {unknown} error @returns {undefined} if the server has refused the request */
function unlessRefused(error) {
  if (!isRefused(error)) throw error;
}

/** @returns {string[]} names of all drafts in this browser */
function stored() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
}

/** @param {string} name @returns {Draft|null} */
function parsed(name) {
  try {
    const draft = JSON.parse(localStorage.getItem(name) ?? "null");
    return typeof draft?.at === "number" ? draft : null;
  } catch {
    return null;
  }
}

/** Remove drafts that have not changed for 30 days. */
function prune() {
  for (const name of stored())
    if (!(Date.now() - (parsed(name)?.at ?? 0) < KEPT))
      try {
        localStorage.removeItem(name);
      } catch {
        // The next call removes it.
      }
}

/**
 * Return whether a key press sends the text: Enter, also with Ctrl or Cmd. Shift+Enter makes a new line.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function sends(event) {
  return event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing;
}
