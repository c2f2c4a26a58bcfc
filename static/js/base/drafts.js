// Drafts: typed text, stored in this browser until it is sent or discarded.

import { idempotencyKey } from "./api.js";

const PREFIX = "vod-draft/";
const KEPT = 30 * 24 * 3600 * 1000; // ms

/**
 * @typedef {object} Draft
 * @property {any} value typed text
 * @property {number} at time of the last change, ms since the epoch
 * @property {Attempt & {lost?: Attempt[]}} [sent] last unanswered attempt; lost: earlier attempts with other text
 * @typedef {{key: string, body: string}} Attempt Idempotency-Key and body of a request
 */

/**
 * The drafts of one person at one place. Dispatches "change" when a draft begins or ends, or another tab changes one.
 * If the browser cannot store drafts, it warns before leaving the page.
 */
export class Drafts extends EventTarget {
  /** @type {Map<string, Draft>} */ #all = new Map();
  /** Attempts whose body has no draft. @type {Map<string, Draft["sent"]>} */ #bare = new Map();
  /** Keys of drafts that the browser could not store. @type {Set<string>} */ #unstored = new Set();

  /**
   * @param {string} person account or visitor
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

  /** @param {string} key @param {any} value undefined once the draft was sent or discarded */
  set(key, value) {
    const before = this.#all.get(key);
    if (value === undefined) this.#all.delete(key);
    else this.#all.set(key, { ...before, value, at: Date.now() });
    this.#store(key);
    if ((before === undefined) !== (value === undefined)) this.#changed();
  }

  /**
   * Send a draft, then remove it. Retries never save it twice: an unanswered attempt is repeated under its key, then
   * undone if the text has changed.
   * @template T
   * @param {string} key
   * @param {any} body
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
      else this.#keep(key, undefined); // the text changed during the request
      return answer;
    } catch (error) {
      // Under the same key, the server would repeat an outdated rejection.
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

  /** @param {string} name key in localStorage */
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
 * Store text typed into a form, and restore it when the form opens again.
 * @param {string} place such as `report/{id}`
 * @param {Record<string, HTMLInputElement|HTMLTextAreaElement>} fields with saved values
 * @returns {() => void} call once the form is sent or cancelled
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

/** @param {string} person account id @returns {string[]} localStorage keys of their drafts */
export const draftNames = (person) => stored().filter((name) => name.startsWith(`${PREFIX}${person}/`));

/** @param {string} person account id */
export function deleteDrafts(person) {
  for (const name of draftNames(person)) localStorage.removeItem(name);
}

/** @param {Draft["sent"]} sent @returns {Attempt[]} oldest first */
function attempts(sent) {
  return sent ? [...(sent.lost ?? []), { key: sent.key, body: sent.body }] : [];
}

/** @param {unknown} error @returns {boolean} whether the server rejected the request for good */
function isRefused(error) {
  const { status = 0, type = "" } = /** @type {{status?: number, type?: string}} */ (error);
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status) && !type.startsWith("idempotency_");
}

/** @param {unknown} error @returns {undefined} if the server rejected the request; otherwise rethrows */
function unlessRefused(error) {
  if (!isRefused(error)) throw error;
}

/** @returns {string[]} localStorage keys of all drafts */
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

function prune() {
  for (const name of stored())
    if (!(Date.now() - (parsed(name)?.at ?? 0) < KEPT))
      try {
        localStorage.removeItem(name);
      } catch {
        // The next page load retries.
      }
}

/**
 * Return whether a key press is Enter without Shift or Alt.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function sends(event) {
  return event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing;
}
