// API calls and response types for creating a challenge.

import { callApi, get } from "../../base/api.js";

/**
 * @typedef {object} UploadState The upload of one clip in a merge.
 * @property {number} video_index The clip's index in the merge.
 * @property {string} session_id
 * @property {string} filename
 * @property {"initiated"|"uploading"|"completed"|"failed"|"cancelled"|"expired"} status
 * @property {number[]} remaining_chunks
 * @property {number} total_chunks
 * @property {number} chunk_size Size in bytes.
 * @property {number} size The clip's size in bytes.
 * @property {string} upload_url
 * @property {{type: string, message: string}|null} error
 *
 * @typedef {{statement_index: number, start_time: number, end_time: number, duration: number}} Segment A segment is a
 *   statement's part of the merged video; its times are in seconds.
 *
 * @typedef {{video_file_id: string, merged_video_url: string, poster_url: string|null, segments: Segment[],
 *   total_duration: number, file_size: number, compression_applied: boolean}} Merged
 *
 * @typedef {object} Merge
 * @property {string} merge_session_id
 * @property {string} title
 * @property {"initiated"|"uploading"|"queued"|"processing"|"completed"|"failed"|"cancelled"|"expired"} overall_status
 * @property {number} progress Covers uploads and merging, in percent; merging starts at 50.
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
const makeMergePath = (/** @type {string} */ id, what = "") =>
  `${VIDEOS}/merge-session/${encodeURIComponent(id)}${what}`;
const makeUploadPath = (/** @type {string} */ id, /** @type {string} */ what) =>
  `${VIDEOS}/upload/${encodeURIComponent(id)}/${what}`;
const makeChallengePath = (/** @type {string} */ id, what = "") => `${CHALLENGES}/${encodeURIComponent(id)}${what}`;
const withKey = (/** @type {string} */ key) => ({ headers: { "Idempotency-Key": key } });

/** @param {any} body @param {string} key @returns {Promise<Initiated>} */
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
/** @param {string} id @param {{title: string, texts: string[], lie_statement_index: number}} fields @returns {Promise<Challenge>} */
export const changeChallenge = (id, fields) => callApi("PATCH", makeChallengePath(id), fields);
/** @param {string} id @returns {Promise<Challenge>} */
export const publishChallenge = (id) => callApi("POST", makeChallengePath(id, "/publish"), {});
/** @param {string} id */
export const deleteChallenge = (id) => callApi("DELETE", makeChallengePath(id));
/** @param {string} id */
export const getPagePath = (id) => `/challenges/${encodeURIComponent(id)}`;
