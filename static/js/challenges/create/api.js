// API calls and response types for creating a challenge.

import { callApi, get } from "../../base/api.js";

/**
 * @typedef {"initiated"|"uploading"|"completed"|"failed"|"cancelled"|"expired"} Status
 *
 * @typedef {{video_index: number, session_id: string, status: Status, remaining_chunks: number[], total_chunks: number,
 *   chunk_size: number, size: number, error: {type: string, message: string}|null}} UploadState The upload of one clip
 *   in a merge; its sizes are in bytes.
 *
 * @typedef {{statement_index: number, start_time: number, end_time: number, duration: number}} Segment A segment is a
 *   statement's part of the merged video; its times are in seconds.
 *
 * @typedef {{video_file_id: string, merged_video_url: string, poster_url: string|null, segments: Segment[],
 *   total_duration: number, compression_applied: boolean}} Merged
 *
 * @typedef {{title: string, overall_status: Status|"queued"|"processing", progress: number, message: string,
 *   uploads: UploadState[], job_id: string|null, merged_video: Merged|null, estimated_merge_time_seconds: number,
 *   error_message: string|null, retry_available: boolean, challenge_id: string|null}} Merge The progress covers uploads
 *   and merging, in percent; merging starts at 50.
 *
 * @typedef {{video_index: number, session_id: string, chunk_size: number, total_chunks: number}} Begun
 * @typedef {{id: string, status: string}} Challenge
 */

const CHALLENGES = "/api/v1/challenges";
const VIDEOS = "/api/v1/challenge-videos";
const makeMergePath = (/** @type {string} */ id, what = "") =>
  `${VIDEOS}/merge-session/${encodeURIComponent(id)}${what}`;
const makeUploadPath = (/** @type {string} */ id, /** @type {string} */ what) =>
  `${VIDEOS}/upload/${encodeURIComponent(id)}/${what}`;
const makeChallengePath = (/** @type {string} */ id, what = "") => `${CHALLENGES}/${encodeURIComponent(id)}${what}`;
const withKey = (/** @type {string} */ key) => ({ headers: { "Idempotency-Key": key } });

/** @param {any} body @param {string} key @returns {Promise<{merge_session_id: string, upload_sessions: Begun[]}>} */
export const requestMerge = (body, key) => callApi("POST", `${VIDEOS}/upload-for-merge/initiate`, body, withKey(key));
/** @param {string} id @returns {Promise<Merge>} */
export const readMerge = (id) => get(makeMergePath(id, "/status"));
/** @param {string} id @returns {Promise<Merge>} */
export const retryMerge = (id) => callApi("POST", makeMergePath(id, "/retry"), {});
/** @param {string} id @returns {Promise<Merge>} */
export const cancelMerge = (id) => callApi("POST", makeMergePath(id, "/cancel"), {});
/** @param {string} id */
export const deleteMerge = (id) => callApi("DELETE", makeMergePath(id));

/** @param {string} id */
export const getChunkUrl = (id) => makeUploadPath(id, "chunk");
/**
 * Return the numbers of the chunks that the server lacks; none for a completed upload. The request fails if the upload
 * has failed, expired or been cancelled.
 * @param {string} id
 * @returns {Promise<{remaining_chunks: number[]}>}
 */
export const resumeUpload = (id) => callApi("POST", makeUploadPath(id, "resume"), {});
/** @param {string} id */
export const completeUpload = (id) => callApi("POST", makeUploadPath(id, "complete"), {});
/** @param {{session_id: string, bytes: number, seconds: number, network?: string}} figures */
export const sendFigures = (figures) => callApi("POST", "/api/v1/analytics/upload", figures);

/** @param {any} body @param {string} key @returns {Promise<Challenge>} */
export const createChallenge = (body, key) => callApi("POST", CHALLENGES, body, withKey(key));
/** @param {string} id @param {{title: string, texts: string[], lie_statement_index: number}} fields */
export const changeChallenge = (id, fields) => callApi("PATCH", makeChallengePath(id), fields);
/** @param {string} id */
export const publishChallenge = (id) => callApi("POST", makeChallengePath(id, "/publish"), {});
/** @param {string} id */
export const deleteChallenge = (id) => callApi("DELETE", makeChallengePath(id));
/** @param {string} id */
export const getPagePath = (id) => `/challenges/${encodeURIComponent(id)}`;
