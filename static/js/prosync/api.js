// The dubbing API.

import { ApiError, callApi, makeWriteHeaders, get } from "../base/api.js";

/**
 * @typedef {{refId: string, startTime?: number, endTime?: number}} AudioInput
 * @typedef {{startTime: number, endTime: number, audioInput: AudioInput, label?: string, status: string}} Segment
 * @typedef {import("../../../docs/openapi").ListPage} Pagination
 * @typedef {Omit<import("../../../docs/openapi").ProJob, "segments_data" | "outcome"> &
 *   {segments_data: Segment[], outcome: any}} ProJob
 */

const SYNC = "/api/v1/sync";
const makePath = (/** @type {string} */ id) => `${SYNC}/pro-job/${encodeURIComponent(id)}`;

/** @param {string} id @returns {Promise<ProJob>} */
export const readJob = (id) => get(`${makePath(id)}/status`);
/** @param {string} id */
export const deleteJob = (id) => callApi("DELETE", makePath(id));
/** @param {number} limit @param {number} offset @returns {Promise<{pro_jobs: ProJob[], pagination: Pagination}>} */
export const listJobs = (limit, offset) => get(`${SYNC}/pro-jobs?limit=${limit}&offset=${offset}`);
/** Return the other completed runs of a run's video, newest first. @param {string} id @returns {Promise<ProJob[]>} */
export const listOtherRuns = async (id) =>
  (await get(`${SYNC}/pro-jobs?limit=50&status=completed&same_video_as=${encodeURIComponent(id)}`)).pro_jobs;

/**
 * Upload a video and its sounds as a new job. XMLHttpRequest reports upload progress, which `fetch` does not.
 * @param {FormData} form @param {string} key @param {(share: number) => void} onProgress @param {AbortSignal} signal
 * @returns {Promise<{job_id: string}>} @throws {ApiError}
 */
export function sendJob(form, key, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${SYNC}/pro-sync-process`);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(makeWriteHeaders())) request.setRequestHeader(name, value);
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.onerror = () => reject(new ApiError("The server cannot be reached."));
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    request.onload = () => {
      const answer = request.response;
      if (request.status === 401) window.dispatchEvent(new Event("signedout"));
      if (request.status >= 200 && request.status < 300 && answer) return resolve(answer);
      reject(
        new ApiError(answer?.error ?? "The server's answer could not be read. Try again.", {
          status: request.status,
          type: answer?.type ?? "unknown",
          requestId: answer?.request_id ?? null,
          retryAfter: Number(request.getResponseHeader("Retry-After")) || null,
          body: answer,
        }),
      );
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
