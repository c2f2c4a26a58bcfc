// Storage of a challenge's draft and its clips in this browser. Keys begin with the user's id.

import { IndexedDbStore } from "../../base/stores.js";

const store = new IndexedDbStore("vod-challenges");
const getPrefix = () => `${document.body.dataset.user}/`;
const getDraftKey = () => `${getPrefix()}draft`;
const getClipKey = (/** @type {string} */ id) => `${getPrefix()}clip/${id}`;

/**
 * Run a storage operation and return its result; return null if the operation fails.
 * @param {() => Promise<any>} act
 * @returns {Promise<any>}
 */
const tryStorage = (act) => act().catch(() => null);

/** Return whether the value was stored. @param {string} key @param {any} value */
const writeEntry = async (key, value) => (await tryStorage(() => store.update(key, () => value))) !== null;

/** Delete the entries whose keys begin with `prefix`. @param {string} prefix @param {Set<string>} [kept] */
const deleteEntries = (prefix, kept = new Set()) =>
  tryStorage(async () => {
    for (const key of await store.keys(prefix))
      if (!kept.has(key.slice(prefix.length))) await writeEntry(key, undefined);
  });

/** Return the draft that `writeDraft` stored; null or undefined if there is none. */
export const readDraft = () => tryStorage(() => store.read(getDraftKey()));
/** @param {any} draft */
export const writeDraft = (draft) => writeEntry(getDraftKey(), draft);
export const deleteDraft = () => deleteEntries(getPrefix());
/** @param {string} id @returns {Promise<Blob|null|undefined>} */
export const readClip = (id) => tryStorage(() => store.read(getClipKey(id)));
/** @param {string} id @param {Blob} blob */
export const writeClip = (id, blob) => writeEntry(getClipKey(id), blob);
/** @param {string} id */
export const deleteClip = (id) => writeEntry(getClipKey(id), undefined);
/**
 * Delete stored clips that no draft uses. A page that closed too early may have left them.
 * @param {Set<string>} ids The ids of the clips in use.
 */
export const deleteUnusedClips = (ids) => deleteEntries(getClipKey(""), ids);
