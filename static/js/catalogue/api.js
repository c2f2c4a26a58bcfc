// The API calls of the catalogue.

import { ApiError, callApi, makeWriteHeaders, get } from "../base/api.js";

export { makeIdempotencyKey as makeVideoKey } from "../base/api.js";

/**
 * @typedef {import("../videos/api.js").Video & {
 *   thumbnail_url: string|null, category: string|null, is_featured: boolean, is_hidden: boolean, view_count: number,
 *   version: number, vector_clock: Record<string, number>, last_modified_by: string, updated_at: string, deleted_at: string|null
 * }} CatalogueVideo
 * @typedef {{page: number, limit: number, total: number, totalPages: number}} Pagination
 */

const VIDEOS = "/api/v1/videos";
const makePath = (/** @type {string} */ id, /** @type {string} */ end = "") =>
  `${VIDEOS}/${encodeURIComponent(id)}${end}`;

/**
 * @param {Record<string, string|number|boolean>} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<{videos: CatalogueVideo[], pagination: Pagination}>}
 */
export function listCatalogue(query, signal) {
  const given = Object.entries(query)
    .filter(([, value]) => value !== "" && value !== false)
    .map(([name, value]) => [name, String(value)]);
  return get(`${VIDEOS}?${new URLSearchParams(given)}`, { signal });
}

/** @param {string} id @returns {Promise<CatalogueVideo>} */
export const readCatalogueVideo = (id) => get(makePath(id));

/**
 * Create a catalogue video. A retry must send the same Idempotency-Key.
 * @param {Record<string, any>} fields
 * @param {string} key
 * @returns {Promise<CatalogueVideo>}
 */
export const createCatalogueVideo = (fields, key) =>
  callApi("POST", VIDEOS, fields, { headers: { "Idempotency-Key": key } });

/** @param {string} id @param {Record<string, any>} fields @returns {Promise<CatalogueVideo>} */
export const changeCatalogueVideo = (id, fields) => callApi("PUT", makePath(id), fields);

/** @param {string} id @param {string} reason */
export const deleteCatalogueVideo = (id, reason) =>
  callApi("DELETE", `${makePath(id)}${reason ? `?${new URLSearchParams({ reason })}` : ""}`);

/** @param {string} id @returns {Promise<CatalogueVideo>} */
export const restoreCatalogueVideo = (id) => callApi("POST", makePath(id, "/restore"));

/** @param {string} id @param {string} reason @param {string} text */
export const reportVideo = (id, reason, text) => callApi("POST", makePath(id, "/reports"), { reason, text });

/**
 * Send a video's files by XMLHttpRequest, because `fetch` reports no upload progress.
 * @param {string} id
 * @param {{video?: File|null, thumbnail?: File|null}} files
 * @param {(share: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<CatalogueVideo>}
 * @throws {ApiError}
 */
export function sendFiles(id, files, onProgress, signal) {
  const form = new FormData();
  form.append("videoId", id);
  // Send the large file last, so that the server can reject the request before the file arrives.
  if (files.thumbnail) form.append("thumbnail", files.thumbnail);
  if (files.video) form.append("video", files.video);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", makePath(id, "/file"));
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(makeWriteHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      const answer = request.response;
      if (request.status >= 200 && request.status < 300 && answer) return resolve(answer);
      if (request.status === 401) window.dispatchEvent(new Event("signedout"));
      const sentence =
        request.status === 413
          ? "The file is too large. Choose a smaller one."
          : "The server's answer could not be read. Try again.";
      const about = {
        status: request.status || 500,
        type: answer?.type ?? "unknown",
        body: answer,
        requestId: answer?.request_id ?? request.getResponseHeader("X-Request-ID"),
        retryAfter: Number(request.getResponseHeader("Retry-After")) || null,
      };
      reject(new ApiError(answer?.error ?? sentence, about));
    };
    request.onerror = () => reject(new ApiError("The server cannot be reached."));
    request.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

/** @param {unknown} error @returns {boolean} */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";
