// Storage of Chromium's file handles. With a handle, an upload resumes after a reload without choosing the file again.

const NAME = "vod-uploads";
const STORE = "handles";

/**
 * Run a request on the stored handles, and return its result; null if the browser's storage fails.
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T|null>}
 */
async function withHandles(mode, act) {
  try {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await waitForRequest(opening);
    try {
      return await waitForRequest(act(database.transaction(STORE, mode).objectStore(STORE)));
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function waitForRequest(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {string} upload Upload id. @param {FileSystemFileHandle} handle */
export const storeHandle = (upload, handle) => withHandles("readwrite", (store) => store.put(handle, upload));
/** @param {string} upload @returns {Promise<FileSystemFileHandle|null|undefined>} */
export const readHandle = (upload) => withHandles("readonly", (store) => store.get(upload));
/** @param {string} upload */
export const deleteHandle = (upload) => withHandles("readwrite", (store) => store.delete(upload));

export const listHandles = async () =>
  ((await withHandles("readonly", (store) => store.getAllKeys())) ?? []).map(String);

/**
 * Open the file of a handle; return null if the file is inaccessible. If `ask` is true, ask the user for permission,
 * which browsers allow only during a click or key press.
 * @param {FileSystemFileHandle} handle @param {boolean} ask @returns {Promise<File|null>}
 */
export async function openFile(handle, ask) {
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
