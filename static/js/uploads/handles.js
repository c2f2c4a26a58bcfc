// Files that this browser may open again by itself after a reload: Chromium's handles, kept beside the upload they
// belong to. Other browsers give none, and the file is chosen again.

const NAME = "vod-uploads";
const STORE = "handles";

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T|null>} null where the browser keeps nothing
 */
async function within(mode, act) {
  try {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await settled(opening);
    try {
      return await settled(act(database.transaction(STORE, mode).objectStore(STORE)));
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {string} upload its id @param {FileSystemFileHandle} handle */
export const keepHandle = (upload, handle) => within("readwrite", (store) => store.put(handle, upload));
/** @param {string} upload @returns {Promise<FileSystemFileHandle|null|undefined>} */
export const handleOf = (upload) => within("readonly", (store) => store.get(upload));
/** @param {string} upload */
export const dropHandle = (upload) => within("readwrite", (store) => store.delete(upload));

/** @returns {Promise<string[]>} the uploads whose handles are kept */
export async function keptHandles() {
  return ((await within("readonly", (store) => store.getAllKeys())) ?? []).map(String);
}

/**
 * @param {FileSystemFileHandle} handle
 * @param {boolean} ask may the browser ask the person; only while a key or a button is being pressed
 * @returns {Promise<File|null>} null where it may not be opened, or is gone
 */
export async function fileOf(handle, ask) {
  try {
    const access = /** @type {any} */ (handle);
    const wanted = { mode: "read" };
    let state = (await access.queryPermission?.(wanted)) ?? "granted";
    if (state === "prompt" && ask) state = await access.requestPermission(wanted);
    return state === "granted" ? await handle.getFile() : null;
  } catch {
    return null;
  }
}
