// API calls and response types for creating a challenge.

import { call, get } from "../../base/api.js";

/**
 * @typedef {object} UploadState The upload of one clip in a merge.
 * @property {number} video_index Index of the clip in the merge.
 * @property {string} session_id
 * @property {string} filename
 * @property {"initiated"|"uploading"|"completed"|"failed"|"cancelled"|"expired"} status
 * @property {number[]} remaining_chunks
 * @property {number} total_chunks
 * @property {number} chunk_size Chunk size in bytes.
 * @property {number} size Clip size in bytes.
 * @property {string} upload_url
 * @property {{type: string, message: string}|null} error
 *
 * @typedef {{statement_index: number, start_time: number, end_time: number, duration: number}} Segment A statement's
 *   part of the merged video; times in seconds.
 *
 * @typedef {{video_file_id: string, merged_video_url: string, poster_url: string|null, segments: Segment[],
 *   total_duration: number, file_size: number, compression_applied: boolean}} Merged
 *
 * @typedef {object} Merge
 * @property {string} merge_session_id
 * @property {string} title
 * @property {"initiated"|"uploading"|"queued"|"processing"|"completed"|"failed"|"cancelled"|"expired"} overall_status
 * @property {number} progress Progress of uploads and merge in percent; the merge starts at 50.
 * @property {string} message
 * @property {UploadState[]} uploads
 * @property {string|null} job_id
 * @property {Merged|null} merged_video
 * @property {number} estimated_merge_time_seconds
 * @property {string|null} error_message
 * @property {string|null} error_type
 * @property {boolean} retry_available
 * @property {string|null} challenge_id
 *
 * @typedef {{video_index: number, session_id: string, filename: string, upload_url: string, chunk_size: number,
 *   total_chunks: number}} Begun
 *
 * @typedef {{merge_session_id: string, upload_sessions: Begun[], estimated_merge_time_seconds: number}} Initiated
 *
 * @typedef {{id: string, status: string}} Challenge
 */

const VIDEOS = "/api/v1/challenge-videos";
const CHALLENGES = "/api/v1/challenges";
const mergeAt = (/** @type {string} */ id, what = "") => `${VIDEOS}/merge-session/${encodeURIComponent(id)}${what}`;
const uploadAt = (/** @type {string} */ id, /** @type {string} */ what) =>
  `${VIDEOS}/upload/${encodeURIComponent(id)}/${what}`;
const challengeAt = (/** @type {string} */ id, what = "") => `${CHALLENGES}/${encodeURIComponent(id)}${what}`;
const once = (/** @type {string} */ key) => ({ headers: { "Idempotency-Key": key } });

/** @param {any} body @param {string} key @returns {Promise<Initiated>} */
export const initiate = (body, key) => call("POST", `${VIDEOS}/upload-for-merge/initiate`, body, once(key));
/** @param {string} id @returns {Promise<Merge>} */
export const readMerge = (id) => get(mergeAt(id, "/status"));
/** @param {string} id @returns {Promise<Merge>} */
export const retryMerge = (id) => call("POST", mergeAt(id, "/retry"), {});
/** @param {string} id @returns {Promise<Merge>} */
export const cancelMerge = (id) => call("POST", mergeAt(id, "/cancel"), {});
/** @param {string} id */
export const deleteMerge = (id) => call("DELETE", mergeAt(id));

/** @param {string} id */
export const chunkAddress = (id) => uploadAt(id, "chunk");
/**
 * Return the numbers of the chunks that the server lacks; none for a completed upload. The request fails if the upload
 * has failed, expired or been cancelled.
 * @param {string} id
 * @returns {Promise<{remaining_chunks: number[]}>}
 */
export const resumeUpload = (id) => call("POST", uploadAt(id, "resume"), {});
/** @param {string} id */
export const completeUpload = (id) => call("POST", uploadAt(id, "complete"), {});
/** @param {{session_id: string, bytes: number, seconds: number, network?: string}} figures */
export const tellFigures = (figures) => call("POST", "/api/v1/analytics/upload", figures);

/** @param {any} body @param {string} key @returns {Promise<Challenge>} */
export const makeChallenge = (body, key) => call("POST", CHALLENGES, body, once(key));
/** @param {string} id @param {{title: string, texts: string[], lie_statement_index: number}} fields @returns {Promise<Challenge>} */
export const changeChallenge = (id, fields) => call("PATCH", challengeAt(id), fields);
/** @param {string} id @returns {Promise<Challenge>} */
export const publishChallenge = (id) => call("POST", challengeAt(id, "/publish"), {});
/** @param {string} id */
export const deleteChallenge = (id) => call("DELETE", challengeAt(id));
/** @param {string} id */
export const pageOf = (id) => `/challenges/${encodeURIComponent(id)}`;
