// The calls of challenges and of the merges that they are made of, and the shapes of what they answer.

import { call, get, idempotencyKey } from "../base/api.js";

/**
 * @typedef {import("./segments.js").Segment} Segment
 * @typedef {{index: number, media_file_id: string, text: string, duration_seconds: number}} Statement
 * @typedef {{correct: number, by_statement: number[]}} Results how many found the lie, and how many took each for it
 *
 * @typedef {object} Challenge as this user may see it
 * @property {string} id
 * @property {string} title
 * @property {{id: string, username: string, full_name: string}} owner
 * @property {boolean} is_own
 * @property {"draft"|"published"|"withheld"} status
 * @property {Statement[]} statements
 * @property {number|null} total_duration seconds
 * @property {Segment[]} segments where each statement stands in the video
 * @property {string|null} stream_url signed, runs out
 * @property {string|null} poster_url
 * @property {number|null} width
 * @property {number|null} height
 * @property {number|null} lie_statement_index null to who has not guessed and does not own it
 * @property {{statement_index: number, correct: boolean, created_at: string}|null} my_guess
 * @property {boolean} can_guess
 * @property {number} guess_count
 * @property {Results|null} results
 * @property {string} created_at
 * @property {string|null} published_at
 *
 * @typedef {{guesses: number, correct: number}} Score
 * @typedef {{challenges: Challenge[], pagination: {limit: number, offset: number, total: number}, score: Score}} ChallengeList
 *
 * @typedef {object} Merge clips on their way to be one video
 * @property {string} merge_session_id
 * @property {string} title
 * @property {"initiated"|"uploading"|"queued"|"processing"|"completed"|"failed"|"cancelled"|"expired"} overall_status
 * @property {number} progress percent; the uploads are the first half
 * @property {string} message
 * @property {{video_index: number, filename: string}[]} uploads
 * @property {string|null} job_id
 * @property {string|null} error_message
 * @property {boolean} retry_available
 * @property {string} created_at
 * @property {string|null} challenge_id
 */

const CHALLENGES = "/api/v1/challenges";
const MERGES = "/api/v1/challenge-videos/merge-sessions";
const path = (/** @type {string} */ id, what = "") => `${CHALLENGES}/${encodeURIComponent(id)}${what}`;

/**
 * @param {Record<string, string|number>} query limit, offset, mine, status, search, unplayed; empty ones are left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<ChallengeList>}
 */
export function listChallenges(query, signal) {
  const given = Object.entries(query)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [name, String(value)]);
  return get(`${CHALLENGES}?${new URLSearchParams(given)}`, { signal });
}

/** @param {string} id @returns {Promise<Challenge>} */
export const readChallenge = (id) => get(path(id));
/** @param {string} id @param {{title?: string, texts?: string[], lie_statement_index?: number}} fields @returns {Promise<Challenge>} */
export const changeChallenge = (id, fields) => call("PATCH", path(id), fields);
/** @param {string} id */
export const deleteChallenge = (id) => call("DELETE", path(id));
/** @param {string} id @param {"publish"|"unpublish"} change @returns {Promise<Challenge>} */
export const showChallenge = (id, change) => call("POST", path(id, `/${change}`), {});

/**
 * @param {string} id
 * @param {number} index of the statement that is taken for the lie
 * @param {string} key the same for the same guess sent again
 * @returns {Promise<{correct: boolean, lie_statement_index: number}>}
 */
export const guess = (id, index, key) =>
  call("POST", path(id, "/guesses"), { statement_index: index }, { headers: { "Idempotency-Key": key } });

/** @param {string} id @param {string} reason @param {string} key */
export const reportChallenge = (id, reason, key) =>
  call("POST", path(id, "/reports"), { reason }, { headers: { "Idempotency-Key": key } });

/** The user's own, the newest first. @param {number} limit @returns {Promise<{merge_sessions: Merge[]}>} */
export const listMerges = (limit) => get(`${MERGES}?limit=${limit}&offset=0`);

/** A key for one thing that is asked for; the same for the same thing tried again. */
export const newKey = idempotencyKey;
