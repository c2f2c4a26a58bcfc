// API calls and response types of challenges and their merges.

import { callApi, get } from "../base/api.js";

/**
 * @typedef {import("../../../docs/openapi").Challenge} Challenge
 * @typedef {import("../../../docs/openapi").ChallengeList} ChallengeList
 * @typedef {import("../../../docs/openapi").Merge} Merge
 * @typedef {import("../../../docs/openapi").Score} Score
 */

const CHALLENGES = "/api/v1/challenges";
const MERGES = "/api/v1/challenge-videos/merge-sessions";
const withKey = (/** @type {string} */ key) => ({ headers: { "Idempotency-Key": key } });
const makePath = (/** @type {string} */ id, what = "") => `${CHALLENGES}/${encodeURIComponent(id)}${what}`;

/**
 * @param {Record<string, string|number>} query Query parameters of the list; parameters with empty values are not sent.
 * @param {AbortSignal} [signal]
 * @returns {Promise<ChallengeList>}
 */
export function listChallenges(query, signal) {
  const given = Object.entries(query).flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]]));
  return get(`${CHALLENGES}?${new URLSearchParams(given)}`, { signal });
}

/** Guests use the endpoints of the challenge page, because the API requires an account. */
export const isGuest = () => document.body.dataset.user === "";
const makePagePath = (/** @type {string} */ id) => `/challenges/${encodeURIComponent(id)}`;

/** @param {string} id @returns {Promise<Challenge>} */
export const readChallenge = (id) => get(isGuest() ? `${makePagePath(id)}?part=state` : makePath(id));
/** @param {string} id @param {{title?: string, texts?: string[], lie_statement_index?: number, guests_may_play?: boolean}} fields @returns {Promise<Challenge>} */
export const changeChallenge = (id, fields) => callApi("PATCH", makePath(id), fields);
/** @param {string} id */
export const deleteChallenge = (id) => callApi("DELETE", makePath(id));
/** @param {string} id @param {"publish"|"unpublish"} change @returns {Promise<Challenge>} */
export const changeVisibility = (id, change) => callApi("POST", makePath(id, `/${change}`), {});

/**
 * @param {string} id
 * @param {number} index The index of the statement chosen as the lie.
 * @param {string} key The idempotency key, which retries reuse.
 * @returns {Promise<{correct: boolean, lie_statement_index: number}>}
 */
export function sendGuess(id, index, key) {
  if (!isGuest()) return callApi("POST", makePath(id, "/guesses"), { statement_index: index }, withKey(key));
  const form = new FormData();
  form.append("statement_index", String(index));
  return callApi("POST", `${makePagePath(id)}/guess`, form);
}

/** @param {string} id @param {string} reason @param {string} key */
export const reportChallenge = (id, reason, key) => callApi("POST", makePath(id, "/reports"), { reason }, withKey(key));

/** @param {number} limit @returns {Promise<{merge_sessions: Merge[]}>} */
export const listMerges = (limit) => get(`${MERGES}?limit=${limit}&offset=0`);
